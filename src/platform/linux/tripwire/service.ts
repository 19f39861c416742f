/** Joins the relay's pipe with the server: requests in, answers out, until either side ends. */
import type { Duplex } from 'node:stream';
import { RequestReader } from './protocol.ts';
import { type TripwireOptions, TripwireServer } from './server.ts';

/** Serves until the pipe closes. What no kernel sends closes it: then whoever still asks is refused by the kernel. */
export function serveTripwire(pipe: Duplex, options: Omit<TripwireOptions, 'send'>): TripwireServer {
  const reader = new RequestReader();
  const server = new TripwireServer({ ...options, send: (reply) => pipe.write(reply) });
  // The relay has gone: its end of the device is closed, and the kernel answers in its place.
  pipe.on('error', () => {});
  pipe.on('close', () => server.close());
  pipe.on('data', (chunk: Buffer) => {
    try {
      for (const request of reader.push(chunk)) void server.answer(request);
    } catch {
      pipe.destroy();
    }
  });
  return server;
}

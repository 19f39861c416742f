/** Joins two sockets so that what one says the other hears, until both have ended. */
import type { Socket } from 'node:net';
import { breakOff } from '../break-off.ts';

/** Bytes from the sandbox (`up`) and to it (`down`). */
export interface Traffic {
  readonly up: number;
  readonly down: number;
}

/**
 * Both sockets are paused, with `allowHalfOpen`: an end passes through as an end, a failure of one resets the other.
 * `onEnd` is called once, when both are closed.
 */
export function joinSockets(inside: Socket, outside: Socket, onEnd: (traffic: Traffic) => void): void {
  let open = 2;
  const closed = () => {
    open -= 1;
    if (open === 0) onEnd({ up: inside.bytesRead, down: outside.bytesRead });
  };
  const pass = (from: Socket, to: Socket) => {
    from.once('close', (failed) => {
      closed();
      if (failed || !from.readableEnded) breakOff(to);
    });
    from.on('error', () => {});
    if (from.destroyed) breakOff(to);
    else from.pipe(to);
  };
  pass(inside, outside);
  pass(outside, inside);
}

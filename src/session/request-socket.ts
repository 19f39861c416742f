/**
 * The socket by which the inside asks for a grant: it takes a few short messages and gives nothing back. SECURITY: whoever
 * is inside may connect as often as they like, so after a number of connections the socket is gone for the session; this
 * process has a boundary to keep.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { MAX_REQUEST_BYTES } from '../violations/requests.ts';

const NAME = 'request';
/** For twenty requests and as many mistakes. */
const MAX_CONNECTIONS = 64;
const AT_ONCE = 4;
/** Milliseconds for one message. */
const PATIENCE = 2000;

export class RequestSocket {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #connections = 0;

  /** `directory` is shown inside. Where the socket cannot be made, there is none: nothing depends on it. */
  constructor(directory: string, onMessage: (text: string) => void) {
    // sun_path holds 107 characters (unix(7)), and the way to a session may be longer: it is named through a descriptor.
    const place = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    this.#server = createServer((socket) => this.#hear(socket, onMessage));
    this.#server.maxConnections = AT_ONCE;
    this.#server.on('error', () => closeSync(place));
    // libuv unlinks by the same name, so the descriptor stays until then.
    this.#server.on('close', () => closeSync(place));
    this.#server.listen(`/proc/self/fd/${place}/${NAME}`);
    this.#server.unref();
  }

  close(): void {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }

  #hear(socket: Socket, onMessage: (text: string) => void): void {
    this.#connections += 1;
    if (this.#connections >= MAX_CONNECTIONS && this.#server.listening) this.#server.close();
    this.#open.add(socket);
    socket.unref();
    let message = Buffer.alloc(0);
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      message = Buffer.concat([message, chunk]);
      if (message.length > MAX_REQUEST_BYTES) socket.destroy();
    });
    socket.on('end', () => onMessage(message.toString('utf8')));
  }
}

/**
 * The Unix socket by which the person's other commands reach a session that runs. It lies in the session's own directory,
 * which only they may enter and which no sandbox shows; what answers is loaded with the first connection.
 */
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Connected } from '../network/types.ts';
import type { ControlledSession, ControlServer } from './control-server.ts';
import { socketPlace } from './socket-place.ts';

const NAME = 'control';
/** At one time: people and their scripts. */
const MOST_CONNECTIONS = 64;

/**
 * Milliseconds from the start of a session to its socket. To listen costs two of them (Node loads its cluster module for it), which
 * a command that is over by then should not pay; nobody can have wanted anything of it.
 */
const DELAY = 100;

export class ControlSocket {
  readonly #session: ControlledSession;
  readonly #open = new Set<Socket>();
  readonly #delay: NodeJS.Timeout;
  #server: Server | undefined;
  #answering: Promise<ControlServer> | undefined;
  #answerer: ControlServer | undefined;

  constructor(directory: string, session: ControlledSession) {
    this.#session = session;
    this.#delay = setTimeout(() => this.#listen(directory), DELAY);
    this.#delay.unref();
  }

  /** Ends every connection, those that wait to hear how a command ended once they have; the name is gone then. */
  async close(): Promise<void> {
    clearTimeout(this.#delay);
    if (this.#server?.listening) this.#server.close();
    const answerer = await this.#answering;
    await answerer?.farewell();
    for (const socket of this.#open) socket.destroy();
    answerer?.close();
  }

  /** What answers, for whoever holds the session. */
  answering(): Promise<ControlServer> {
    this.#answering ??= this.#load();
    return this.#answering;
  }

  async #load(): Promise<ControlServer> {
    const abilities = await this.#session.abilities?.();
    const { ControlServer } = await import('./control-server.ts');
    this.#answerer = new ControlServer(this.#session, abilities);
    return this.#answerer;
  }

  /** A connection was made through the gate: nobody has to be told where there is no grant. */
  connected(connected: Connected): void {
    this.#answerer?.connected(connected);
  }

  /** Where the socket cannot be made, there is none, and whoever wants it is told so; the session itself needs it for nothing. */
  #listen(directory: string): void {
    const { path, close } = socketPlace(directory, NAME);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#hear(socket),
    );
    this.#server = server;
    server.maxConnections = MOST_CONNECTIONS;
    server.on('error', close);
    // libuv unlinks by the same name, so the place stays until then.
    server.on('close', close);
    server.on('listening', () => chmodSync(path, 0o600));
    server.listen(path);
    server.unref();
  }

  #hear(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
    void this.answering().then((server) => server.serve(socket));
  }
}

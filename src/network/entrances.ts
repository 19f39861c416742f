/** Opens the places inside that stand for allowed destinations: a listener for each address and port that is asked for. */
import { createServer, type Server, type Socket } from 'node:net';
import type { SandboxSockets, SocketAddress } from './sandbox-sockets.ts';

export interface EntrancesOptions {
  readonly sockets: SandboxSockets;
  /** Takes over each connection; `at` is where it was made to. */
  readonly onConnection: (client: Socket, at: SocketAddress) => void;
}

/** Listeners at one time; the one that was asked for longest ago gives way. A wildcard allows any number of names. */
const MOST_OPEN = 1024;

export class Entrances {
  readonly #options: EntrancesOptions;
  /** In the order of their last use. */
  readonly #open = new Map<string, Promise<Server>>();

  constructor(options: EntrancesOptions) {
    this.#options = options;
  }

  /**
   * Resolves when connections to `at` are taken. Rejects with an error that has `errno` when they cannot be: EADDRINUSE where a
   * server inside has the port on every address.
   */
  async open(at: SocketAddress): Promise<void> {
    const key = `${at.address} ${at.port}`;
    const known = this.#open.get(key);
    this.#open.delete(key);
    const opened = known ?? this.#listen(at);
    this.#open.set(key, opened);
    if (this.#open.size > MOST_OPEN) this.#closeOldest();
    try {
      await opened;
    } catch (error) {
      this.#open.delete(key);
      throw error;
    }
  }

  close(): void {
    while (this.#open.size > 0) this.#closeOldest();
  }

  #closeOldest(): void {
    const [key, opened] = this.#open.entries().next().value!;
    this.#open.delete(key);
    opened.then(
      (server) => server.close(),
      () => {}, // It never stood.
    );
  }

  async #listen(at: SocketAddress): Promise<Server> {
    const handle = await this.#options.sockets.socket('listening', at);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) =>
      this.#options.onConnection(client, at),
    );
    await new Promise<void>((done, fail) => server.once('error', fail).listen({ _handle: handle }, done));
    return server;
  }
}

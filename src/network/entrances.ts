/** Opens the places inside that stand for allowed destinations: a listener for each address and port that is asked for. */
import { createServer, type Server, type Socket } from 'node:net';
import type { SandboxSockets, SocketAddress } from './sandbox-sockets.ts';

export interface EntrancesOptions {
  readonly sockets: SandboxSockets;
  /** Takes over each connection; `at` is where it was made to. */
  readonly onConnection: (client: Socket, at: SocketAddress) => void;
  /** Connections to `at` are no longer taken. */
  readonly onClosed: (at: SocketAddress) => void;
}

interface Entrance {
  readonly at: SocketAddress;
  readonly opened: Promise<Server>;
}

/** Listeners at one time; the one that was asked for longest ago gives way. A wildcard allows any number of names. */
const MOST_OPEN = 1024;

function keyOf({ address, port }: SocketAddress): string {
  return `${address} ${port}`;
}

export class Entrances {
  readonly #options: EntrancesOptions;
  /** In the order of their last use. */
  readonly #open = new Map<string, Entrance>();

  constructor(options: EntrancesOptions) {
    this.#options = options;
  }

  /**
   * Resolves when connections to `at` are taken. Rejects with an error that has `errno` when they cannot be: EADDRINUSE where a
   * server inside has the port on every address.
   */
  async open(at: SocketAddress): Promise<void> {
    const entrance = this.#use(at) ?? { at, opened: this.#listen(at) };
    this.#open.set(keyOf(at), entrance);
    if (this.#open.size > MOST_OPEN) this.#close(this.#open.values().next().value!);
    try {
      await entrance.opened;
    } catch (error) {
      this.#open.delete(keyOf(at));
      throw error;
    }
  }

  has(at: SocketAddress): boolean {
    return this.#open.has(keyOf(at));
  }

  /** Closes those that `isWanted` does not hold for. */
  retain(isWanted: (at: SocketAddress) => boolean): void {
    for (const entrance of [...this.#open.values()]) if (!isWanted(entrance.at)) this.#close(entrance);
  }

  close(): void {
    this.retain(() => false);
  }

  /** What is open at this place, as the one that was used last. */
  #use(at: SocketAddress): Entrance | undefined {
    const entrance = this.#open.get(keyOf(at));
    if (entrance === undefined) return undefined;
    this.#open.delete(keyOf(at));
    this.#open.set(keyOf(at), entrance);
    return entrance;
  }

  #close({ at, opened }: Entrance): void {
    this.#open.delete(keyOf(at));
    this.#options.onClosed(at);
    opened.then(
      (server) => server.close(),
      () => {}, // It never stood.
    );
  }

  async #listen(at: SocketAddress): Promise<Server> {
    const handle = await this.#options.sockets.socket('listening', at);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
      this.#use(at);
      this.#options.onConnection(client, at);
    });
    await new Promise<void>((done, fail) => server.once('error', fail).listen({ _handle: handle }, done));
    return server;
  }
}

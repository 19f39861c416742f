/** Makes servers inside reachable from the host's loopback, on the port they have inside. */
import { readFileSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { SERVICE_PORTS } from '../../policy/service-ports.ts';
import type { SandboxSockets, SocketAddress } from '../sandbox-sockets.ts';
import { joinSockets, type Traffic } from './join.ts';
import { listeningSockets } from './socket-table.ts';

export interface PublisherOptions {
  readonly sockets: SandboxSockets;
  /** True for listeners inside that are our own. */
  readonly isOurs: (at: SocketAddress) => boolean;
  readonly onPublished: (at: SocketAddress) => void;
  /** The port cannot be had outside; `why` is a clause. */
  readonly onUnpublished: (at: SocketAddress, why: string) => void;
  readonly onTraffic: (at: SocketAddress, traffic: Traffic) => void;
}

/** Below it a port is privileged (ip(7)); the host's programs believe what answers there. */
const LEAST_PORT = 1024;
/** Whoever listens on thousands of ports inside must not take them from the host. */
const MOST_PUBLISHED = 64;
/** After listen(2) was seen: at once, and again for a slow machine. Then as long as something is published. */
const LOOKS_MS = [5, 50, 300] as const;
const REGULAR_LOOK_MS = 2000;

interface Published {
  readonly server: Server;
  readonly connections: Set<Socket>;
}

/** Places on the host's loopback from which a listener inside is reached. */
function outsideOf({ address, port }: SocketAddress): SocketAddress[] {
  const four = { address: '127.0.0.1', port };
  const six = { address: '::1', port };
  if (address === '::') return [four, six];
  if (address === '::1') return [six];
  return address === '0.0.0.0' || address.startsWith('127.') ? [four] : [];
}

export class Publisher {
  readonly #options: PublisherOptions;
  /** By the outside place. A place that could not be had is kept as `undefined`, so that it is told once. */
  readonly #places = new Map<string, Published | undefined>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #init = 0;
  #full = false;
  #regular: NodeJS.Timeout | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Somebody inside calls listen(2). `init` is the sandbox's first process, by its pid on the host. */
  listening(init: number): void {
    this.#init = init;
    for (const delay of LOOKS_MS) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#look();
      }, delay);
      this.#timers.add(timer);
    }
    this.#regular ??= setInterval(() => this.#look(), REGULAR_LOOK_MS);
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    clearInterval(this.#regular);
    for (const place of [...this.#places.keys()]) this.#withdraw(place);
  }

  #look(): void {
    const wanted = this.#wanted();
    const missing = [...this.#places.keys()].filter((place) => !wanted.has(place));
    // The kernel lists its table in pieces: what another socket's end pushed out of one look is in the next.
    const again = missing.length > 0 ? this.#wanted() : wanted;
    for (const place of missing) if (!again.has(place)) this.#withdraw(place);
    for (const [place, { outside, inside }] of wanted)
      if (!this.#places.has(place)) this.#publish(place, outside, inside);
  }

  /** By the outside place. */
  #wanted(): ReadonlyMap<string, { readonly outside: SocketAddress; readonly inside: SocketAddress }> {
    const wanted = new Map<string, { readonly outside: SocketAddress; readonly inside: SocketAddress }>();
    for (const at of this.#listeners())
      for (const outside of outsideOf(at))
        wanted.set(`${outside.address} ${outside.port}`, {
          outside,
          inside: at.address === '::' || at.address === '0.0.0.0' ? outside : at,
        });
    return wanted;
  }

  #listeners(): SocketAddress[] {
    const table = (name: string) => {
      try {
        return readFileSync(`/proc/${this.#init}/net/${name}`, 'latin1');
      } catch {
        return ''; // The sandbox has ended.
      }
    };
    return [...listeningSockets(table('tcp')), ...listeningSockets(table('tcp6'))].filter(
      (at) => !this.#options.isOurs(at),
    );
  }

  #publish(place: string, outside: SocketAddress, inside: SocketAddress): void {
    const { onPublished, onUnpublished } = this.#options;
    if (this.#places.size >= MOST_PUBLISHED) {
      this.#tellFull(outside);
      return;
    }
    const why =
      outside.port < LEAST_PORT
        ? 'ports below 1024 are not given to the host'
        : SERVICE_PORTS.has(outside.port) && 'the host’s tools would trust what answers there';
    this.#places.set(place, undefined);
    if (why) {
      onUnpublished(outside, why);
      return;
    }
    const connections = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (visitor) => {
      visitor.on('error', () => {});
      connections.add(visitor);
      visitor.once('close', () => connections.delete(visitor));
      void this.#join(visitor, outside, inside);
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      onUnpublished(outside, error.code === 'EADDRINUSE' ? 'it is taken outside' : error.message);
    });
    server.listen({ host: outside.address, port: outside.port, exclusive: true }, () => {
      // Withdrawn before it stood.
      if (!this.#places.has(place)) return server.close();
      this.#places.set(place, { server, connections });
      onPublished(outside);
    });
    server.unref();
  }

  /** Once: more of them say nothing new. */
  #tellFull(outside: SocketAddress): void {
    if (this.#full) return;
    this.#full = true;
    this.#options.onUnpublished(outside, `${MOST_PUBLISHED} ports are given to the host already`);
  }

  async #join(visitor: Socket, outside: SocketAddress, inside: SocketAddress): Promise<void> {
    try {
      const handle = await this.#options.sockets.socket('connected', inside);
      // Node's own IPC makes sockets of handles in this way (lib/internal/child_process.js).
      const server = new Socket({ handle, allowHalfOpen: true } as object);
      joinSockets(server, visitor, (traffic) => this.#options.onTraffic(outside, traffic));
    } catch {
      visitor.resetAndDestroy();
      this.#look();
    }
  }

  #withdraw(place: string): void {
    const published = this.#places.get(place);
    this.#places.delete(place);
    published?.server.close();
    for (const socket of published?.connections ?? []) socket.destroy();
  }
}

/** Lets programs inside reach services on the host's loopback: a listener inside for each port that is asked for. */

import { connect, createServer, type Server, type Socket } from 'node:net';
import { onceTold } from '../once-told.ts';
import type { AskedCall, SandboxSockets, SocketAddress } from '../sandbox-sockets.ts';
import { joinSockets, type Traffic } from './join.ts';

export interface HostBridgeOptions {
  readonly sockets: SandboxSockets;
  /** A connect to a host port that is refused. */
  readonly onRefused: (call: AskedCall, why: string) => void;
  /** A connect that reaches a host port, before it is let pass; later ones come as calls that were told. */
  readonly onReached: (call: AskedCall) => void;
  /** The program that made a connection which was just accepted; undefined where that is not known. */
  readonly programOf: (client: Socket, at: SocketAddress) => string | undefined;
  /** A connection to a host service has ended. */
  readonly onTraffic: (at: SocketAddress, traffic: Traffic, program: string | undefined) => void;
}

const EACCES = 13;
const EADDRINUSE = 98;
/** How long a server inside is believed to be there, so that its clients are not asked about one by one. */
const INSIDE_MS = 1000;
/** The host's loopback answers at once or not at all. */
const DIAL_TIMEOUT_MS = 2000;

/** Connects to the host's own loopback; undefined when nothing answers. */
function dialHost({ address, port }: SocketAddress): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), DIAL_TIMEOUT_MS);
    socket.once('error', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      // Until it is joined, an error must not end the process.
      socket.on('error', () => {});
      resolve(socket.pause());
    });
  });
}

/** One port of the host as it is reached inside. */
interface Bridged {
  readonly at: SocketAddress;
  readonly server: Server;
}

export class HostBridge {
  readonly #options: HostBridgeOptions;
  readonly #listeners = new Map<string, Bridged>();
  /** By the place that each was made to. */
  readonly #connections = new Map<Socket, SocketAddress>();
  #whenNone: (() => void) | undefined;

  constructor(options: HostBridgeOptions) {
    this.#options = options;
  }

  /** Whether a listener inside at this place is ours. */
  holds({ address, port }: SocketAddress): boolean {
    return this.#listeners.has(`${address} ${port}`);
  }

  /** Answers a TCP connect to a loopback address. `why`: the clause for which the host's port must not be used. */
  async connect(call: AskedCall, why: string | undefined): Promise<void> {
    const { sockets, onRefused } = this.#options;
    const at = { address: call.address, port: call.port };
    const server = await this.#listen(at);
    // A server inside comes first; the rules are about the host's.
    if (server === undefined) {
      sockets.settle({ id: call.id, errno: 0, at, remember: 'passing' });
      setTimeout(() => sockets.settle({ errno: 0, at }), INSIDE_MS).unref();
      return;
    }
    if (why !== undefined) {
      server.close();
      onRefused(call, why);
      return sockets.settle({ id: call.id, errno: EACCES, at });
    }
    const first = await dialHost(at);
    if (first === undefined) {
      // With nothing there on either side the kernel says so.
      server.close();
      return sockets.settle({ id: call.id, errno: 0, at });
    }
    this.#serve(at, server, first);
    this.#options.onReached(call);
    sockets.settle({ id: call.id, errno: 0, at, remember: 'telling' });
  }

  /** Gives a port back before a server inside binds it. */
  release(port: number): void {
    for (const bridged of [...this.#listeners.values()]) if (bridged.at.port === port) this.#drop(bridged);
  }

  /** Closes those that `isWanted` does not hold for, with their connections. */
  retain(isWanted: (at: SocketAddress) => boolean): void {
    for (const bridged of [...this.#listeners.values()]) if (!isWanted(bridged.at)) this.#drop(bridged);
    for (const [socket, at] of this.#connections) if (!isWanted(at)) socket.destroy();
  }

  /** Resolves when `onTraffic` has told of the last connection. */
  async close(): Promise<void> {
    this.retain(() => false);
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenNone = resolve;
    });
  }

  /** Undefined when somebody inside holds the port. */
  async #listen(at: SocketAddress): Promise<Server | undefined> {
    const { sockets } = this.#options;
    let handle: object;
    try {
      handle = await sockets.socket('listening', at);
    } catch (error) {
      if ((error as { errno?: number }).errno === EADDRINUSE) return undefined;
      throw error;
    }
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    await new Promise<void>((done, fail) => server.once('error', fail).listen({ _handle: handle }, done));
    return server;
  }

  #drop({ at, server }: Bridged): void {
    this.#listeners.delete(`${at.address} ${at.port}`);
    server.close();
    this.#options.sockets.settle({ errno: 0, at });
  }

  /** `first` was dialled to see whether anything is there; it carries the first connection, so the service sees one visit. */
  #serve(at: SocketAddress, server: Server, first: Socket): void {
    let spare: Socket | undefined = first;
    first.once('close', () => {
      if (spare === first) spare = undefined;
    });
    const bridged = { at, server };
    this.#listeners.set(`${at.address} ${at.port}`, bridged);
    server.on('connection', (client) => {
      client.on('error', () => {});
      const ready = spare;
      spare = undefined;
      onceTold(() => void this.#join(bridged, client, ready));
    });
    server.on('error', () => this.#drop(bridged));
  }

  async #join(bridged: Bridged, client: Socket, ready: Socket | undefined): Promise<void> {
    const { at } = bridged;
    this.#keep(client, at);
    const program = this.#options.programOf(client, at);
    const host = ready ?? (await dialHost(at));
    if (client.destroyed) {
      // Its rule went while the host was dialled.
      host?.destroy();
      return;
    }
    if (host === undefined) {
      // The service has gone: the next connect is asked about anew and refused by the kernel.
      this.#drop(bridged);
      client.resetAndDestroy();
      return;
    }
    this.#keep(host, at);
    joinSockets(client, host, (traffic) => this.#options.onTraffic(at, traffic, program));
  }

  #keep(socket: Socket, at: SocketAddress): void {
    this.#connections.set(socket, at);
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (this.#connections.size === 0) this.#whenNone?.();
    });
  }
}

/** Lets programs inside reach services on the host's loopback: a listener inside for each port that is asked for. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type AskedCall, FOR_GOOD, type SandboxSockets, type SocketAddress } from '../sandbox-sockets.ts';
import { joinSockets, type Traffic } from './join.ts';

export interface HostBridgeOptions {
  readonly sockets: SandboxSockets;
  /** A connect to a host port that is refused. */
  readonly onRefused: (call: AskedCall, why: string) => void;
  /** A connection to a host service has ended. */
  readonly onTraffic: (at: SocketAddress, traffic: Traffic) => void;
}

const EACCES = 13;
const EADDRINUSE = 98;
/** How long a server inside is believed to be there, so that its clients are not asked about one by one. */
const INSIDE_SECONDS = 1;
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

export class HostBridge {
  readonly #options: HostBridgeOptions;
  readonly #listeners = new Map<string, { readonly at: SocketAddress; readonly server: Server }>();
  readonly #connections = new Set<Socket>();

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
    if (server === undefined) return sockets.settle({ id: call.id, errno: 0, at, seconds: INSIDE_SECONDS });
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
    sockets.settle({ id: call.id, errno: 0, at, seconds: FOR_GOOD });
  }

  /** Gives a port back before a server inside binds it. */
  release(port: number): void {
    for (const { at, server } of [...this.#listeners.values()]) if (at.port === port) this.#drop(at, server);
  }

  close(): void {
    for (const { at, server } of [...this.#listeners.values()]) this.#drop(at, server);
    for (const socket of this.#connections) socket.destroy();
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

  #drop(at: SocketAddress, server: Server): void {
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
    this.#listeners.set(`${at.address} ${at.port}`, { at, server });
    server.on('connection', (client) => {
      const ready = spare;
      spare = undefined;
      void this.#join(at, server, client, ready);
    });
    server.on('error', () => this.#drop(at, server));
  }

  async #join(at: SocketAddress, server: Server, client: Socket, ready: Socket | undefined): Promise<void> {
    client.on('error', () => {});
    const host = ready ?? (await dialHost(at));
    if (host === undefined) {
      // The service has gone: the next connect is asked about anew and refused by the kernel.
      this.#drop(at, server);
      client.resetAndDestroy();
      return;
    }
    for (const socket of [client, host]) {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    }
    joinSockets(client, host, (traffic) => this.#options.onTraffic(at, traffic));
  }
}

/**
 * Relays connections from inside to Unix sockets of the host. What is shown inside is a socket of this process, never the host's:
 * bytes pass in both directions and nothing else. Descriptors do not, since nobody here receives them (unix(7), SCM_RIGHTS:
 * a plain read discards them), and the service sees this process's credentials, not those of whoever asks.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { joinSockets, type Traffic } from './loopback/join.ts';

export interface SocketRelayOptions {
  /** In it a directory is made for the sockets: absolute, without symbolic links, closed to others. */
  readonly directory: string;
  /** Of the host's sockets: absolute, without symbolic links. */
  readonly paths: readonly string[];
  /** A connection has ended. */
  readonly onTraffic: (path: string, traffic: Traffic) => void;
  /** A connection was not relayed; `why` is a clause of ours. */
  readonly onRefused: (path: string, why: string) => void;
}

/** Of linux/fcntl.h, the same on x86-64 and arm64: a descriptor that only says which file it is. */
const O_PATH = 0o10000000;
/** Connections to one socket at a time. */
const MOST_AT_ONCE = 512;
/** A service whose queue is full is asked again for so long: connect(2) would wait there, and a call that may not says EAGAIN. */
const PATIENCE_MS = 5000;
const PAUSE_MS = 10;

interface Relayed {
  readonly path: string;
  /** Who its service was at the start. */
  readonly owner: number | undefined;
  readonly server: Server;
  readonly source: string;
}

function ownerOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.uid;
}

/**
 * SECURITY: what is dialled is the file that was looked at, by its descriptor, and not its name a second time. A link that
 * somebody puts in the socket's place or on the way to it, or another user's socket of that name, is not followed. Covered by
 * "a socket exchanged for a link during the run".
 */
function openSocket({ path, owner }: Relayed): number {
  const descriptor = openSync(path, O_PATH | constants.O_NOFOLLOW);
  const state = fstatSync(descriptor);
  const place = readlinkSync(`/proc/self/fd/${descriptor}`);
  const why =
    place !== path
      ? 'its name leads elsewhere now'
      : !state.isSocket()
        ? 'it is no socket any more'
        : state.uid !== owner
          ? `it belongs to user ${state.uid} now`
          : undefined;
  if (why === undefined) return descriptor;
  closeSync(descriptor);
  throw new Error(why);
}

/** Rejects as connect(2) fails. */
function dialOnce(descriptor: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: `/proc/self/fd/${descriptor}`, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      // Until it is joined, an error must not end the process.
      socket.on('error', () => {});
      resolve(socket.pause());
    });
  });
}

async function dial(relayed: Relayed): Promise<Socket> {
  const descriptor = openSocket(relayed);
  try {
    for (const until = Date.now() + PATIENCE_MS; ; await delay(PAUSE_MS)) {
      try {
        return await dialOnce(descriptor);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || Date.now() > until) throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'nothing is there now',
  ENOTDIR: 'nothing is there now',
  ECONNREFUSED: 'nobody answers there',
  EAGAIN: 'its service takes no more connections',
  EPROTOTYPE: 'it takes datagrams or packets, and only streams are relayed',
  // open(2) with O_NOFOLLOW and O_PATH opens a link itself; ELOOP comes from a directory above.
  ELOOP: 'its name leads elsewhere now',
};

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === undefined ? message : (REASONS[code] ?? `it cannot be reached (${code})`);
}

export class SocketRelay {
  readonly #options: SocketRelayOptions;
  readonly #directory: string;
  readonly #relayed = new Map<string, Relayed>();
  readonly #open = new Set<Socket>();
  #closed = false;

  private constructor(options: SocketRelayOptions) {
    this.#options = options;
    this.#directory = mkdtempSync(join(options.directory, 'sockets-'));
  }

  /** Resolves when every socket can be connected to. */
  static async open(options: SocketRelayOptions): Promise<SocketRelay> {
    const relay = new SocketRelay(options);
    try {
      await Promise.all(options.paths.map((path, index) => relay.#listen(path, String(index))));
      return relay;
    } catch (error) {
      relay.close();
      throw error;
    }
  }

  /** Where the relay of a path listens. Throws RangeError for a path it has none for. */
  sourceOf(path: string): string {
    const relayed = this.#relayed.get(path);
    if (relayed === undefined) throw new RangeError(`nothing relays to ${path}`);
    return relayed.source;
  }

  /** Takes the names away: once they are mounted inside nobody needs them, and nothing is left whoever is killed. */
  hide(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Ends every connection. */
  close(): void {
    this.#closed = true;
    for (const { server } of this.#relayed.values()) server.close();
    for (const socket of this.#open) socket.destroy();
    this.hide();
  }

  async #listen(path: string, name: string): Promise<void> {
    // sun_path holds 107 characters (unix(7)), and the way to a session may be longer: it is named through a descriptor.
    const place = openSync(this.#directory, constants.O_RDONLY | constants.O_DIRECTORY);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.maxConnections = MOST_AT_ONCE;
    const relayed = { path, owner: ownerOf(path), server, source: join(this.#directory, name) };
    this.#relayed.set(path, relayed);
    server.on('connection', (client) => void this.#serve(client, relayed));
    server.on('drop', () =>
      this.#options.onRefused(path, `${MOST_AT_ONCE} connections to it are open already`),
    );
    // libuv unlinks by the same name, so the descriptor stays until then.
    server.on('close', () => closeSync(place));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        closeSync(place);
        reject(error);
      });
      server.listen(`/proc/self/fd/${place}/${name}`, resolve);
    });
    chmodSync(relayed.source, 0o600);
    server.unref();
  }

  async #serve(client: Socket, relayed: Relayed): Promise<void> {
    const { path } = relayed;
    this.#keep(client);
    try {
      const service = await dial(relayed);
      if (this.#closed) {
        service.destroy();
        return;
      }
      this.#keep(service);
      joinSockets(client, service, (traffic) => this.#options.onTraffic(path, traffic));
    } catch (error) {
      client.destroy();
      this.#options.onRefused(path, reasonOf(error));
    }
  }

  #keep(socket: Socket): void {
    socket.on('error', () => {});
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
  }
}

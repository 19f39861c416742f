/** Connects to one of several addresses of a host, IPv6 and IPv4 in turn: "happy eyeballs", RFC 8305. */
import { connect, type Socket } from 'node:net';
import { formatAddress, type IpAddress } from '../policy/ip-address.ts';
import type { Waiter } from './waiter.ts';

export interface DialTarget {
  readonly port: number;
  /** Checked, best first, at least one. */
  readonly addresses: readonly IpAddress[];
}

export interface DialOptions {
  /** Until the next address is tried beside the one that has not answered. Default 250, RFC 8305 §8. */
  readonly attemptDelayMs?: number;
  /** For all addresses together. Default 20,000. */
  readonly timeoutMs?: number;
  /** Begins to connect to an address. Default `net.connect`, half open: a client that has said all still waits for the answer. */
  readonly open?: (address: string, port: number) => Socket;
}

const openSocket = (host: string, port: number): Socket =>
  connect({ host, port, allowHalfOpen: true, noDelay: true });

export type Dialled =
  | { readonly kind: 'connected'; readonly socket: Socket; readonly address: string }
  | { readonly kind: 'failed'; readonly why: string };

/** The first address leads, then the families take turns: RFC 8305 §4. */
export function interleave(addresses: readonly IpAddress[]): IpAddress[] {
  const family = addresses[0]?.family;
  const first = addresses.filter((address) => address.family === family);
  const second = addresses.filter((address) => address.family !== family);
  const longest = Math.max(first.length, second.length);
  return Array.from({ length: longest }, (_, index) => [first[index], second[index]])
    .flat()
    .filter((address) => address !== undefined);
}

/** A reset that comes before anybody listens must not end the process. Whoever uses the socket sees it close. */
const ignoreError = (): void => {};

/** One run over the addresses: the first that connects wins, the others are closed. */
class Race {
  readonly #open: (address: string) => Socket;
  readonly #left: IpAddress[];
  readonly #delayMs: number;
  readonly #pending = new Set<Socket>();
  readonly #failures: string[] = [];
  readonly #end: (dialled: Dialled) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor({ port, addresses }: DialTarget, options: DialOptions, end: (dialled: Dialled) => void) {
    const { open = openSocket, attemptDelayMs = 250 } = options;
    this.#open = (address) => open(address, port);
    this.#left = interleave(addresses);
    this.#delayMs = attemptDelayMs;
    this.#end = end;
  }

  next(): void {
    clearTimeout(this.#timer);
    const address = this.#left.shift();
    if (address === undefined) {
      if (this.#pending.size === 0) this.#end({ kind: 'failed', why: this.#failures.join(', ') });
      return;
    }
    this.#try(formatAddress(address));
    if (this.#left.length > 0) this.#timer = setTimeout(() => this.next(), this.#delayMs);
  }

  #try(address: string): void {
    const socket = this.#open(address);
    this.#pending.add(socket);
    const fail = (error: NodeJS.ErrnoException) => {
      this.#pending.delete(socket);
      this.#failures.push(`${address} ${error.code ?? 'failed'}`);
      this.next();
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      socket.on('error', ignoreError);
      this.#pending.delete(socket);
      this.#end({ kind: 'connected', socket, address });
    });
  }

  /** Closes all that have not won. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const socket of this.#pending) {
      socket.removeAllListeners();
      socket.on('error', ignoreError);
      socket.destroy();
    }
    this.#pending.clear();
    this.#left.length = 0;
  }
}

/** Rejects with the signal's reason when it is aborted, and for nothing else. */
export function dial(target: DialTarget, options: DialOptions = {}, signal?: Waiter): Promise<Dialled> {
  const { timeoutMs = 20_000 } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const finish = () => {
      clearTimeout(limit);
      signal?.removeEventListener('abort', abort);
      race.stop();
    };
    const race = new Race(target, options, (dialled) => {
      finish();
      resolve(dialled);
    });
    const abort = () => {
      finish();
      reject(signal!.reason);
    };
    const limit = setTimeout(() => {
      finish();
      resolve({ kind: 'failed', why: `no answer within ${timeoutMs / 1000} s` });
    }, timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
    race.next();
  });
}

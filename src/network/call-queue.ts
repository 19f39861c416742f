/** Which process made the connection that was just accepted: the calls that were let pass, by where they lead. */
import type { AskedCall, SocketAddress } from './sandbox-sockets.ts';

/** A call that never became a connection (the program was killed) is forgotten after this time. */
const FORGOTTEN_MS = 10_000;
/** For each place. */
const MOST_WAITING = 1024;
/** Those that were called longest ago are forgotten: a wildcard allows any number of names, on every port. */
const MOST_PLACES = 4096;

interface Waiting {
  readonly pid: number;
  readonly since: number;
}

/**
 * The kernel tells who connects before the connection exists, and accepts in the order of arrival. Two processes that connect
 * to one place at the same moment may be taken for each other; nothing is decided by it.
 */
export class CallQueue {
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** `call` was let pass. */
  expect({ address, port, pid }: AskedCall): void {
    const key = `${address} ${port}`;
    const queue = this.#waiting.get(key) ?? [];
    if (queue.length < MOST_WAITING) queue.push({ pid, since: this.#now() });
    this.#waiting.delete(key);
    this.#waiting.set(key, queue);
    if (this.#waiting.size > MOST_PLACES) this.#waiting.delete(this.#waiting.keys().next().value!);
  }

  /** The process, by its pid on the host; 0 when it is not known. */
  take({ address, port }: SocketAddress): number {
    const key = `${address} ${port}`;
    const queue = this.#waiting.get(key) ?? [];
    const oldest = this.#now() - FORGOTTEN_MS;
    let first = queue.shift();
    while (first !== undefined && first.since < oldest) first = queue.shift();
    if (queue.length === 0) this.#waiting.delete(key);
    return first?.pid ?? 0;
  }
}

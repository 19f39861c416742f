/** What was ordered of the launcher and is waited for: sockets of the sandbox's network, and calls in a sandbox that runs. */
import type { WireRecord } from './plan-codec.ts';

interface Awaited {
  resolve(handle: object): void;
  reject(error: Error): void;
}

/** A socket could not be made inside; `errno` is positive. */
class NoSocket extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`the sandbox's network gave no socket (errno ${errno})`);
    this.errno = errno;
  }
}

/** Calls for a sandbox that runs were not all made; `errno` is positive. */
export class CallsFailed extends Error {
  readonly errno: number;
  /** What the call was for. */
  readonly at: string;

  constructor(errno: number, at: string) {
    super(`${at}: errno ${errno}`);
    this.errno = errno;
    this.at = at;
  }
}

export class LauncherOrders {
  readonly #awaited = new Map<number, Awaited>();
  #tokens = 0;

  /** `send`: says it to the launcher under this token, with which the answer comes. Gives the handle, where it is for one. */
  place(send: (token: number) => void): Promise<object> {
    const token = ++this.#tokens;
    return new Promise((resolve, reject) => {
      this.#awaited.set(token, { resolve, reject });
      send(token);
    });
  }

  /** A handle came on the channel, with a message that says what for. */
  receive(message: unknown, handle: unknown): void {
    this.#answer((message as { socket?: number }).socket ?? 0)?.resolve(handle as object);
  }

  hear(record: WireRecord): void {
    if (record.kind !== 'no-socket' && record.kind !== 'called') return;
    const { token, errno } = record;
    const awaited = this.#answer(token);
    // 0: it was done, and has no socket.
    if (errno === 0) awaited?.resolve({});
    else awaited?.reject(record.kind === 'called' ? new CallsFailed(errno, record.at) : new NoSocket(errno));
  }

  /** No more answers come. */
  fail(error: Error): void {
    for (const { reject } of this.#awaited.values()) reject(error);
    this.#awaited.clear();
  }

  #answer(token: number): Awaited | undefined {
    const awaited = this.#awaited.get(token);
    this.#awaited.delete(token);
    return awaited;
  }
}

/** Owns how those who work for somebody learn that nobody waits any more. */

/** What is needed of an AbortSignal, and every AbortSignal is one. */
export interface Waiter {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options: { readonly once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

class GaveUp extends Error {
  constructor() {
    super('nobody waits for this connection any more');
  }
}

/** A waiter for each connection: an AbortController and its event would cost as much as the rest of what is decided. */
export class LightWaiter implements Waiter {
  readonly #listeners = new Set<() => void>();
  #gaveUp = false;

  get aborted(): boolean {
    return this.#gaveUp;
  }

  get reason(): unknown {
    return this.#gaveUp ? new GaveUp() : undefined;
  }

  throwIfAborted(): void {
    if (this.#gaveUp) throw new GaveUp();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Tells whoever still works for it, once. */
  giveUp(): void {
    this.#gaveUp = true;
    for (const listener of [...this.#listeners]) listener();
    this.#listeners.clear();
  }
}

/** The same as an AbortSignal, for those who can use nothing else. */
export function signalOf(waiter: Waiter): AbortSignal {
  if (waiter instanceof AbortSignal) return waiter;
  const controller = new AbortController();
  if (waiter.aborted) controller.abort(waiter.reason);
  else waiter.addEventListener('abort', () => controller.abort(waiter.reason), { once: true });
  return controller.signal;
}

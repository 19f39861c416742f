/** Loads the network side of a run when something inside first wants it: most commands never do. */
import type { LauncherRecord } from '../platform/linux/plan.ts';
import type { GrantableNetwork } from './live-grants.ts';

/** Answers what is asked for inside, and opens and closes hosts. */
export interface SessionNetwork extends GrantableNetwork {
  asked(call: LauncherRecord & { readonly kind: 'asked' }): void;
  /** Something inside listens. `pid`: of init, on the host. */
  listening?(pid: number): void;
  close(): void | Promise<void>;
}

export class LazyNetwork<Network extends SessionNetwork> {
  readonly #start: () => Promise<Network>;
  #network: Promise<Network> | undefined;

  constructor(start: () => Promise<Network>) {
    this.#start = start;
  }

  take(record: LauncherRecord & { readonly kind: 'asked' | 'listening' }): void {
    void this.get().then((network) =>
      record.kind === 'asked' ? network.asked(record) : network.listening?.(record.pid),
    );
  }

  get(): Promise<Network> {
    this.#network ??= this.#start();
    return this.#network;
  }

  async close(): Promise<void> {
    await (await this.#network)?.close();
  }
}

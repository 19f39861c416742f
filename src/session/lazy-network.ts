/** Loads the network side of a run when something inside first wants it: most commands never do. */
import type { LauncherRecord } from '../platform/linux/plan.ts';
import type { NetworkOptions, SandboxNetwork } from './sandbox-network.ts';

export interface LazyNetworkOptions extends NetworkOptions {
  /** Resolves when denials are recorded at once, so that they have an id. */
  readonly whenRecorded: () => Promise<void>;
}

export class LazyNetwork {
  readonly #options: LazyNetworkOptions;
  #network: Promise<SandboxNetwork> | undefined;

  constructor(options: LazyNetworkOptions) {
    this.#options = options;
  }

  take(record: LauncherRecord & { readonly kind: 'asked' | 'listening' }): void {
    void this.get().then((network) =>
      record.kind === 'asked' ? network.asked(record) : network.listening(record.pid),
    );
  }

  get(): Promise<SandboxNetwork> {
    this.#network ??= this.#start();
    return this.#network;
  }

  async close(): Promise<void> {
    (await this.#network)?.close();
  }

  async #start(): Promise<SandboxNetwork> {
    const [{ SandboxNetwork }] = await Promise.all([
      import('./sandbox-network.ts'),
      this.#options.whenRecorded(),
    ]);
    return new SandboxNetwork(this.#options);
  }
}

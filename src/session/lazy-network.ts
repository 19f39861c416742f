/** Loads the network side of a run when something inside first wants it: most commands never do. */
import type { Launcher } from '../platform/linux/launcher.ts';
import type { LauncherRecord } from '../platform/linux/plan.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import type { SandboxNetwork } from './sandbox-network.ts';

export class LazyNetwork {
  readonly #policy: Policy;
  readonly #launcher: Launcher;
  readonly #onDenial: (denial: Denial) => void;
  #network: Promise<SandboxNetwork> | undefined;

  constructor(policy: Policy, launcher: Launcher, onDenial: (denial: Denial) => void) {
    this.#policy = policy;
    this.#launcher = launcher;
    this.#onDenial = onDenial;
  }

  take(record: LauncherRecord & { readonly kind: 'asked' | 'listening' }): void {
    this.#network ??= this.#start();
    void this.#network.then((network) =>
      record.kind === 'asked' ? network.asked(record) : network.listening(record.pid),
    );
  }

  close(): void {
    void this.#network?.then((network) => network.close());
  }

  async #start(): Promise<SandboxNetwork> {
    const { SandboxNetwork } = await import('./sandbox-network.ts');
    return new SandboxNetwork(this.#policy, this.#launcher, {
      onRefused: ({ act, address, port, pid }, detail, errno) =>
        this.#onDenial({
          act,
          subject: { kind: 'host', host: address, port },
          observer: 'supervisor',
          outcome: 'refused',
          actor: { pid },
          errno,
          detail,
        }),
      onTraffic() {},
      onPublished() {},
      onUnpublished() {},
    });
  }
}

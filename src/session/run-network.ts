/** The network of one run with what is told of it: denials, first connections, sums by place, published ports. */
import type { Traffic, TrafficTotal } from '../network/traffic-ledger.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { type LauncherRecord, type Plan, withVariables } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';
import type { Policy } from '../policy/types.ts';
import { programInside } from './actor.ts';
import type { Denials } from './denials.ts';
import { LazyNetwork, type SessionNetwork } from './lazy-network.ts';
import type { NetworkEvents, NetworkOptions } from './network-options.ts';
import type { TierNetwork, TierNetworkOptions } from './tier-network.ts';
import { TrafficBook, type TrafficEvents } from './traffic-book.ts';
import type { PublishedPort } from './types.ts';

export interface RunNetworkOptions {
  /** As enforced. */
  readonly policy: Policy;
  readonly launcher: Launcher;
  /** The person's. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly denials: Pick<Denials, 'ready'>;
  readonly take: NetworkEvents['onDenial'];
  readonly onConnected: NetworkEvents['onConnected'];
  readonly events: TrafficEvents;
  readonly questions: NetworkOptions['questions'];
  readonly arch: Arch;
  /** There are no namespaces, and so no network of the sandbox's own. */
  readonly tier: boolean;
}

export class RunNetwork {
  readonly #events: RunNetworkOptions['events'];
  readonly #traffic: TrafficBook;
  /** By place; the last word on each. */
  readonly #published = new Map<string, PublishedPort>();
  readonly #network: LazyNetwork<SessionNetwork>;
  /** The same, where there are no namespaces. */
  readonly #tier: LazyNetwork<TierNetwork> | undefined;

  constructor(options: RunNetworkOptions) {
    const { policy, launcher, environment, denials, take, onConnected, events, questions, arch } = options;
    this.#events = events;
    this.#traffic = new TrafficBook(events);
    const common: Omit<TierNetworkOptions, 'launcher' | 'arch'> = {
      policy,
      environment,
      whenRecorded: () => denials.ready(),
      programOf: (pid) => programInside(pid, launcher.pid),
      events: { onDenial: take, onConnected, onTraffic: (traffic) => this.account(traffic) },
    };
    this.#tier = options.tier ? new LazyNetwork(() => startTier({ ...common, launcher, arch })) : undefined;
    this.#network =
      this.#tier ??
      new LazyNetwork(() =>
        startOwn(common, {
          ...common,
          sockets: launcher,
          ...(questions && { questions }),
          events: {
            ...common.events,
            onPublished: (at) => this.#publish('published', at),
            onUnpublished: (at, why) => this.#publish('unpublished', { ...at, why }),
          },
        }),
      );
  }

  /**
   * The plan with the variables by which programs find the session's gate, where it has to be told. `node`: an executable that
   * is shown inside. What a person sets by name is their word.
   */
  async wired(
    plan: Plan,
    node: string | undefined,
    { environment }: Pick<Policy, 'environment'>,
  ): Promise<Plan> {
    if (this.#tier === undefined || !plan.asks.remote) return plan;
    const variables = Object.entries((await this.#tier.get()).environment(node));
    return withVariables(plan, Object.fromEntries(variables.filter(([name]) => !(name in environment.set))));
  }

  /** A connection has ended, whoever carried it. */
  account(traffic: Traffic): void {
    this.#traffic.take(traffic);
  }

  get traffic(): readonly TrafficTotal[] {
    return this.#traffic.totals;
  }

  get published(): readonly PublishedPort[] {
    return [...this.#published.values()];
  }

  take(record: LauncherRecord & { readonly kind: 'asked' | 'listening' }): void {
    this.#network.take(record);
  }

  get(): Promise<SessionNetwork> {
    return this.#network.get();
  }

  /** Writes the sums to the log. Call once, after `close`. */
  tell(): void {
    this.#traffic.tell();
  }

  async close(): Promise<void> {
    await this.#network.close();
  }

  #publish(kind: 'published' | 'unpublished', port: PublishedPort): void {
    this.#published.set(`${port.address} ${port.port}`, port);
    this.#events.onEvent?.({ kind, ...port });
  }
}

async function startOwn(
  { whenRecorded }: Pick<TierNetworkOptions, 'whenRecorded'>,
  options: NetworkOptions,
): Promise<SessionNetwork> {
  const [{ SandboxNetwork }] = await Promise.all([import('./sandbox-network.ts'), whenRecorded()]);
  return new SandboxNetwork(options);
}

async function startTier(options: TierNetworkOptions): Promise<TierNetwork> {
  const { TierNetwork } = await import('./tier-network.ts');
  return await TierNetwork.start(options);
}

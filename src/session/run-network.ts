/** The network of one run with what is told of it: denials, first connections, sums by place, published ports. */
import type { Traffic, TrafficTotal } from '../network/traffic-ledger.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { LauncherRecord } from '../platform/linux/plan.ts';
import type { Policy } from '../policy/types.ts';
import { programInside } from './actor.ts';
import type { Denials } from './denials.ts';
import { LazyNetwork } from './lazy-network.ts';
import type { NetworkEvents, NetworkOptions, SandboxNetwork } from './sandbox-network.ts';
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
}

export class RunNetwork {
  readonly #events: RunNetworkOptions['events'];
  readonly #traffic: TrafficBook;
  /** By place; the last word on each. */
  readonly #published = new Map<string, PublishedPort>();
  readonly #network: LazyNetwork;

  constructor(options: RunNetworkOptions) {
    const { policy, launcher, environment, denials, take, onConnected, events, questions } = options;
    this.#events = events;
    this.#traffic = new TrafficBook(events);
    this.#network = new LazyNetwork({
      policy,
      sockets: launcher,
      environment,
      ...(questions && { questions }),
      whenRecorded: () => denials.ready(),
      programOf: (pid) => programInside(pid, launcher.pid),
      events: {
        onDenial: take,
        onConnected,
        onTraffic: (traffic) => this.account(traffic),
        onPublished: (at) => this.#publish('published', at),
        onUnpublished: (at, why) => this.#publish('unpublished', { ...at, why }),
      },
    });
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

  get(): Promise<SandboxNetwork> {
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

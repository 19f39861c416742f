/** Adds up what went over the network in one session: connections and bytes for each program and place. */

/**
 * `egress`: to a host by name or address; `host`: to a service of the host's loopback; `published`: from there to a server
 * inside; `socket`: to a Unix socket of the host, whose path stands for the host.
 */
export type TrafficKind = 'egress' | 'host' | 'published' | 'socket';

/** One connection that has ended. */
export interface Traffic {
  readonly kind: TrafficKind;
  readonly host: string;
  readonly port: number;
  /** Path of the executable as it is named inside; absent where it is not known. */
  readonly program?: string;
  /** Bytes from the sandbox and to it. */
  readonly up: number;
  readonly down: number;
}

export interface TrafficTotal extends Traffic {
  readonly connections: number;
}

/** Places that are kept apart. Beyond them, what a wildcard or a port scan reached is added up without a name. */
const MOST_PLACES = 1000;

export class TrafficLedger {
  readonly #totals = new Map<string, TrafficTotal>();

  /** True when it is the first connection of this program to this place. */
  add(traffic: Traffic): boolean {
    const key = JSON.stringify([traffic.kind, traffic.host, traffic.port, traffic.program]);
    const isNew = !this.#totals.has(key);
    if (isNew && this.#totals.size >= MOST_PLACES) {
      this.#count('', {
        kind: traffic.kind,
        host: 'other hosts',
        port: 0,
        up: traffic.up,
        down: traffic.down,
      });
      return false;
    }
    this.#count(key, traffic);
    return isNew;
  }

  get totals(): readonly TrafficTotal[] {
    return [...this.#totals.values()];
  }

  #count(key: string, traffic: Traffic): void {
    const { connections, up, down } = this.#totals.get(key) ?? { connections: 0, up: 0, down: 0 };
    this.#totals.set(key, {
      ...traffic,
      connections: connections + 1,
      up: up + traffic.up,
      down: down + traffic.down,
    });
  }
}

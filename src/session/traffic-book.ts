/** What went over the network in one run: each first connection to a place is told at once, the sums at the end. */
import { type Traffic, TrafficLedger, type TrafficTotal } from '../network/traffic-ledger.ts';
import type { SessionEvent } from './event-log.ts';

export interface TrafficEvents {
  onEvent?(event: SessionEvent): void;
  onTraffic?(traffic: Traffic): void;
}

/** `reached`: a first connection has ended; `traffic`: the sum at the end of the session. */
function trafficEvent(kind: 'reached' | 'traffic', { kind: way, ...rest }: Traffic): SessionEvent {
  return { kind, way, ...rest };
}

export class TrafficBook {
  readonly #events: TrafficEvents;
  readonly #ledger = new TrafficLedger();

  constructor(events: TrafficEvents) {
    this.#events = events;
  }

  /** A connection has ended. */
  take(traffic: Traffic): void {
    this.#events.onTraffic?.(traffic);
    if (this.#ledger.add(traffic)) this.#events.onEvent?.(trafficEvent('reached', traffic));
  }

  get totals(): readonly TrafficTotal[] {
    return this.#ledger.totals;
  }

  /** Writes the sums to the log. Call once, when every connection has ended. */
  tell(): void {
    for (const total of this.totals) this.#events.onEvent?.(trafficEvent('traffic', total));
  }
}

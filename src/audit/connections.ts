/** The connections of a session, from the records of its log. */
import type { LoggedEvent } from './types.ts';

export interface Connections {
  /**
   * `egress`: to a host; `host`: to a service of the host's loopback; `published`: from there to a server inside; `socket`: to a
   * Unix socket of the host, by its path.
   */
  readonly way: 'egress' | 'host' | 'published' | 'socket';
  readonly host: string;
  readonly port: number;
  /** Path of the executable. Chosen inside: escape it. */
  readonly program?: string;
  readonly connections: number;
}

/** The ledger (network/traffic-ledger.ts) adds up under port 0 what it no longer tells apart. */
const BLURRED = 0;

/** The sums of the end; of a session that did not come to one, the first connection of each kind, which is logged at once. */
export function connectionsOf(events: readonly LoggedEvent[]): {
  all: readonly Connections[];
  blurred: boolean;
} {
  const of = (wanted: string) =>
    events.filter(({ kind }) => kind === wanted) as unknown as readonly Connections[];
  const totals = of('traffic');
  const found = totals.length > 0 ? totals : of('reached').map((each) => ({ ...each, connections: 1 }));
  const all = found.filter(
    ({ port, way, host }) => port !== BLURRED || (way === 'socket' && host.startsWith('/')),
  );
  return { all, blurred: all.length < found.length };
}

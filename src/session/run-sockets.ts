/** The host's sockets that one run may ask: their relays, and what is told of them. Loaded where the plan has one. */
import { realpathSync } from 'node:fs';
import { SocketRelay } from '../network/socket-relay.ts';
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Plan } from '../platform/linux/plan.ts';
import { relayedSockets, withRelays } from '../platform/linux/socket-relays.ts';
import { decide } from '../policy/decide.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';

export interface RunSocketsOptions {
  /** As enforced. */
  readonly policy: Policy;
  /** The session's own. */
  readonly directory: string;
  readonly take: (denial: Denial) => void;
  readonly onTraffic: (traffic: Traffic) => void;
}

/** The plan with the relays shown, and what there is to do with them once everything is mounted, and at the end. */
export interface RunSockets {
  readonly plan: Plan;
  readonly relay: Pick<SocketRelay, 'hide' | 'close'>;
}

/** What was refused lies on the host: no setting of ours changes it. */
function unreachable({ policy }: RunSocketsOptions, path: string, detail: string): Denial {
  const { rule } = decide(policy, path, 'read');
  return {
    act: 'connect',
    subject: { kind: 'socket', path },
    observer: 'gate',
    outcome: 'refused',
    remedy: { kind: 'none' },
    detail,
    ...(rule && { rule }),
  };
}

export async function openRelays(plan: Plan, options: RunSocketsOptions): Promise<RunSockets> {
  const relay = await SocketRelay.open({
    directory: realpathSync(options.directory),
    paths: relayedSockets(plan),
    onTraffic: (path, traffic) => options.onTraffic({ kind: 'socket', host: path, port: 0, ...traffic }),
    onRefused: (path, why) => options.take(unreachable(options, path, why)),
  });
  return { plan: withRelays(plan, (path) => relay.sourceOf(path)), relay };
}

/** Has the hidden part of the host watched during a run: whether it can be, serving it, and going on without. */
import { tripwireFailure } from '../platform/linux/enforcement.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { FailureRecord, Plan } from '../platform/linux/plan.ts';
import { prepareTripwire, type TripwireReadiness } from '../platform/linux/tripwire/device.ts';
import type { TripwireServer } from '../platform/linux/tripwire/server.ts';
import type { Judged } from '../platform/linux/tripwire/sightings.ts';
import type { Decider } from '../policy/decide.ts';
import { decodeName } from '../policy/printable.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import type { Denials } from './denials.ts';
import { sightedDenial } from './observed.ts';
import type { Questions } from './questions.ts';

/** The device could be opened, and still the file system could not be mounted. Nothing was started. */
export class WatchFailed extends Error {}

export function prepareWatch({ monitor }: Policy): TripwireReadiness {
  return prepareTripwire(monitor.value === 'full');
}

/** undefined when something else failed. */
export function watchFailure({ tripwire }: Plan, failure: FailureRecord): WatchFailed | undefined {
  if (tripwire === undefined || !failure.detail.startsWith('tripwire')) return undefined;
  return new WatchFailed(tripwireFailure(failure));
}

export interface Watched {
  readonly plan: Plan;
  readonly decider: Decider;
  readonly capabilities: { readonly uid: number; readonly gid: number };
}

export interface Watchers extends Pick<Denials, 'take' | 'ready'> {
  /** Whether this thread's look at the path is a part of an act that is recorded already. */
  readonly isTold: (pid: number, path: string) => boolean;
  /** Undefined: nobody is asked. */
  readonly questions: Pick<Questions, 'putFor'> | undefined;
  /** The file system is served no more, since the run is over or though it goes on: the kernel refuses every look (ENOTCONN). */
  readonly onLost: () => void;
}

/** After it a run that is ending has said so: a target is over before what watches it, a session that is closed not. */
const GRACE_MS = { target: 50, session: 1000 } as const;

/** Serves the file system over hidden places; whoever looks at one waits until it is known who did. */
export async function watchHidden(
  launcher: Launcher,
  watched: Watched,
  watchers: Watchers,
): Promise<TripwireServer | undefined> {
  const { plan, decider, capabilities } = watched;
  const { tripwire: pipe } = launcher;
  if (plan.tripwire === undefined || pipe === undefined) return undefined;
  const { serveTripwire } = await import('../platform/linux/tripwire/service.ts');
  // The relay ends with the sandbox, and also when it is killed, or sends what no kernel does.
  const grace = plan.argv.length > 0 ? GRACE_MS.target : GRACE_MS.session;
  pipe.once('close', () => setTimeout(watchers.onLost, grace).unref());
  const { take, ready, isTold, questions } = watchers;
  const refuse = (denial: Denial): Promise<Judged> | undefined =>
    take(denial) === undefined ? ready().then(() => 'refused') : undefined;
  return serveTripwire(pipe, {
    layout: plan.tripwire,
    owner: { uid: capabilities.uid, gid: capabilities.gid },
    patient: questions !== undefined,
    onSighting: (sighting) => {
      // Of a name that is only looked up a question is not asked, and of one that is used no act told before it.
      const asks = questions !== undefined && !sighting.brief;
      if (!asks && isTold(sighting.pid, decodeName(sighting.path))) return undefined;
      const denial = sightedDenial(decider, sighting);
      const opened = asks ? questions.putFor(sighting.pid, denial) : undefined;
      return opened?.then((isOpen) => (isOpen ? 'shown' : (refuse(denial) ?? 'refused'))) ?? refuse(denial);
    },
    isOwn: (pid) => pid === launcher.pid,
  });
}

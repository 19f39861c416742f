/** Puts what the supervisor, the watch and the tripwire saw into the words of a denial. */
import type { MakingAct } from '../platform/linux/guarded-acts.ts';
import type { RefusedMaking } from '../platform/linux/guarded-makings.ts';
import type { TripwireSighting } from '../platform/linux/tripwire/server.ts';
import { decide } from '../policy/decide.ts';
import { decodeName } from '../policy/printable.ts';
import type { Policy } from '../policy/types.ts';
import type { Actor, Denial } from '../violations/types.ts';
import type { Quarantined } from './name-guard.ts';

/** errno(3). */
export const EACCES = 13;

/** `policy` is the one as enforced: a guarded name has its rule's number in it. */
export function guardedDenial(policy: Policy, act: MakingAct, refused: RefusedMaking, actor: Actor): Denial {
  const rule = policy.rules[refused.name.rule];
  return {
    act,
    subject: { kind: 'path', path: refused.path },
    actor,
    observer: 'supervisor',
    outcome: 'refused',
    errno: EACCES,
    ...(rule && { rule }),
  };
}

/** Somebody looked at something hidden or denied. */
export function sightedDenial(policy: Policy, { act, path, pid, errno }: TripwireSighting): Denial {
  const subject = decodeName(path);
  const { rule } = decide(policy, subject, 'read');
  return {
    act,
    subject: { kind: 'path', path: subject },
    actor: { pid },
    observer: 'tripwire',
    outcome: 'refused',
    errno,
    ...(rule && { rule }),
  };
}

export function caughtDenial(policy: Policy, { path, movedTo }: Quarantined): Denial {
  const { rule } = decide(policy, path, 'write');
  return {
    act: 'create',
    subject: { kind: 'path', path },
    observer: 'watch',
    outcome: 'quarantined',
    movedTo,
    ...(rule && { rule }),
  };
}

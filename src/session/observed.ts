/** Puts what the supervisor, the watch and the tripwire saw into the words of a denial. */
import { accessSync, constants } from 'node:fs';
import type { MakingAct } from '../platform/linux/guarded-acts.ts';
import type { RefusedMaking } from '../platform/linux/guarded-makings.ts';
import type { Making } from '../platform/linux/plan.ts';
import type { TripwireSighting } from '../platform/linux/tripwire/server.ts';
import { decide } from '../policy/decide.ts';
import { parentOf } from '../policy/paths.ts';
import { decodeName } from '../policy/printable.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import type { Quarantined } from './name-guard.ts';

/** errno(3). */
export const EACCES = 13;
const EROFS = 30;

/** `policy` is the one as enforced: a guarded name has its rule's number in it. */
export function guardedDenial(policy: Policy, act: MakingAct, refused: RefusedMaking): Denial {
  const rule = policy.rules[refused.name.rule];
  return {
    act,
    subject: { kind: 'path', path: refused.path },
    observer: 'supervisor',
    outcome: 'refused',
    errno: EACCES,
    ...(rule && { rule }),
  };
}

/** Python keeps compiled modules beside the source where it can and goes on where it cannot: nobody tried to change the system. */
const BYTE_CODE = /\/__pycache__(\/|$)|\.py[co](\.\d+)?$/;

/** The host would refuse the person as well: then it is no boundary of ours that was met. */
function isClosedOutside(path: string): boolean {
  try {
    accessSync(parentOf(path), constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

/** The kernel refuses what is made or written on a read-only mount; undefined where that teaches nobody anything. */
export function readOnlyDenial(policy: Policy, act: MakingAct, names: readonly Making[]): Denial | undefined {
  const making = names.find(({ readOnly }) => readOnly);
  if (!making) return undefined;
  const path = decodeName(making.path);
  const { rule, allowed } = decide(policy, path, 'write');
  if (allowed || BYTE_CODE.test(path) || isClosedOutside(path)) return undefined;
  return {
    act: making.written ? 'write' : act,
    subject: { kind: 'path', path },
    observer: 'supervisor',
    outcome: 'refused',
    errno: EROFS,
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

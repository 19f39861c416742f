/** Puts what the supervisor, the watch and the tripwire saw into the words of a denial. */
import { accessSync, constants, lstatSync } from 'node:fs';
import type { RefusedMaking } from '../platform/linux/guarded-makings.ts';
import type { Making } from '../platform/linux/plan.ts';
import type { TripwireSighting } from '../platform/linux/tripwire/sightings.ts';
import type { WatchedAct, WatchedRow } from '../platform/linux/watched-calls.ts';
import { type Decider, decide } from '../policy/decide.ts';
import { parentOf } from '../policy/paths.ts';
import { decodeName } from '../policy/printable.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import type { Quarantined } from './name-guard.ts';
import type { Landed } from './repository-landing.ts';

/** errno(3). */
export const EACCES = 13;
const EBUSY = 16;
const EXDEV = 18;
const EROFS = 30;

/** As enforced. A decider is dear to make, and refusals may come by the million. */
export interface Rules {
  readonly policy: Policy;
  readonly decider: Decider;
}

/** `policy` is the one as enforced: a guarded name has its rule's number in it. */
export function guardedDenial(policy: Policy, act: WatchedAct, refused: RefusedMaking): Denial {
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
function isClosedOutside(act: WatchedAct, path: string): boolean {
  try {
    if (act === 'metadata') {
      const person = process.getuid?.();
      return person !== 0 && lstatSync(path).uid !== person;
    }
    if (act === 'write') accessSync(path, constants.W_OK);
    else if (act === 'execute') accessSync(path, constants.X_OK);
    else accessSync(parentOf(path), constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

/**
 * What the call is answered; of what is hidden, either that there is no access or no writing. Between two mounts nothing is
 * moved, whatever they allow: the kernel asks that first.
 */
function errnoOf(act: WatchedAct, { refused }: Making, names: readonly Making[]): number {
  if (refused === 'mounted') return EBUSY;
  if (act === 'execute') return EACCES;
  return act === 'rename' && names.length === 1 ? EXDEV : EROFS;
}

/**
 * The kernel refuses an act by the mount it would be done on; undefined where that teaches nobody anything. `pinnedBy`: the
 * number of the rule for whose sake a mount point that may be written stays in its place.
 */
export function mountDenial(
  { policy, decider }: Rules,
  row: WatchedRow,
  names: readonly Making[],
  pinnedBy: (path: string) => number | undefined,
): Denial | undefined {
  const making = names.find(({ refused, present }) => refused !== 'no' && (present || !row.leaves));
  // A hard link to what cannot be looked at fails by that, and who may not look is seen by the tripwire.
  if (!making || (row.act === 'link' && row.arrives?.from !== undefined && making.bringsMore))
    return undefined;
  const path = decodeName(making.path);
  const act = making.present ? (row.actPresent ?? row.act) : row.act;
  const decision = decider.decide(path, act === 'execute' ? 'read' : 'write');
  const pin = decision.allowed && making.refused === 'mounted' ? pinnedBy(path) : undefined;
  if (decision.allowed && pin === undefined) return undefined;
  if (BYTE_CODE.test(path) || isClosedOutside(act, path)) return undefined;
  const rule = pin === undefined ? decision.rule : policy.rules[pin];
  return {
    act,
    subject: { kind: 'path', path },
    observer: 'supervisor',
    outcome: 'refused',
    ...(decider.decide(path, 'read').allowed && { errno: errnoOf(act, making, names) }),
    ...(rule && { rule }),
  };
}

/** What is looked at to be connected to is granted in another way than a file. */
function isSocket(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
  } catch {
    // Not for this person to see, hence no service of theirs.
    return false;
  }
}

/** Somebody looked at something hidden or denied. */
export function sightedDenial(decider: Decider, { act, path, pid, errno }: TripwireSighting): Denial {
  const subject = decodeName(path);
  const { rule } = decider.decide(subject, 'read');
  return {
    act,
    subject: { kind: isSocket(subject) ? 'socket' : 'path', path: subject },
    actor: { pid },
    observer: 'tripwire',
    outcome: 'refused',
    errno,
    ...(rule && { rule }),
  };
}

/** errno(3). */
const ENOENT = 2;

/**
 * Somebody looks for the socket of a service that the host has, and that is not shown. `inside`: whether one is there by now.
 * Undefined where the boundary keeps nothing from anybody.
 */
export function missedSocketDenial(decider: Decider, path: string, inside: boolean): Denial | undefined {
  if (inside || !isSocket(path)) return undefined;
  const { rule } = decider.decide(path, 'read');
  return {
    act: 'connect',
    subject: { kind: 'socket', path },
    observer: 'supervisor',
    outcome: 'refused',
    errno: ENOENT,
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

/** What the host did not get of a repository that was made inside; undefined where it got all of it. */
export function landingDenial(landed: Exclude<Landed, { kind: 'empty' }>): Denial | undefined {
  const shared = { act: 'create', observer: 'watch', outcome: 'refused', remedy: { kind: 'none' } } as const;
  if (landed.kind === 'kept') {
    const detail = `the new repository was not taken over (${landed.why}); it is in ${landed.kept}`;
    return { ...shared, subject: { kind: 'path', path: landed.path }, detail };
  }
  if (landed.left.length === 0) return undefined;
  const detail = `left out of the new repository: ${landed.left.join(', ')}`;
  return { ...shared, subject: { kind: 'path', path: `${landed.path}/config` }, detail };
}

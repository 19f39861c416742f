/** Puts what the supervisor, the watch and the tripwire saw into the words of a denial. */
import { makingActOf } from '../platform/linux/guarded-acts.ts';
import type { LauncherRecord } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';
import type { TripwireSighting } from '../platform/linux/tripwire/server.ts';
import { decide } from '../policy/decide.ts';
import { decodeName } from '../policy/printable.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import type { Quarantined } from './name-guard.ts';

/** errno(3). */
const EACCES = 13;

/** `policy` is the one as enforced: the record names its rule by number. */
export function guardedDenial(
  policy: Policy,
  arch: Arch,
  record: LauncherRecord & { kind: 'guarded' },
): Denial {
  const rule = policy.rules[record.rule];
  return {
    act: makingActOf(record.syscall, arch),
    subject: { kind: 'path', path: decodeName(record.path) },
    actor: { pid: record.pid, ...(record.exe.length > 0 && { program: decodeName(record.exe) }) },
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

/** A system call that the filter refuses to everybody, as a denial. */
import type { RefusedCallRecord } from '../platform/linux/plan.ts';
import { REFUSED_CALLS } from '../platform/linux/refused-calls.ts';
import { ARCH_TABLES, type Arch } from '../platform/linux/seccomp/tables.ts';
import { decodeName } from '../policy/printable.ts';
import type { Denial } from '../violations/types.ts';

/** errno(3). */
const EPERM = 1;

/** The call is answered by then: `program` was read before. */
export function refusedCall({ pid, number, program }: RefusedCallRecord, arch: Arch): Denial {
  const [name] = Object.entries(ARCH_TABLES[arch].numbers).find(([, own]) => own === number) ?? [];
  return {
    act: 'call',
    subject: { kind: 'syscall', name: name ?? `${number}` },
    observer: 'supervisor',
    outcome: 'refused',
    actor: { pid, ...(program.length > 0 && { program: decodeName(program) }) },
    errno: EPERM,
    detail: REFUSED_CALLS.get(name ?? '') ?? 'no program inside may make it',
    remedy: { kind: 'none' },
  };
}

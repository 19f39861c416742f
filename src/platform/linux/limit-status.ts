/** Says for each limit what keeps it and what that is worth. Pure. */
import type { LimitName, Policy } from '../../policy/types.ts';
import type { Enforcement, LimitMechanism } from '../backend.ts';
import type { Controller } from './cgroup/group.ts';

/** What is there to keep limits with. */
export interface LimitMeans {
  readonly uid: number;
  /** What the control group of the session holds; empty where there is none. */
  readonly group: ReadonlySet<Controller>;
  /** Whether a control group counts the processor time. */
  readonly counted: boolean;
  /** Why no control group holds all that was asked for, as a clause. */
  readonly without?: string;
  /** Whether the sandbox has namespaces of its own. */
  readonly namespaces: boolean;
  /** Whether the home inside is one of its own. */
  readonly privateHome: boolean;
  /** Whether anything of what commands write is counted, and what is not, as clauses. */
  readonly output: { readonly counted: boolean; readonly uncounted: readonly string[] };
}

/** How often what has no limit in the kernel is measured. */
export const MEASURED_EVERY_MS = 250;
const LATE = `it is measured every ${MEASURED_EVERY_MS} ms, and a faster one gets further`;

type Worth =
  | { readonly state: 'full'; readonly note: string }
  | { readonly state: 'partial'; readonly missing: readonly string[] }
  | { readonly state: 'none'; readonly reason: string };

const full = (note: string): Worth => ({ state: 'full', note });
const partial = (...missing: readonly string[]): Worth => ({ state: 'partial', missing });

const WORTH: Readonly<Record<LimitName, (means: LimitMeans) => Worth>> = {
  memory: ({ group, without }) =>
    group.has('memory')
      ? full('control group (memory.max), all processes together')
      : partial(
          `a limit that the kernel keeps for all processes together: ${without}`,
          `each process has RLIMIT_DATA, and the sum is watched: ${LATE}`,
        ),
  processes: ({ uid, group, without, namespaces }) => {
    if (group.has('pids')) return full('control group (pids.max), threads counted');
    if (uid !== 0 && !namespaces)
      return partial('a count of the session alone: all processes that are yours count');
    if (uid !== 0) return full('RLIMIT_NPROC in a user namespace of its own, threads counted');
    return partial(
      `a limit that the kernel keeps, since it exempts root from RLIMIT_NPROC: ${without}`,
      `their number is watched: ${LATE}`,
    );
  },
  cpuTime: ({ counted, without }) =>
    counted
      ? full(`control group (cpu.stat), measured every ${MEASURED_EVERY_MS} ms; RLIMIT_CPU for each process`)
      : partial(
          `processes that nobody waited for are not in the sum: ${without}`,
          `each process has RLIMIT_CPU, and the sum is watched: ${LATE}`,
        ),
  openFiles: () => full('RLIMIT_NOFILE, for each process'),
  fileSize: () => full('RLIMIT_FSIZE, for each file'),
  temporaryFiles: ({ namespaces }) =>
    namespaces
      ? full('size of each private temporary file system (tmpfs)')
      : {
          state: 'none',
          reason: 'nothing can be mounted here, so temporary files are on a disk of the host',
        },
  wallTime: () => full('a clock of Pinfold outside'),
  disk: ({ privateHome, namespaces }) => {
    if (!privateHome && namespaces) return { state: 'none', reason: 'no private place here is on a disk' };
    return partial(
      'a limit that the kernel keeps: what is there is measured now and then, and a faster one gets further',
      'files that were deleted and are still open',
    );
  },
  output: ({ output: { counted, uncounted } }) => {
    if (!counted) return { state: 'none', reason: `not counted: ${uncounted.join(', ')}` };
    return uncounted.length === 0 ? full('a relay of Pinfold outside') : partial(...uncounted);
  },
  upload: () => full('the egress gate'),
};

/** One status for each limit of the policy. */
export function limitStatus({ limits }: Pick<Policy, 'limits'>, means: LimitMeans): Enforcement[] {
  return (Object.keys(limits) as LimitName[]).map((name) => {
    const mechanism: LimitMechanism = `limits.${name}`;
    return { mechanism, ...WORTH[name](means) };
  });
}

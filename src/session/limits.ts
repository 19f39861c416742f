/** What keeps the limits of a session, and what it tells of those that were exceeded. */
import type { Enforcement } from '../platform/backend.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { LimitMeans } from '../platform/linux/limit-status.ts';
import type { LauncherRecord, Plan } from '../platform/linux/plan.ts';
import type { LimitName, Origin, Policy } from '../policy/types.ts';
import type { Found } from './disk-watch.ts';

/** One limit that was exceeded. */
export interface Exceeded {
  readonly limit: LimitName;
  /** The limit itself, in the unit of its setting. */
  readonly value: number;
  /** Where the limit was set. */
  readonly origin: Origin;
  /** What noticed: the kernel for a control group or a process, a measurement of Pinfold's, or what passes output on. */
  readonly by: 'cgroup' | 'rlimit' | 'watchdog' | 'relay';
  /** `ended`: the whole session; `killed`: a process; `refused`: what was asked for was not given. */
  readonly consequence: 'ended' | 'killed' | 'refused';
  /** Of `disk`: where most of it is, or what could not be measured. */
  readonly found?: Found;
  /** How often. */
  readonly count: number;
}

export type CommandRecord = Extract<LauncherRecord, { kind: 'command' }>;

export interface SessionLimits {
  /** Default: those of the policy. */
  readonly rlimits?: Plan['rlimits'];
  /** One for each limit of the policy. */
  status(plan: Pick<Plan, 'namespaces'>): readonly Enforcement[];
  /** Measures from now on; each limit is told of when it is first exceeded. */
  start(onExceeded: (exceeded: Exceeded) => void): void;
  /** The boundary is in force. `temporary`: its temporary directory, where that is on a disk of the host. */
  begin(temporary: string | undefined): void;
  /** What of a part of a command's output may be passed on. */
  takeOutput(chunk: Buffer): Buffer;
  /** A command of the session has ended. */
  hear(record: CommandRecord): void;
  /** A last measurement once all has ended, by this signal if by one; then every limit that was exceeded. */
  finish(signal: number | undefined): readonly Exceeded[];
  /** Removes what was made for it. Calling it again changes nothing. */
  close(): Promise<void>;
}

const UNLIMITED: SessionLimits = {
  status: () => [],
  start() {},
  begin() {},
  takeOutput: (chunk) => chunk,
  hear() {},
  finish: () => [],
  close: () => Promise.resolve(),
};

/** For a launcher that was given no plan yet: what it starts is born within its limits. */
export async function openLimits(
  policy: Pick<Policy, 'limits' | 'sandboxHome' | 'homeDir'>,
  launcher: Pick<Launcher, 'pid' | 'signal' | 'close'>,
  output: LimitMeans['output'],
): Promise<SessionLimits> {
  const { limits, sandboxHome, homeDir } = policy;
  if (Object.keys(limits).length === 0) return UNLIMITED;
  const { LimitKeeper } = await import('./limit-keeper.ts');
  return new LimitKeeper(limits, launcher, {
    output,
    home: sandboxHome === homeDir ? undefined : sandboxHome,
  });
}

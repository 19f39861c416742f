/** Answers the calls that would make a name which the launcher's sieve did not let pass, and records what the kernel refuses. */
import { makingActOf } from '../platform/linux/guarded-acts.ts';
import { MakingJudge } from '../platform/linux/guarded-makings.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { MakingRecord, Plan } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import { programInside } from './actor.ts';
import { EACCES, guardedDenial, readOnlyDenial } from './observed.ts';

export interface NameSupervisorOptions {
  /** As enforced: guarded names have numbers of its rules. */
  readonly policy: Policy;
  readonly plan: Pick<Plan, 'guarded' | 'opened'>;
  readonly arch: Arch;
  readonly launcher: Pick<Launcher, 'settle' | 'pid'>;
  /** Records what was refused. */
  readonly take: (denial: Denial) => void;
}

export class NameSupervisor {
  readonly #options: NameSupervisorOptions;
  #judge: MakingJudge | undefined;

  constructor(options: NameSupervisorOptions) {
    this.#options = options;
  }

  /** What it throws ends the launcher, and with it the call that waits. */
  answer({ id, pid, syscall, names }: MakingRecord): void {
    const { plan, policy, arch, launcher, take } = this.#options;
    this.#judge ??= new MakingJudge(plan);
    const refused = this.#judge.refused(names);
    const denial = refused
      ? guardedDenial(policy, makingActOf(syscall, arch), refused)
      : readOnlyDenial(policy, makingActOf(syscall, arch), names);
    if (denial) {
      // While the call waits its process can still be looked at.
      const program = programInside(pid, launcher.pid);
      take({ ...denial, actor: { pid, ...(program !== undefined && { program }) } });
    }
    launcher.settle({ id, errno: refused ? EACCES : 0 });
  }
}

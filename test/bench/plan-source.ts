/** What the bench needs of the source tree, as one module to bundle: the plan that `pinfold run -- true` would carry out. */

import { groundHere } from '../../src/platform/linux/ground.ts';
import type { Plan } from '../../src/platform/linux/plan.ts';
import { planFrame } from '../../src/platform/linux/plan-codec.ts';
import { compileSeccomp } from '../../src/platform/linux/seccomp/compile.ts';
import { planFor } from '../../src/session/plan-run.ts';
import { loadPolicy } from '../../src/session/prepare.ts';

export interface PlannedRun {
  readonly plan: Plan;
  /** What the launcher reads on descriptor 3. */
  readonly frame: Uint8Array;
  /** The same filter without a supervisor, for programs that cannot be one. */
  readonly filter: Uint8Array;
}

export async function planTrue(
  projectDir: string,
  environment: Readonly<Record<string, string | undefined>>,
  launcherPath: string,
): Promise<PlannedRun> {
  // The launcher alone is measured: there is nobody to serve the tripwire file system.
  const scope = 'flag' as const;
  const monitor = { value: 'off', origin: { scope, text: 'off' } } as const;
  const flags = { scope, trusted: true, monitor };
  const loaded = await loadPolicy({ cwd: projectDir, projectDir, environment, flags });
  const target = { argv: ['true'], cwd: projectDir };
  const { plan, capabilities } = await planFor(loaded, target, { launcherPath, environment });
  return {
    plan,
    frame: planFrame(plan, groundHere()),
    filter: compileSeccomp({ arch: capabilities.arch, notify: 'nothing' }).program,
  };
}

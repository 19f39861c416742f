/** Proves the guarantees of one mode on a Mac: every forbidden act inside a real sandbox, then each once more on the host. */
import type { Mode } from '../../policy/types.ts';
import { Enclosure, type Tools } from '../enclosure.ts';
import type { Guarantee, Side } from '../guarantee.ts';
import { decoys } from '../guarantees/environment.ts';
import { findings, withStage } from '../stage.ts';
import { layersReport, type ModeReport, reportsOf } from '../verdict.ts';
import { type MacGround, macGuarantees, portableGuarantees } from './guarantees.ts';
import { readSteps, type Step } from './steps.ts';
import { startMacVictim } from './victim.ts';

/** `tools.probePath` is the script of `probe.ts`, run by `tools.interpreter`. Throws as the proof of Linux does. */
export async function proveMode(
  mode: Mode,
  stateDir: string,
  tools: Tools,
  guaranteesOn: (ground: MacGround) => Guarantee<Step>[] = (ground) => [
    ...portableGuarantees(ground),
    ...macGuarantees(ground),
  ],
): Promise<ModeReport> {
  return await withStage(stateDir, startMacVictim, async (stage) => {
    const enclosure = await Enclosure.prepare(mode, tools, stage.scratch, decoys(stage.scratch.token));
    const { policy } = enclosure.loaded;
    const guarantees = guaranteesOn({ ...stage, policy });
    const attempts = guarantees.flatMap((guarantee) => guarantee.attempts);
    const words = (side: Side) => [JSON.stringify(attempts.map(({ calls }) => calls(side)))];

    const { report, outcome } = await enclosure.inside(words('inside'));
    const refused = await findings('inside', attempts, readSteps(report, attempts.length), stage);
    const control = readSteps(await enclosure.outside(words('outside')), attempts.length);
    const controls = await findings('outside', attempts, control, stage);
    return {
      mode,
      enforcedMode: policy.mode.value,
      network: policy.network.access.value,
      guarantees: [...reportsOf(guarantees, refused, controls), layersReport(outcome.enforcement)],
      enforcement: outcome.enforcement,
    };
  });
}

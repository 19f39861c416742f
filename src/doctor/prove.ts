/** Proves the guarantees of one mode: every forbidden act inside a real sandbox, then each once more on the host. */
import { type Architecture, probeCapabilities } from '../platform/linux/capabilities.ts';
import { ARCH_TABLES } from '../platform/linux/seccomp/tables.ts';
import type { Mode } from '../policy/types.ts';
import { FILE_ACTS, variableAttempt } from './acts.ts';
import { Enclosure, type Tools } from './enclosure.ts';
import type { Attempt, Finding, Guarantee, Side } from './guarantee.ts';
import { decoys, environmentGuarantees } from './guarantees/environment.ts';
import { fileGuarantees } from './guarantees/files.ts';
import type { Ground } from './guarantees/ground.ts';
import { kernelGuarantees } from './guarantees/kernel.ts';
import { FIND_ROUTE, networkGuarantees } from './guarantees/network.ts';
import { processGuarantees } from './guarantees/processes.ts';
import { terminalGuarantees } from './guarantees/terminal.ts';
import { proveLifetime } from './lifetime.ts';
import { proveResolution, surveyCalls } from './resolution.ts';
import { findings, type Stage, withStage } from './stage.ts';
import { probeWords, readReport } from './system-call.ts';
import { layersReport, type ModeReport, missingReports, reportsOf, unseenEnvironment } from './verdict.ts';
import { startVictim, type Victim } from './victim.ts';

type Numbers = Readonly<Record<string, number>>;

export interface Host {
  readonly numbers: Numbers;
  readonly processor: Architecture;
  readonly uid: number;
}

/** Throws ERR_PLATFORM_UNSUPPORTED. */
export function thisHost(): Host {
  const { arch, uid } = probeCapabilities(0);
  return { numbers: ARCH_TABLES[arch].numbers, processor: arch, uid };
}

function guaranteesOn(ground: Ground): Guarantee[] {
  return [
    ...fileGuarantees(ground, FILE_ACTS),
    ...networkGuarantees(ground),
    ...processGuarantees(ground),
    ...kernelGuarantees(ground),
    ...terminalGuarantees(ground),
    ...(ground.weaker === undefined ? environmentGuarantees(variableAttempt) : []),
  ];
}

/** Whether it was seen that the making of a socket is refused. */
function isClosed(attempts: readonly Attempt[], found: readonly Finding[]): boolean {
  const at = attempts.findIndex(({ act }) => act === FIND_ROUTE);
  return at !== -1 && found[at]?.kind === 'refused';
}

async function proveOn(stage: Stage<Victim>, mode: Mode, tools: Tools, host: Host): Promise<ModeReport> {
  const { scratch } = stage;
  const { numbers } = host;
  const enclosure = await Enclosure.prepare(mode, tools, scratch, decoys(scratch.token));
  const { policy } = enclosure.loaded;
  const weaker = await enclosure.weaker();
  const guarantees = guaranteesOn({ ...stage, ...host, policy, weaker });
  const attempts = guarantees.flatMap((guarantee) => guarantee.attempts);
  const survey = surveyCalls();
  const acts = (side: Side) => [...survey, ...attempts.map(({ calls }) => calls(side))];

  const { report, outcome } = await enclosure.inside(probeWords(acts('inside'), numbers));
  const inside = readReport(report, acts('inside').length);
  const refused = await findings('inside', attempts, inside.slice(survey.length), stage);
  const outside = readReport(
    await enclosure.outside(probeWords(acts('outside'), numbers)),
    acts('outside').length,
  );
  const controls = await findings('outside', attempts, outside.slice(survey.length), stage);

  const reports = reportsOf(guarantees, refused, controls);
  return {
    mode,
    enforcedMode: policy.mode.value,
    network: policy.network.access.value,
    guarantees: [
      ...reports,
      await proveResolution(
        enclosure,
        inside.slice(0, survey.length),
        stage.datagram,
        scratch.token,
        numbers,
        weaker !== undefined && isClosed(attempts, refused),
      ),
      await proveLifetime(enclosure, tools, scratch.token, numbers),
      layersReport(outcome.enforcement, weaker),
      ...(weaker === undefined
        ? []
        : [...environmentGuarantees(variableAttempt).map(unseenEnvironment), ...missingReports(weaker)]),
    ],
    enforcement: outcome.enforcement,
    ...(weaker && { weaker }),
  };
}

/**
 * `stateDir`: where doctor may keep its world while it works. Throws SandboxError when a sandbox cannot be made on this
 * host, with the one thing that mends it; and `signal`'s reason when aborted. Leaves nothing behind either way.
 */
export async function proveMode(mode: Mode, stateDir: string, tools: Tools): Promise<ModeReport> {
  const host = thisHost();
  return await withStage(
    stateDir,
    (scratch) => startVictim(tools.probePath, scratch, host.numbers),
    (stage) => proveOn(stage, mode, tools, host),
  );
}

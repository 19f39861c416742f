/** Proves the guarantees of one mode: every forbidden act inside a real sandbox, then each once more on the host. */

import type { Enforcement } from '../platform/backend.ts';
import { type Architecture, probeCapabilities } from '../platform/linux/capabilities.ts';
import { ARCH_TABLES } from '../platform/linux/seccomp/tables.ts';
import { SERVICE_PORTS } from '../policy/service-ports.ts';
import type { Mode, NetworkAccess } from '../policy/types.ts';
import { Enclosure, type Tools } from './enclosure.ts';
import { type Attempt, type Finding, type Guarantee, judge, type Side } from './guarantee.ts';
import { decoys, environmentGuarantees } from './guarantees/environment.ts';
import { fileGuarantees } from './guarantees/files.ts';
import type { Ground } from './guarantees/ground.ts';
import { kernelGuarantees } from './guarantees/kernel.ts';
import { networkGuarantees } from './guarantees/network.ts';
import { processGuarantees } from './guarantees/processes.ts';
import { terminalGuarantees } from './guarantees/terminal.ts';
import { proveLifetime } from './lifetime.ts';
import { type Listener, listenDatagram, listenStream } from './listeners.ts';
import { proveResolution, surveyCalls } from './resolution.ts';
import { makeScratch, type Scratch } from './scratch.ts';
import { type Answer, probeWords, readReport } from './system-call.ts';
import { type GuaranteeReport, layersReport, reportOf } from './verdict.ts';
import { startVictim, type Victim } from './victim.ts';

export interface ModeReport {
  /** As asked for. */
  readonly mode: Mode;
  /** As the host's managed settings let it be. */
  readonly enforcedMode: Mode;
  readonly network: NetworkAccess;
  readonly guarantees: readonly GuaranteeReport[];
  readonly enforcement: readonly Enforcement[];
}

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

/** Doctor's own things on the host, for one mode; each mode has fresh ones. */
interface Stage {
  readonly scratch: Scratch;
  readonly victim: Victim;
  readonly stream: Listener;
  readonly datagram: Listener;
  readonly dangerous: Listener | undefined;
}

/** On the first port that is free. */
async function listenDangerous(): Promise<Listener | undefined> {
  for (const port of SERVICE_PORTS.keys()) {
    try {
      return await listenStream('dangerous', port);
    } catch (error) {
      // Taken by a service of the host, which is not doctor's to touch, or only for root (ip(7)).
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    }
  }
  return undefined;
}

async function withStage<T>(
  stateDir: string,
  tools: Tools,
  numbers: Numbers,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const undo: (() => unknown)[] = [];
  const keep = <O>(one: O, end: (one: O) => unknown): O => {
    undo.unshift(() => end(one));
    return one;
  };
  const close = (listener: Listener | undefined) => listener?.close();
  try {
    const scratch = keep(makeScratch(stateDir), (one) => one.dispose());
    const victim = keep(await startVictim(tools.probePath, scratch, numbers), (one) => one.stop());
    const stream = keep(await listenStream('stream'), close);
    const datagram = keep(await listenDatagram('datagram'), close);
    const dangerous = keep(await listenDangerous(), close);
    return await use({ scratch, victim, stream, datagram, dangerous });
  } finally {
    for (const step of undo) await step();
  }
}

function guaranteesOn(ground: Ground): Guarantee[] {
  return [
    ...fileGuarantees(ground),
    ...networkGuarantees(ground),
    ...processGuarantees(ground),
    ...kernelGuarantees(ground),
    ...terminalGuarantees(),
    ...environmentGuarantees(),
  ];
}

/** Judged at once, while what stands in doctor's files is this side's doing. */
async function findings(
  side: Side,
  attempts: readonly Attempt[],
  answers: readonly Answer[],
  stage: Stage,
): Promise<Finding[]> {
  const visited = new Set<string>();
  for (const listener of [stage.stream, stage.datagram, stage.dangerous]) {
    if (listener !== undefined && (await listener.visited())) visited.add(listener.name);
  }
  return attempts.map((attempt, index) => judge(attempt, { answer: answers[index]!, side, visited }));
}

async function proveOn(stage: Stage, mode: Mode, tools: Tools, host: Host): Promise<ModeReport> {
  const { scratch } = stage;
  const { numbers } = host;
  const enclosure = await Enclosure.prepare(mode, tools, scratch, decoys(scratch.token));
  const { policy } = enclosure.loaded;
  const guarantees = guaranteesOn({ ...stage, ...host, policy });
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

  let next = 0;
  const reports = guarantees.map((guarantee) => {
    const first = next;
    next += guarantee.attempts.length;
    return reportOf(
      guarantee,
      guarantee.attempts.map((attempt, index) => ({
        attempt,
        inside: refused[first + index]!,
        outside: controls[first + index]!,
      })),
    );
  });
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
      ),
      await proveLifetime(enclosure, tools, scratch.token, numbers),
      layersReport(outcome.enforcement),
    ],
    enforcement: outcome.enforcement,
  };
}

/**
 * `stateDir`: where doctor may keep its world while it works. Throws SandboxError when a sandbox cannot be made on this
 * host, with the one thing that mends it; and `signal`'s reason when aborted. Leaves nothing behind either way.
 */
export async function proveMode(mode: Mode, stateDir: string, tools: Tools): Promise<ModeReport> {
  const host = thisHost();
  return await withStage(stateDir, tools, host.numbers, (stage) => proveOn(stage, mode, tools, host));
}

const ROUNDS = 5;

/** Milliseconds that a sandbox adds to a program that does nothing: the median of five, Node's own start not counted. */
export async function measureOverhead(mode: Mode, stateDir: string, tools: Tools): Promise<number> {
  const scratch = makeScratch(stateDir);
  try {
    const enclosure = await Enclosure.prepare(mode, tools, scratch, {});
    const added: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const begin = performance.now();
      await enclosure.inside([]);
      const middle = performance.now();
      await enclosure.outside([]);
      added.push(middle - begin - (performance.now() - middle));
    }
    return added.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
  } finally {
    scratch.dispose();
  }
}

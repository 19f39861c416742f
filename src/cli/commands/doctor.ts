/** `pinfold doctor`: proves each guarantee on this host by attempting the forbidden act. */

import { join } from 'node:path';
import { stateDirOf } from '../../config/discover.ts';
import type { Tools } from '../../doctor/enclosure.ts';
import { measureOverhead } from '../../doctor/overhead.ts';
import type { ModeReport } from '../../doctor/verdict.ts';
import { findHome } from '../../host/host-facts.ts';
import { printableJson } from '../../policy/printable.ts';
import type { Mode } from '../../policy/types.ts';
import { type Context, defineCommand } from '../command.ts';
import { renderMode, renderVerdict } from '../render/doctor.ts';
import { JSON_OPTION } from '../settings-places.ts';

const MODES: readonly Mode[] = ['strict', 'standard', 'permissive'];
const INTERRUPTIONS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const CODES: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** A line that the next one takes away; nothing where stderr is no terminal. */
function progress({ err }: Context, quiet: boolean): (text: string) => void {
  if (quiet || !err.isTerminal) return () => {};
  return (text) => err.write(`\r\x1b[K${text}`);
}

type ProveMode = (mode: Mode, stateDir: string, tools: Tools) => Promise<ModeReport>;

/** What each system has to attempt with: a program that makes any system call, or steps that Node can take everywhere. */
async function proofOfThisSystem(): Promise<{
  readonly proveMode: ProveMode;
  readonly probe: Pick<Tools, 'probePath' | 'interpreter'>;
}> {
  if (process.platform === 'darwin') {
    const { proveMode } = await import('../../doctor/macos/prove.ts');
    const probePath = join(import.meta.dirname, 'doctor-probe.cjs');
    return { proveMode, probe: { probePath, interpreter: process.execPath } };
  }
  const [{ proveMode }, { programPath }] = await Promise.all([
    import('../../doctor/prove.ts'),
    import('../../platform/linux/programs.ts'),
  ]);
  return { proveMode, probe: { probePath: programPath('doctor-probe', import.meta.dirname) } };
}

async function prove(
  proveMode: ProveMode,
  modes: readonly Mode[],
  stateDir: string,
  tools: Tools,
  say: (text: string) => void,
  onMode: (report: ModeReport) => void,
): Promise<{ readonly reports: readonly ModeReport[]; readonly overheadMs: number }> {
  const reports: ModeReport[] = [];
  for (const mode of modes) {
    say(`proving ${mode} …`);
    const report = await proveMode(mode, stateDir, tools);
    reports.push(report);
    say('');
    onMode(report);
  }
  say('measuring …');
  const overheadMs = await measureOverhead(modes[0]!, stateDir, tools);
  say('');
  return { reports, overheadMs };
}

function asData(reports: readonly ModeReport[], overheadMs: number): Record<string, unknown> {
  return {
    proven: isProven(reports),
    overheadMs: Number(overheadMs.toFixed(1)),
    modes: reports,
  };
}

function isProven(reports: readonly ModeReport[]): boolean {
  return reports.every(({ guarantees }) => guarantees.every(({ state }) => state === 'proven'));
}

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'prove each guarantee here by trying what is forbidden',
  description:
    'Makes a home, a project and services of its own, puts a real sandbox of each mode around the project, and attempts in it ' +
    'what must not be possible; then the same on the host, where it must be. Nothing of yours is read or changed, no packet ' +
    'leaves the host, and nothing is left behind. Exit codes: 0 everything is proven; 1 something is weaker, not enforced or ' +
    'could not be proven; 125 no sandbox can be made here, with the reason and the command that mends it.',
  options: {
    mode: {
      type: 'list',
      short: 'm',
      placeholder: 'MODE',
      choices: MODES,
      summary: 'prove this mode only; may be given more than once',
    },
    verbose: { type: 'flag', short: 'v', summary: 'every act with its answer inside and outside' },
    ...JSON_OPTION,
  },
  examples: [
    { line: 'pinfold doctor', does: 'all modes' },
    { line: 'pinfold doctor --mode strict --json', does: 'one mode, for CI' },
  ],
  async run({ options, context }) {
    const { out, environment, launcherPath } = context;
    const stop = new AbortController();
    let interruption: NodeJS.Signals | undefined;
    const stopListening = context.onSignals(INTERRUPTIONS, (name) => {
      interruption ??= name;
      stop.abort();
    });
    const say = progress(context, options.json);
    try {
      const { proveMode, probe } = await proofOfThisSystem();
      const { reports, overheadMs } = await prove(
        proveMode,
        MODES.filter((mode) => options.mode.length === 0 || options.mode.includes(mode)),
        stateDirOf(await findHome(environment), environment),
        {
          launcherPath,
          ...probe,
          environment,
          signal: stop.signal,
        },
        say,
        (report) => {
          if (!options.json) out.write(`${renderMode(out, report, options)}\n`);
        },
      );
      out.write(
        options.json
          ? `${printableJson(asData(reports, overheadMs), 2)}\n`
          : renderVerdict(out, reports, overheadMs),
      );
      return isProven(reports) ? 0 : 1;
    } catch (error) {
      say('');
      if (interruption === undefined) throw error;
      return CODES[interruption] ?? 1;
    } finally {
      stopListening();
    }
  },
});

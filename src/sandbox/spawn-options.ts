/** What a caller says about one command, made into what the launcher is told. */
import { resolve } from 'node:path';
import { SandboxError } from '../errors.ts';
import type { CommandPlan, TerminalSize } from '../platform/linux/plan.ts';
import type { Narrowing } from '../policy/narrowing.ts';
import { nearest } from '../policy/suggestion.ts';
import { DEFAULT_SIZE } from '../session/terminal-command.ts';
import type { CommandControls } from './command-process.ts';

export type Stdio = 'pipe' | 'ignore' | 'inherit' | 0 | 1 | 2 | null | undefined;

/** The options of `child_process.spawn` that mean something inside; any other is refused. */
export interface SpawnOptions extends CommandControls, Narrowing {
  /** Relative to the sandbox's working directory. */
  readonly cwd?: string;
  /** Replaces the sandbox's environment. What also stands in the host's environment is scrubbed like that. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default `pipe`. */
  readonly stdio?: Stdio | readonly Stdio[];
  /**
   * What happens to the rest of the command's process group when the command itself has ended. Default `keep`: it runs
   * on until the sandbox is closed. A process that made a group or session of its own is kept either way.
   */
  readonly leftovers?: 'keep' | 'kill';
  /**
   * A terminal of its own, of 80 columns and 24 rows where nothing is said: what it writes, errors too, comes from `stdout`, and
   * the end of `stdin` is typed as Control-D. It excludes `stdio`.
   */
  readonly pty?: boolean | Partial<TerminalSize> | undefined;
}

const KNOWN = [
  ...['cwd', 'env', 'stdio', 'leftovers', 'signal', 'timeout', 'killSignal'],
  ...['mode', 'networkAccess', 'readOnly', 'pty'],
];

type Stream = CommandPlan['streams'][number];

function streamOf(stdio: Stdio, index: number): Stream {
  if (stdio === undefined || stdio === null || stdio === 'pipe') return 'pipe';
  if (stdio === 'ignore') return 'ignore';
  if (stdio === 'inherit') return index;
  if (stdio === 0 || stdio === 1 || stdio === 2) return stdio;
  throw new SandboxError('ERR_USAGE', {
    what: `Cannot use ${String(stdio)} as stdio`,
    why: 'pipe, ignore, inherit, and the numbers 0, 1 and 2 are known inside',
  });
}

function streamsOf(stdio: SpawnOptions['stdio']): CommandPlan['streams'] {
  const all = typeof stdio === 'object' && stdio !== null ? stdio : [stdio, stdio, stdio];
  if (all.length > 3) {
    throw new SandboxError('ERR_USAGE', {
      what: 'Cannot give the command more than three streams',
      why: `stdio has ${all.length} entries`,
    });
  }
  return [streamOf(all[0], 0), streamOf(all[1], 1), streamOf(all[2], 2)];
}

function refuseUnknown(options: object): void {
  const bad = Object.keys(options).find((key) => !KNOWN.includes(key));
  if (bad === undefined) return;
  const near = nearest(bad, KNOWN);
  throw new SandboxError('ERR_USAGE', {
    what: `Cannot use the option ${bad}`,
    why: 'it means nothing to a command inside',
    fix: near === undefined ? `Known: ${KNOWN.join(', ')}` : `Did you mean ${near}?`,
  });
}

/** Undefined: no terminal. Throws ERR_USAGE for one with `stdio`. */
export function terminalOf({ pty, stdio }: SpawnOptions): TerminalSize | undefined {
  if (pty === undefined || pty === false) return undefined;
  if (stdio === undefined) return { ...DEFAULT_SIZE, ...(pty === true ? {} : pty) };
  throw new SandboxError('ERR_USAGE', {
    what: 'Cannot use stdio together with pty',
    why: 'a command on a terminal reads from it and writes to it',
    fix: 'Leave stdio out',
  });
}

export interface CommandRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: SpawnOptions;
  /** Working directory of the sandbox. */
  readonly cwd: string;
  readonly scrub: (environment: NonNullable<SpawnOptions['env']>) => readonly string[];
}

/** Throws ERR_USAGE for options and arguments that make no command. */
export function commandPlan({ command, args, options, cwd, scrub }: CommandRequest): CommandPlan {
  refuseUnknown(options);
  const bad = [command, ...args].find((word) => typeof word !== 'string' || word.includes('\0'));
  if (bad !== undefined || command === '') {
    throw new SandboxError('ERR_USAGE', {
      what: `Cannot run ${JSON.stringify(bad ?? command)}`,
      why: 'a command is a name, and its arguments are texts without NUL',
    });
  }
  return {
    argv: [command, ...args],
    cwd: options.cwd === undefined ? cwd : resolve(cwd, options.cwd),
    streams: streamsOf(options.stdio),
    leftovers: options.leftovers ?? 'keep',
    ...(options.env !== undefined && { environment: scrub(options.env) }),
  };
}

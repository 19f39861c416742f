/** Everything that needs a real Mac: sandbox-exec, the unified log, the person's temporary directory, their terminal. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { SandboxError } from '../../errors.ts';
import type { Spelling } from './glob-regex.ts';
import { LineCutter, parseNdjson, type SandboxReport } from './log-records.ts';
import { anyBeneath, holdersOf } from './socket-holders.ts';

const SANDBOX_EXEC = '/usr/bin/sandbox-exec';

type Stream = number | 'inherit' | 'ignore';

export interface Confined {
  readonly profile: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Options of ulimit(1) with their values: `['-n', '4096']`. */
  readonly limits: readonly (readonly [option: string, value: string])[];
  /** stdin, stdout and stderr. Default: those of this process. */
  readonly streams?: readonly [Stream, Stream, Stream];
}

/** A command that runs under a profile, or was meant to. */
export interface ConfinedProcess {
  readonly pid: number | undefined;
  /** Whether the profile came into force; false when the process ended before. */
  readonly confirmed: Promise<boolean>;
  /** Rejects when there is no sandbox-exec. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
}

/** What a session needs of the system; tests bring their own. */
export interface MacSystem {
  start(confined: Confined): ConfinedProcess;
  /** Resolves when reports are being received, or cannot be; the returned function ends it. */
  followLog(tag: string, onReport: (report: SandboxReport) => void): Promise<() => Promise<void>>;
  /** How the volume of a directory compares names. */
  spellingOf(directory: string): Spelling;
  /** Device of the terminal on standard input. */
  terminal(): string | undefined;
  /** Whether process `first`, or one that it started, holds the TCP socket at this port of 127.0.0.1. Takes some tenths of a second. */
  holds(first: number, port: number): boolean;
}

/**
 * Runs inside, before the command: limits, then one byte that says the profile is in force, then the command in its place.
 * Constant text; everything else comes as arguments.
 */
const FIRST_WORDS =
  'while [ "$1" != -- ]; do ulimit "$1" "$2" || exit 125; shift 2; done; shift; printf . >&3 || exit 125; exec 3>&-; exec "$@"';

function start({ profile, argv, cwd, environment, limits, streams }: Confined): ConfinedProcess {
  const words = ['/bin/sh', '-c', FIRST_WORDS, 'sh', ...limits.flat(), '--', ...argv];
  const child = spawn(SANDBOX_EXEC, ['-p', profile, ...words], {
    cwd,
    env: { ...environment },
    stdio: [...(streams ?? (['inherit', 'inherit', 'inherit'] as const)), 'pipe'],
  });
  return watchChild(child);
}

function watchChild(child: ChildProcess): ConfinedProcess {
  const word = child.stdio[3] as Readable;
  const confirmed = new Promise<boolean>((resolve) => {
    word.once('data', () => resolve(true));
    word.once('close', () => resolve(false));
    word.once('error', () => resolve(false));
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new SandboxError('ERR_SETUP_FAILED', {
          what: 'Cannot make the boundary',
          why: `${SANDBOX_EXEC} could not be started: ${cause.message}`,
          fix: 'Pinfold needs macOS with its sandbox-exec',
          cause,
        }),
      ),
    );
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return { pid: child.pid, confirmed, ended, kill: (signal) => void child.kill(signal) };
}

/** What the log takes to deliver its first report was under 50 ms where it was measured; nobody waits longer than this. */
const LOG_READY_MS = 500;
/** Reports of the last refusals come a little later than the refusals. */
const LOG_DRAIN_MS = 250;

async function followLog(
  tag: string,
  onReport: (report: SandboxReport) => void,
): Promise<() => Promise<void>> {
  const predicate = `sender == "Sandbox" AND eventMessage CONTAINS "${tag}"`;
  const child = spawn(
    '/usr/bin/log',
    ['stream', '--style', 'ndjson', '--level', 'debug', '--predicate', predicate],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  // Without the log every refusal holds; it is only not told.
  child.on('error', () => {});
  const cutter = new LineCutter((line) => {
    const report = parseNdjson(line, tag);
    if (report !== undefined) onReport(report);
  });
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => cutter.push(chunk));
  await Promise.race([firstWord(child), wait(LOG_READY_MS)]);
  return async () => {
    await wait(LOG_DRAIN_MS);
    child.kill('SIGTERM');
  };
}

/** Its heading: printed once the subscription stands. */
function firstWord(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Standard output of a program of the system, or undefined when it failed. */
function ask(
  program: string,
  words: readonly string[],
  stdin: 'ignore' | 'inherit' = 'ignore',
): string | undefined {
  const { status, stdout } = spawnSync(program, words, {
    encoding: 'utf8',
    stdio: [stdin, 'pipe', 'ignore'],
    timeout: 5000,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** `/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled)`: the longest mount point that holds the directory. */
export function spellingFromMounts(mounts: string, directory: string): Spelling {
  let best = { point: '', kind: 'apfs' };
  for (const line of mounts.split('\n')) {
    const match = /^.{1,1024} on (\/.{0,1024}) \((\w+)[,)]/.exec(line);
    if (match === null) continue;
    const [, point, kind] = match as unknown as [string, string, string];
    const holds = point === '/' || directory === point || directory.startsWith(`${point}/`);
    if (holds && point.length > best.point.length) best = { point, kind };
  }
  // Folding on a volume that does not fold only refuses more.
  return best.kind === 'apfs' ? 'apfs' : 'hfs';
}

/** The person's own temporary directory (confstr(3), _CS_DARWIN_USER_TEMP_DIR), by its real path. */
export function userTempDir(): string {
  const said = ask('/usr/bin/getconf', ['DARWIN_USER_TEMP_DIR']);
  if (said?.startsWith('/')) return realpathSync(said);
  throw new SandboxError('ERR_STATE_UNWRITABLE', {
    what: 'Cannot find the temporary directory',
    why: 'getconf DARWIN_USER_TEMP_DIR names none',
    fix: 'Log in as the user who is to run the command',
  });
}

export const macSystem: MacSystem = {
  start,
  followLog,
  spellingOf: (directory) => spellingFromMounts(ask('/sbin/mount', []) ?? '', directory),
  terminal: () => {
    const name = ask('/usr/bin/tty', [], 'inherit');
    return name !== undefined && /^\/dev\/ttys\d{1,5}$/.test(name) ? name : undefined;
  },
  holds: (first, port) => {
    const holders = holdersOf(ask('/usr/sbin/lsof', ['-nP', `-iTCP@127.0.0.1:${port}`, '-Fp']) ?? '');
    return anyBeneath(holders, first, ask('/bin/ps', ['-axo', 'pid=,ppid=']) ?? '');
  },
};

/** The entry of the command line. `run` starts from here at once; every other command is in a bundle loaded only then. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import type { EarlyLauncher } from '../platform/linux/launcher-process.ts';
import { printableJson } from '../policy/printable.ts';
import type { Context, Output } from './command.ts';
import { runCommand } from './commands/run.ts';
import { givenDirectory, givenEnvironment, givenWords } from './given.ts';
import type { Keeper } from './keeper.ts';
import { KEEPER_NAME } from './keeper-name.ts';
import { parseLine } from './parse.ts';
import { asSandboxError, errorAsData, renderError } from './render/error.ts';
import { wantsColour } from './render/style.ts';

const NOT_ESTABLISHED = 125;

/** `pinfold policy | head`: the reader has what it wanted. */
function leave(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

interface StandardOutput extends Output {
  /** Whether a part of what was written waits for a slow reader. */
  readonly pending: boolean;
}

/** `process.stdout` and `process.stderr` cost milliseconds to make, so that is left until something is written. */
function makeOutput(descriptor: 1 | 2): StandardOutput {
  const isTerminal = isatty(descriptor);
  let made: NodeJS.WriteStream | undefined;
  const stream = () => {
    made ??= (descriptor === 1 ? process.stdout : process.stderr).on('error', leave);
    return made;
  };
  return {
    isTerminal,
    colour: wantsColour(process.env, isTerminal),
    get columns() {
      return (isTerminal && stream().columns) || 80;
    },
    get pending() {
      return made !== undefined && made.writableLength > 0;
    },
    write(text) {
      if (text !== '') stream().write(text);
    },
  };
}

function onSignals(names: readonly NodeJS.Signals[], hear: (name: NodeJS.Signals) => void): () => void {
  for (const name of names) process.on(name, hear);
  return () => {
    for (const name of names) process.off(name, hear);
  };
}

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

/** The directory of the bundle, which is also the launcher's: `dist/`. */
const here = import.meta.dirname;

type Spoken = Pick<Context, 'out' | 'err' | 'keeper'>;

/** Undefined but for the process that holds a detached session: what it has to say goes to the one that started it. */
async function findKeeper(): Promise<Keeper | undefined> {
  if (process.argv0 !== KEEPER_NAME || process.send === undefined) return undefined;
  const { openKeeper } = await import('./keeper.ts');
  return await openKeeper();
}

function makeContext(
  { launcherPath, started }: Beginning,
  spoken: Spoken,
  words: readonly string[],
): Context {
  return {
    // Thrown where it is asked for: help needs none.
    get cwd() {
      return givenDirectory();
    },
    environment: spoken.keeper?.environment ?? givenEnvironment(),
    ...spoken,
    launcherPath,
    started,
    get version() {
      return JSON.parse(readFileSync(join(here, '../package.json'), 'utf8')).version as string;
    },
    entry: { node: process.execPath, script: join(here, 'pinfold.cjs') },
    words,
    ask: isatty(0) && isatty(2) ? ask : undefined,
    pid: process.pid,
    onSignals,
  };
}

/** Words before `--` only: what comes after belongs to the command to be run. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).includes('--json');
}

async function dispatch(words: readonly string[], context: Context): Promise<number> {
  if (words[0] === 'run') {
    const line = parseLine('pinfold run', runCommand, words.slice(1));
    if (line.kind === 'invocation') return await runCommand.run({ ...line, context });
  }
  const { dispatchRare } = await import('./commands/index.ts');
  return await dispatchRare(words, context);
}

function report(thrown: unknown, words: readonly string[], context: Context): number {
  const error = asSandboxError(thrown);
  if (!wantsJson(words)) context.err.write(renderError(context.err, error));
  // stdout of a run is the command's, even when it was not started.
  else
    (words[0] === 'run' || words[0] === 'shell' ? context.err : context.out).write(
      `${printableJson(errorAsData(error))}\n`,
    );
  return NOT_ESTABLISHED;
}

/** What was done before this file was loaded. */
export interface Beginning {
  readonly launcherPath: string;
  readonly started: EarlyLauncher | undefined;
}

export async function main(beginning: Beginning): Promise<void> {
  const [out, err] = [makeOutput(1), makeOutput(2)];
  const keeper = await findKeeper();
  const words = keeper?.words ?? givenWords();
  const context = makeContext(
    beginning,
    {
      out,
      err,
      ...(keeper && { keeper, out: keeper.out, err: keeper.err }),
    },
    words,
  );
  try {
    process.exitCode = await dispatch(words, context);
  } catch (thrown) {
    process.exitCode = report(thrown, words, context);
  }
  await keeper?.close(Number(process.exitCode));
  if (beginning.started?.abandon() || words[0] !== 'run' || out.pending || err.pending) return;
  // Nothing of a run is left by now: to take Node itself down piece by piece would only cost time.
  process.exit();
}

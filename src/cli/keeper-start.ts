/** Starts the process that holds a detached session, and waits until its command runs or cannot. */
import { spawn } from 'node:child_process';
import { isatty } from 'node:tty';
import { SandboxError } from '../errors.ts';
import type { DetachedInput } from '../session/store.ts';
import { DEFAULT_SIZE } from '../session/terminal-command.ts';
import type { Context, Output } from './command.ts';
import type { Errand, KeeperSays } from './keeper.ts';
import { KEEPER_NAME } from './keeper-name.ts';

function shapeOf({ isTerminal, colour, columns }: Output): Errand['out'] {
  return { isTerminal, colour, columns };
}

/** Of the person's terminal, whichever stream shows it. */
function terminalOf({ environment }: Context): Errand['terminal'] {
  const shown = [process.stdout, process.stderr].find(({ isTTY }) => isTTY);
  const name = environment.TERM;
  return {
    columns: shown?.columns || DEFAULT_SIZE.columns,
    rows: shown?.rows || DEFAULT_SIZE.rows,
    ...(name !== undefined && isatty(0) && { name }),
  };
}

/** Resolves with the exit code: 0 once the command runs. Throws ERR_PLATFORM_UNSUPPORTED, ERR_SETUP_FAILED. */
export async function startKeeper(context: Context, input: DetachedInput | undefined): Promise<number> {
  if (process.platform !== 'linux') {
    throw new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
      what: 'Cannot detach',
      why: 'on this system a session has the streams of whoever started it',
      fix: 'Leave --detach out',
    });
  }
  const { entry, words, environment, cwd, out, err } = context;
  const errand: Errand = {
    input: input ?? (isatty(0) ? 'terminal' : 'none'),
    terminal: terminalOf(context),
    out: shapeOf(out),
    err: shapeOf(err),
    words,
    environment,
  };
  const keeper = spawn(entry.node, [entry.script, ...words], {
    argv0: KEEPER_NAME,
    cwd,
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return await new Promise((resolve, reject) => {
    let code: number | undefined;
    keeper.on('message', (said: KeeperSays) => {
      if ('exit' in said) code = said.exit;
      else (said.stream === 'out' ? out : err).write(said.text);
    });
    // Whether the errand met a closed channel, or the channel closed first, is chance.
    keeper.on('error', (cause) => reject(notStarted(cause)));
    keeper.on('disconnect', () => {
      keeper.unref();
      if (code !== undefined) resolve(code);
      else reject(notStarted());
    });
    keeper.send(errand);
  });
}

function notStarted(cause?: unknown): SandboxError {
  return new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot start the session',
    why: 'the process that was to hold it ended before its command ran',
    fix: 'Try without --detach, which says more',
    cause,
  });
}

/** `pinfold attach`: the streams of a detached session's command, until it ends or the person leaves. */
import { constants } from 'node:os';
import { finished } from 'node:stream/promises';
import { isSandboxError, SandboxError } from '../../errors.ts';
import type { CommandNews } from '../../session/commands.ts';
import { attachToSession, type ExecControl } from '../../session/exec-client.ts';
import { FrameReader } from '../../session/exec-frames.ts';
import { recallOutput } from '../../session/kept-output.ts';
import { findSession } from '../../session/recorded.ts';
import type { ListedSession } from '../../session/store.ts';
import { type Context, defineCommand } from '../command.ts';
import { endOfCommand } from '../command-end.ts';
import { DetachKeys } from '../detach-keys.ts';
import { exitCodeOf } from '../enclosed-run.ts';
import { personsTerminal } from '../exec-terminal.ts';
import { awaitEnd, latestLive } from '../live-session.ts';
import { ScreenModes } from '../screen-modes.ts';
import { openStore } from '../session-choice.ts';
import { findPlaces } from '../settings-places.ts';

/** They end the looking, and not the command. */
const LEAVING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

const HUNG_UP = 128 + constants.signals.SIGHUP;

interface Manner {
  readonly recall: boolean;
  readonly typing: boolean;
}

/** Throws ERR_SESSION_UNKNOWN, ERR_NOT_DETACHED. */
async function chooseDetached(context: Context, id: string | undefined): Promise<ListedSession> {
  if (id !== undefined) return findSession(await openStore(context), { id, projectDir: undefined });
  const { projectDir } = await findPlaces(context, { project: undefined });
  const session = await latestLive(context, projectDir, ({ detached }) => detached !== undefined);
  if (session !== undefined) return session;
  throw new SandboxError('ERR_SESSION_UNKNOWN', {
    what: 'There is no detached session',
    why: projectDir === undefined ? 'here is no project' : `none is live in ${projectDir}`,
    fix: 'pinfold run --detach -- COMMAND starts one; --session ID names one that has ended or runs elsewhere',
  });
}

/** What was kept of a command that has ended. */
function showKept({ directory, detached }: ListedSession): void {
  const kept = recallOutput(directory, { terminal: detached?.input === 'terminal' });
  for (const { kind, bytes } of new FrameReader().push(Buffer.concat(kept)) ?? []) {
    (kind === 'errors' ? process.stderr : process.stdout).write(bytes);
  }
}

/** Throws ERR_SESSION_UNREACHABLE where nobody is left to say how it ended. */
function codeOf({ id, ending }: ListedSession): number {
  if (ending === undefined) {
    throw new SandboxError('ERR_SESSION_UNREACHABLE', {
      what: `Cannot say how the command of session ${id} ended`,
      why: 'the session was killed',
    });
  }
  return ending.kind === 'failed' ? 125 : exitCodeOf(ending);
}

type Look =
  | { readonly kind: 'ended'; readonly news: CommandNews }
  | { readonly kind: 'left'; readonly code: number }
  /** Whether anything was shown of it yet. */
  | { readonly kind: 'gone'; readonly joined: boolean; readonly error: unknown };

async function look(session: ListedSession, context: Context, { recall, typing }: Manner): Promise<Look> {
  const { stdin, stdout, stderr: errors } = process;
  const input = session.detached?.input ?? 'none';
  const terminal = input === 'terminal' ? personsTerminal(context) : undefined;
  const modes = terminal && new ScreenModes();
  modes?.pipe(stdout, { end: false });
  let control: ExecControl | undefined;
  let left: number | undefined;
  const leave = (code: number): void => {
    left = code;
    control?.leave();
  };
  // The terminal has gone, or nobody reads any more.
  const onGone = (name: NodeJS.Signals) => () => leave(128 + constants.signals[name]);
  stdin.on('error', onGone('SIGHUP'));
  for (const stream of [stdout, errors]) stream.on('error', onGone('SIGPIPE'));
  const stopHearing = context.onSignals(LEAVING, (name) => leave(128 + constants.signals[name]));
  const keys = terminal && typing ? stdin.pipe(new DetachKeys(() => leave(0))) : undefined;
  try {
    const news = await attachToSession(session, {
      recall,
      joined: {
        streams: {
          input: keys ?? (typing && input !== 'none' ? stdin : undefined),
          output: modes ?? stdout,
          errors,
        },
        onStarted: (given) => {
          control = given;
          terminal?.take((size) => given.resize(size));
          if (left !== undefined) given.leave();
        },
      },
    });
    return { kind: 'ended', news };
  } catch (error) {
    if (left !== undefined) return { kind: 'left', code: left };
    if (!isSandboxError(error) || error.code !== 'ERR_SESSION_UNREACHABLE') throw error;
    return { kind: 'gone', joined: control !== undefined, error };
  } finally {
    stopHearing();
    if (modes) {
      modes.end();
      await finished(modes, { writable: false });
      if (left !== HUNG_UP) stdout.write(modes.undo());
    }
    if (control && left !== HUNG_UP) terminal?.restore();
    // It would keep this process until somebody types.
    stdin.destroy();
  }
}

/** Ends this process as a signal would. Its terminal has gone, and Node would fail to give it its modes back. */
function dieOf(name: NodeJS.Signals): Promise<never> {
  process.kill(process.pid, name);
  return new Promise(() => {});
}

async function attach(session: ListedSession, context: Context, manner: Manner): Promise<number> {
  const seen = await look(session, context, manner);
  if (seen.kind === 'ended') {
    const { code, complaint } = endOfCommand(seen.news, session.argv[0] ?? '');
    context.err.write(complaint);
    return code;
  }
  if (seen.kind === 'left') {
    if (seen.code === HUNG_UP) return await dieOf('SIGHUP');
    if (context.err.isTerminal) context.err.write(`\nSession ${session.id} goes on\n`);
    return seen.code;
  }
  const over = await awaitEnd(await openStore(context), session);
  if (over === undefined) throw seen.error;
  if (!seen.joined && manner.recall) showKept(over);
  return codeOf(over);
}

export const attachCommand = defineCommand({
  name: 'attach',
  summary: 'look at a detached session, and type into it',
  description:
    'First the last of what its command said, up to a megabyte, then what it says. Where the command has a terminal of its own, yours becomes it: keys go there, and its size follows; Control-\\ twice leaves it, and so does the end of your terminal. Else its streams are yours, the end of your input is the end of its, and Control-C leaves. The command goes on; when it ends while you look, its exit code is passed on. Of a session that has ended, what was kept is shown, with its exit code.',
  options: {
    session: {
      type: 'value',
      short: 's',
      placeholder: 'ID',
      completion: 'session',
      summary: 'the session, by its id or the beginning of it',
      default: 'the latest detached one of this project that is live',
    },
    'no-stdin': { type: 'flag', summary: 'only look: nothing is typed, and no input is ended' },
    'no-history': { type: 'flag', summary: 'only what it says from now on' },
  },
  examples: [
    { line: 'pinfold attach', does: 'the latest of this project' },
    { line: 'pinfold attach --session 0mwt --no-stdin | less', does: 'what it has said' },
  ],
  async run({ options, context }) {
    const session = await chooseDetached(context, options.session);
    if (session.detached === undefined) {
      throw new SandboxError('ERR_NOT_DETACHED', {
        what: `Cannot attach to session ${session.id}`,
        why: 'its command has the streams of whoever started it',
        fix: 'pinfold exec runs another command in it; pinfold run --detach starts one that can be attached to',
      });
    }
    const manner = { recall: !options['no-history'], typing: !options['no-stdin'] };
    if (session.state === 'live') return await attach(session, context, manner);
    if (manner.recall) showKept(session);
    return codeOf(session);
  },
});

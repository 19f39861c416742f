/** `pinfold exec`: one more command in a session that runs. */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { SandboxError } from '../../errors.ts';
import type { CommandNews } from '../../session/commands.ts';
import { execInSession } from '../../session/exec-client.ts';
import { defineCommand } from '../command.ts';
import { chooseLive } from '../live-session.ts';

const FORWARDED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

function exitCodeOf({ event, value }: CommandNews, command: string): { code: number; complaint: string } {
  if (event === 'exited') return { code: value, complaint: '' };
  if (event === 'failed') {
    const name = getSystemErrorName(-value);
    const code = name === 'ENOENT' ? 127 : 126;
    return { code, complaint: `Cannot run ${JSON.stringify(command)} in the session: ${name}\n` };
  }
  return { code: 128 + value, complaint: event === 'lost' ? 'The session has ended\n' : '' };
}

export const execCommand = defineCommand({
  name: 'exec',
  summary: 'run one more command in a session that runs',
  description:
    'It has the session’s boundary, environment and directory, and its streams are yours. There is no terminal for it: an editor or a shell prompt does not work there. Its exit code is passed on, and so are signals. When you go away it is sent SIGHUP.',
  passThrough: true,
  arguments: [
    {
      name: 'COMMAND',
      summary: 'what to run, with its arguments',
      required: true,
      many: true,
      completion: 'command',
    },
  ],
  options: {
    session: {
      type: 'value',
      short: 's',
      placeholder: 'ID',
      completion: 'session',
      summary: 'the session, by its id or the beginning of it',
      default: 'the latest of this project that is live',
    },
    cwd: {
      type: 'value',
      placeholder: 'DIR',
      summary: 'working directory, an absolute path as it is named inside',
    },
  },
  examples: [{ line: 'pinfold exec --session 0mwt -- ps aux', does: 'what runs inside' }],
  async run({ options, arguments: argv, context }) {
    if (options.cwd !== undefined && !options.cwd.startsWith('/')) {
      throw new SandboxError('ERR_USAGE', {
        what: `Cannot use the directory ${JSON.stringify(options.cwd)}`,
        why: 'it is not absolute',
        fix: 'Name it as it is named inside',
      });
    }
    const session = await chooseLive(context, options.session);
    const { stdin: input, stdout: output, stderr: errors } = process;
    let stopForwarding = (): void => {};
    try {
      const news = await execInSession(session, {
        argv,
        ...(options.cwd !== undefined && { cwd: options.cwd }),
        streams: { input, output, errors },
        onStarted: (signal) => {
          stopForwarding = context.onSignals(FORWARDED, (name) => signal(constants.signals[name]));
        },
      });
      const { code, complaint } = exitCodeOf(news, argv[0] ?? '');
      context.err.write(complaint);
      return code;
    } finally {
      stopForwarding();
      // It would keep this process until somebody types.
      input.destroy();
    }
  },
});

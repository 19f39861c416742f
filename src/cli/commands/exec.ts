/** `pinfold exec`: one more command in a session that runs. */
import { constants } from 'node:os';
import { SandboxError } from '../../errors.ts';
import type { Narrowing } from '../../policy/narrowing.ts';
import { execInSession } from '../../session/exec-client.ts';
import { defineCommand } from '../command.ts';
import { endOfCommand } from '../command-end.ts';
import { personsTerminal } from '../exec-terminal.ts';
import { chooseLive } from '../live-session.ts';

const FORWARDED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

function narrowingOf(options: {
  readonly mode: Narrowing['mode'];
  readonly net: Narrowing['networkAccess'];
  readonly 'read-only': boolean;
}): Narrowing {
  return {
    ...(options.mode !== undefined && { mode: options.mode }),
    ...(options.net !== undefined && { networkAccess: options.net }),
    ...(options['read-only'] && { readOnly: true }),
  };
}

export const execCommand = defineCommand({
  name: 'exec',
  summary: 'run one more command in a session that runs',
  description:
    'It has the session’s boundary, environment and directory. From a terminal it gets one of its own inside, which shows what yours does; else its streams are yours. --mode, --net and --read-only give it less than the session, never more. Its exit code is passed on, and so are signals. When you go away it is sent SIGHUP, unless it was detached: then it ends by itself or with the session.',
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
    mode: {
      type: 'value',
      placeholder: 'MODE',
      choices: ['strict', 'standard', 'permissive'],
      summary: 'show it the files of this mode only',
      default: 'what the session shows',
    },
    net: {
      type: 'value',
      placeholder: 'ACCESS',
      choices: ['none', 'local', 'filtered'],
      summary: 'none: no socket at all, not even to what the session serves',
      default: 'the network of the session',
    },
    'read-only': { type: 'flag', summary: 'let it write nothing but a temporary directory of its own' },
    detach: {
      type: 'flag',
      short: 'd',
      summary: 'leave it to run without input or output; what fails to start is still said',
    },
    'no-terminal': { type: 'flag', summary: 'give it these streams, though they are a terminal' },
  },
  examples: [
    { line: 'pinfold exec --session 0mwt -- ps aux', does: 'what runs inside' },
    { line: 'pinfold exec --detach -- npm run dev', does: 'a server beside what runs' },
    { line: 'pinfold exec --net none --read-only -- ./untrusted', does: 'with less than the session has' },
  ],
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
    const terminal = options['no-terminal'] || options.detach ? undefined : personsTerminal(context);
    const narrowing = narrowingOf(options);
    let stopForwarding = (): void => {};
    try {
      const news = await execInSession(session, {
        argv,
        ...(options.cwd !== undefined && { cwd: options.cwd }),
        ...(Object.keys(narrowing).length > 0 && { narrowing }),
        ...(terminal && { terminal: { ...terminal.size, name: terminal.name } }),
        detach: options.detach,
        joined: {
          streams: { input: options.detach ? undefined : input, output, errors },
          onStarted: (control) => {
            terminal?.take((size) => control.resize(size));
            stopForwarding = context.onSignals(FORWARDED, (name) => control.signal(constants.signals[name]));
          },
        },
      });
      const { code, complaint } = endOfCommand(news, argv[0] ?? '');
      context.err.write(complaint);
      return code;
    } finally {
      stopForwarding();
      terminal?.restore();
      // It would keep this process until somebody types.
      input.destroy();
    }
  },
});

/** Runs a command in an agent's preset; loaded only then. */
import { requireAgent } from '../agents/catalogue.ts';
import { commandWords } from '../agents/command-words.ts';
import { findHome } from '../host/host-facts.ts';
import { prepareAgent } from '../session/agent.ts';
import type { LoginEvent } from '../session/agent-login.ts';
import { refuseDisabled } from '../session/prepare.ts';
import type { Context } from './command.ts';
import { showPlan } from './commands/run.ts';
import { type RunManner, runEnclosed } from './enclosed-run.ts';
import { type PolicyOptions, policyRequest } from './flags.ts';
import { escapeText } from './render/escape.ts';
import { paint } from './render/style.ts';
import { shownPath } from './render/words.ts';
import { shimDirectory } from './shim.ts';

interface AgentOptions extends RunManner {
  readonly sandbox: boolean;
  readonly 'dry-run': boolean;
}

export interface AgentInvocation {
  readonly options: PolicyOptions & AgentOptions;
  readonly context: Context;
}

/** What a person should know of their login: it is theirs, and it was changed or was not. */
export function renderLoginEvents({ err }: Context, events: readonly LoginEvent[], homeDir: string): string {
  return events
    .map((event) => {
      const name = paint(err, 'accent', 'pinfold');
      const path = shownPath(event.path, homeDir);
      return event.kind === 'login-renewed'
        ? `${name} put the renewed login into ${path}\n`
        : `${name} did not take over the login of this session into ${path}: ${escapeText(event.why)}\n`;
    })
    .join('');
}

/** `argv` is the whole command. Resolves with the exit code. Throws ERR_AGENT_UNKNOWN and what a run throws. */
export async function runAgent(
  name: string,
  argv: readonly string[],
  { options, context }: AgentInvocation,
): Promise<number> {
  const preset = requireAgent(name);
  const request = policyRequest(options, context);
  const shims = shimDirectory(findHome(context.environment), context.environment);
  const [command = '', ...rest] = argv;
  const isAgent = preset.commands.includes(command) || command === preset.name;
  const { words, told } = isAgent ? commandWords(preset, rest) : { words: rest, told: undefined };
  const agent = await prepareAgent({ preset, request, shims, told });
  const { loaded, program } = agent;
  if (!options.sandbox) refuseDisabled(loaded);
  // Its own place: PATH may not name it, or may name a shim of ours first.
  const word = isAgent ? (program?.path ?? preset.commands[0]!) : command;
  const target = { argv: [word, ...words], cwd: context.cwd };
  if (options['dry-run']) return await showPlan(loaded, target, context, options);
  const say = (events: readonly LoginEvent[]) => {
    if (!options.quiet && !options.json)
      context.err.write(renderLoginEvents(context, events, loaded.policy.homeDir));
    return events.map((event) => ({ ...event }));
  };
  return await runEnclosed(loaded, target, context, options, {
    before: async () => say(await agent.place()),
    after: async () => say(await agent.settle()),
  });
}

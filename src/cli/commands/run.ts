/** `pinfold run`: a command inside. */

import { printableJson } from '../../policy/printable.ts';
import { planFor } from '../../session/plan-run.ts';
import { loadPolicy, refuseDisabled } from '../../session/prepare.ts';
import type { DetachedInput } from '../../session/store.ts';
import type { LoadedPolicy, Target } from '../../session/types.ts';
import { type Context, defineCommand, type OptionTable } from '../command.ts';
import { type RunManner, runEnclosed } from '../enclosed-run.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';
import { usageError } from '../parse.ts';
import { planAsData, renderPlan } from '../render/plan.ts';

/** How a run is told about, and whether it is one: shared with `pinfold shell`. */
export const RUN_FLAGS = {
  sandbox: { type: 'flag', summary: 'run inside although the settings say "enabled": false' },
  ask: {
    type: 'flag',
    summary: 'ask on the terminal about what is refused and could be opened; a yes opens it within the call',
  },
  detach: {
    type: 'flag',
    short: 'd',
    summary: 'go on without this terminal: prints the id of the session (see pinfold attach)',
  },
  stdin: {
    type: 'value',
    placeholder: 'KIND',
    choices: ['terminal', 'pipe', 'none'],
    summary:
      'of a detached command, for those who attach: a terminal of its own, its standard input, or nothing',
    default: 'terminal if standard input is one, else none',
  },
  'dry-run': { type: 'flag', short: 'n', summary: 'say what the boundary would be, and run nothing' },
  json: {
    type: 'flag',
    summary: 'for machines: the plan on stdout with --dry-run, else the outcome as one line on stderr',
  },
  quiet: { type: 'flag', short: 'q', summary: 'no banner, notices or summary; errors only' },
  verbose: { type: 'flag', short: 'v', summary: 'banner and all notices, also when stderr is no terminal' },
} as const satisfies OptionTable;

interface RunOptionValues extends RunManner {
  readonly detach: boolean;
  readonly stdin: DetachedInput | undefined;
  readonly 'dry-run': boolean;
}

/** Whether this process is to start another one that holds the session. Throws ERR_USAGE for what does not go together. */
export function isToDetach(options: RunOptionValues, { keeper }: Context): boolean {
  if (!options.detach && options.stdin !== undefined) {
    throw usageError(
      'Cannot choose the standard input',
      '--stdin is for a detached command',
      'Give --detach too',
    );
  }
  if (options.detach && options.ask) {
    throw usageError('Cannot ask', 'a detached session has nobody to ask', 'Leave out --ask or --detach');
  }
  return options.detach && !options['dry-run'] && keeper === undefined;
}

/** Loaded by whoever starts a detached session only. */
export async function detach(context: Context, { stdin }: RunOptionValues): Promise<number> {
  const { startKeeper } = await import('../keeper-start.ts');
  return await startKeeper(context, stdin);
}

/** `--dry-run`. Resolves with the exit code. */
export async function showPlan(
  loaded: LoadedPolicy,
  target: Target,
  { launcherPath, started, environment, out }: Context,
  { json }: { readonly json: boolean },
): Promise<number> {
  const planned = await planFor(loaded, target, { launcherPath, started, environment });
  out.write(json ? `${printableJson(planAsData(loaded, planned), 2)}\n` : renderPlan(out, loaded, planned));
  return 0;
}

const AGENT_FLAG = {
  agent: {
    type: 'value',
    placeholder: 'NAME',
    completion: 'agent',
    summary: "in an agent's preset: its login, its model's hosts (see pinfold agents)",
    group: 'The boundary',
  },
} as const satisfies OptionTable;

export const runCommand = defineCommand({
  name: 'run',
  summary: 'run a command inside the boundary',
  description:
    'Starts COMMAND inside a boundary that the kernel enforces. Its input, output and terminal are its own; its exit code is ' +
    'passed on. 125 means that the boundary could not be made or the settings are invalid, and nothing was started; 126 that ' +
    'COMMAND cannot be executed, 127 that it was not found, 128+n that signal n ended it.',
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
  options: { ...POLICY_FLAGS, ...AGENT_FLAG, ...RUN_FLAGS },
  examples: [
    { line: 'pinfold run -- npm test', does: 'the project and a private temp directory, nothing else' },
    { line: 'pinfold run --mode strict -- claude', does: 'sensitive code' },
    {
      line: 'pinfold run --allow ../lib:ro --deny "**/.env" -- make',
      does: 'one more directory, and secrets hidden',
    },
    { line: 'pinfold run --ask -- ./configure', does: 'decide about what is refused as it comes' },
    { line: 'pinfold run --detach -- npm run dev', does: 'a session of its own, to attach to' },
    { line: 'pinfold run --dry-run -- make', does: 'the boundary in words' },
    { line: 'pinfold run --agent codex -- codex exec "fix it"', does: 'an agent in its preset' },
  ],
  async run({ options, arguments: argv, context }) {
    if (isToDetach(options, context)) return await detach(context, options);
    if (options.agent !== undefined) {
      const { runAgent } = await import('../agent-run.ts');
      return await runAgent(options.agent, argv, { options, context });
    }
    const loaded = await loadPolicy(policyRequest(options, context));
    if (!options.sandbox) refuseDisabled(loaded);
    const target = { argv, cwd: context.cwd };
    return options['dry-run']
      ? await showPlan(loaded, target, context, options)
      : await runEnclosed(loaded, target, context, options);
  },
});

/** `pinfold claude …`, `pinfold codex …`: an agent by its name, every word after it its own. */
import { AGENTS, findAgent } from '../../agents/catalogue.ts';
import type { AgentPreset } from '../../agents/preset.ts';
import { type Command, type Context, defineCommand } from '../command.ts';
import { parseLine } from '../parse.ts';
import { asSandboxError, renderError } from '../render/error.ts';
import { runCommand } from './run.ts';

const NOT_ESTABLISHED = 125;

async function start(
  { name, commands }: AgentPreset,
  words: readonly string[],
  context: Context,
): Promise<number> {
  // As if `run --agent` had been typed, so that both have the same defaults.
  const line = parseLine(`pinfold ${name}`, runCommand, ['--agent', name, '--', commands[0]!, ...words]);
  if (line.kind === 'help') throw new Error('there was no option to ask for help');
  try {
    return await runCommand.run({ ...line, context });
  } catch (error) {
    // Not left to main: `--json` among the agent's own words says nothing about our errors.
    context.err.write(renderError(context.err, asSandboxError(error)));
    return NOT_ESTABLISHED;
  }
}

function commandOf(preset: AgentPreset): Command {
  const { name, title } = preset;
  return defineCommand({
    name,
    summary: `run ${title} inside, in its preset`,
    description:
      `Starts ${title} inside with what it needs and no more: its login, the hosts of its model, its program. Every word after ` +
      `"${name}" is its own, --help too; options of Pinfold stand before it: pinfold --mode strict ${name}. What it is given: ` +
      `pinfold agents ${name}.`,
    passThrough: true,
    verbatim: true,
    agent: true,
    arguments: [{ name: 'ARGUMENT', summary: `goes to ${title}`, many: true, completion: 'path' }],
    options: {},
    examples: [
      { line: `pinfold ${name}`, does: 'in this project' },
      { line: `pinfold --mode strict ${name}`, does: 'with a tighter boundary' },
    ],
    run: ({ arguments: words, context }) => start(preset, words, context),
  });
}

export const AGENT_COMMANDS: readonly Command[] = AGENTS.map(commandOf);

/**
 * `pinfold --mode strict claude …`: options of ours, then an agent. Undefined when no agent's name follows the options.
 * Throws ERR_USAGE for options that `pinfold run` would not take either.
 */
export function agentAfterOptions(
  words: readonly string[],
): ((context: Context) => Promise<number>) | undefined {
  if (!words.some((word) => findAgent(word) !== undefined)) return undefined;
  const line = parseLine('pinfold', runCommand, words);
  if (line.kind === 'help') return undefined;
  const [word = '', ...rest] = line.arguments;
  const preset = findAgent(word);
  if (preset === undefined) return undefined;
  const options = { ...line.options, agent: line.options.agent ?? preset.name };
  return (context) => runCommand.run({ options, arguments: [preset.commands[0]!, ...rest], context });
}

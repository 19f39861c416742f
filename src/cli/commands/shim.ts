/** `pinfold shim`: makes an agent's plain name start it inside, and takes that back. */
import { requireAgent } from '../../agents/catalogue.ts';
import { findAgentProgram } from '../../host/agent-program.ts';
import { findHome } from '../../host/host-facts.ts';
import { loadPolicy } from '../../session/prepare.ts';
import { type ArgumentSpec, type Context, defineCommand, defineGroup } from '../command.ts';
import { escapeText } from '../render/escape.ts';
import { shownOrigin, shownPath } from '../render/words.ts';
import { installShim, removeShim, shimDirectory } from '../shim.ts';

const AGENT: ArgumentSpec = {
  name: 'AGENT',
  summary: 'its name: claude, codex …',
  required: true,
  completion: 'agent',
};

function directoryOf({ environment }: Context): { readonly homeDir: string; readonly directory: string } {
  const homeDir = findHome(environment);
  return { homeDir, directory: shimDirectory(homeDir, environment) };
}

const installCommand = defineCommand({
  name: 'install',
  summary: 'make the plain name of an agent start it inside',
  description:
    'Writes a small script into a directory of Pinfold’s own. It changes no file of your shell: put the directory first on PATH ' +
    'yourself, as it says. In a project whose settings say "enabled": false the agent starts as ever, and says so.',
  arguments: [AGENT],
  options: {},
  examples: [{ line: 'pinfold shim install claude', does: '"claude" then means "pinfold claude"' }],
  async run({ arguments: [name = ''], context }) {
    const { name: agent, commands } = requireAgent(name);
    const { homeDir, directory } = directoryOf(context);
    const { node, script } = context.entry;
    for (const command of commands) {
      const path = installShim({ directory, command }, { agent, node, entry: script });
      context.out.write(`Made ${shownPath(path, homeDir)}\n`);
    }
    const onPath = (context.environment.PATH ?? '').split(':');
    if (onPath[0] !== directory) {
      const why = onPath.includes(directory) ? 'others come before it on PATH' : 'it is not on PATH yet';
      context.out.write(
        `${why}. Add this line to the start-up file of your shell:\n  export PATH="${escapeText(directory)}:$PATH"\n`,
      );
    }
    return 0;
  },
});

const removeCommand = defineCommand({
  name: 'remove',
  summary: 'take such a script away again',
  arguments: [AGENT],
  options: {},
  examples: [{ line: 'pinfold shim remove claude', does: '"claude" means itself again' }],
  async run({ arguments: [name = ''], context }) {
    const { commands } = requireAgent(name);
    const { homeDir, directory } = directoryOf(context);
    const removed = commands.filter((command) => removeShim({ directory, command }));
    for (const command of removed) {
      context.out.write(`Removed ${shownPath(`${directory}/${command}`, homeDir)}\n`);
    }
    if (removed.length === 0) context.out.write(`There is no shim for ${escapeText(name)}.\n`);
    else context.out.write('Your shell may remember the old place until "hash -r".\n');
    return 0;
  },
});

/** Called by the script itself: prints the program to start instead, and nothing where it is to start inside. */
const outsideCommand = defineCommand({
  name: 'outside',
  summary: 'where settings switch the sandbox off: the program itself',
  arguments: [AGENT],
  options: {},
  async run({ arguments: [name = ''], context }) {
    const preset = requireAgent(name);
    const { cwd, environment } = context;
    const { homeDir, directory } = directoryOf(context);
    const { policy, facts } = await loadPolicy({ cwd, environment });
    if (policy.enabled.value) return 0;
    const program = findAgentProgram({
      commands: preset.commands,
      places: preset.places,
      searchPath: environment.PATH ?? '',
      homeDir,
      projectDir: facts.projectDir,
      except: directory,
    });
    if (program === undefined) return 0;
    const where = shownOrigin(policy.enabled.origin, homeDir);
    context.err.write(`pinfold is switched off here (${where}): ${preset.title} runs outside\n`);
    context.out.write(`${program.path}\n`);
    return 0;
  },
});

export const shimCommand = defineGroup({
  name: 'shim',
  summary: 'let the plain name of an agent start it inside',
  subcommands: [installCommand, removeCommand, outsideCommand],
});

/** `pinfold completion`: a script for the person's shell, and the hidden command that it asks for names. */
import { AGENTS } from '../../agents/catalogue.ts';
import { stateDirOf } from '../../config/discover.ts';
import { findHome } from '../../host/host-facts.ts';
import { loadPolicy } from '../../session/prepare.ts';
import { SessionStore } from '../../session/store.ts';
import { type Command, type Context, defineCommand } from '../command.ts';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { zshScript } from '../completion/zsh.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** Names that only this machine knows. Wrong or unreadable settings complete nothing: `run` will say what is wrong. */
async function dynamicNames(what: string, context: Context): Promise<string[]> {
  const { environment, cwd } = context;
  if (what === 'sessions') {
    const store = new SessionStore(stateDirOf(findHome(environment), environment));
    return store.liveSessions().map(({ id }) => id);
  }
  if (what === 'agents') return AGENTS.map(({ name }) => name);
  const { layers } = await loadPolicy({ cwd, environment });
  return layers.flatMap(({ profiles }) => Object.keys(profiles ?? {}));
}

/** `commands` is the whole table, this command included; it is asked for when the script is made. */
export function completionOf(commands: () => readonly Command[]): Command {
  return defineCommand({
    name: 'completion',
    summary: 'print a completion script for bash, zsh or fish',
    arguments: [
      {
        name: 'SHELL',
        summary: 'the shell to complete in',
        required: true,
        choices: ['bash', 'zsh', 'fish', 'names'],
      },
      {
        name: 'KIND',
        summary: 'with "names": which names, one a line',
        choices: ['sessions', 'profiles', 'agents'],
      },
    ],
    options: {},
    examples: [
      { line: 'source <(pinfold completion bash)', does: 'in ~/.bashrc' },
      { line: 'source <(pinfold completion zsh)', does: 'in ~/.zshrc, after compinit' },
      { line: 'pinfold completion fish > ~/.config/fish/completions/pinfold.fish', does: 'once' },
    ],
    async run({ arguments: [shell, kind = 'sessions'], context }) {
      if (shell === 'names') {
        const names = await dynamicNames(kind, context).catch(() => []);
        // A name that would need quoting is left out: it would be pasted into a command line.
        const plain = names.filter((name) => /^[\w.-]+$/.test(name));
        context.out.write(plain.map((name) => `${name}\n`).join(''));
        return 0;
      }
      context.out.write(SCRIPTS[shell as keyof typeof SCRIPTS](commands()));
      return 0;
    },
  });
}

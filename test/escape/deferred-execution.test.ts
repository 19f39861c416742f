/** Files from which something on the host runs later: no route plants one, in any mode, whether it is there already or not. */
import { copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const GIT = [
  ...[
    '.git/hooks/pre-commit',
    '.git/hooks/post-checkout',
    '.git/config',
    '.git/config.worktree',
    '.git/commondir',
  ],
  ...[
    '.git/info/attributes',
    '.git/objects/info/alternates',
    '.git/modules/m/config',
    '.git/modules/m/hooks/x',
  ],
  ...['.git/worktrees/w/config.worktree', '.git/worktrees/w/commondir', '.git/worktrees/w/gitdir'],
  ...['sub/.git/config', 'sub/.git/hooks/post-merge', 'pointing/.git'],
];
const EDITORS = [
  ...['.vscode/tasks.json', '.vscode/settings.json', '.vscode/launch.json', '.vscode/extensions.json'],
  ...[
    'sub/.vscode/settings.json',
    '.idea/workspace.xml',
    '.idea/runConfigurations/x.xml',
    '.zed/settings.json',
  ],
  ...[
    '.zed/tasks.json',
    '.nvim.lua',
    '.nvimrc',
    '.exrc',
    '.vimrc',
    '.dir-locals.el',
    'project.code-workspace',
  ],
  ...['.fleet/run.json', '.gdbinit', '.lldbinit', '.ripgreprc'],
];
const AGENTS = [
  ...['.claude/settings.json', '.claude/settings.local.json', '.claude/commands/x.md', '.claude/agents/x.md'],
  ...['.claude/skills/x/SKILL.md', '.claude/hooks/x.sh', '.mcp.json', 'sub/.mcp.json', '.cursor/mcp.json'],
  ...['.cursor/hooks.json', '.codex/config.toml', '.codex/hooks.json', '.agents/skills/x/SKILL.md'],
  ...['.gemini/settings.json', '.gemini/extensions/x/gemini-extension.json', '.windsurf/mcp.json'],
  ...['.continue/config.yaml', '.opencode/opencode.json', '.aider.conf.yml'],
];
const SHELLS = [
  ...['.envrc', '.bashrc', '.bash_profile', '.bash_login', '.bash_logout', '.profile', '.zshrc', '.zshenv'],
  ...['.zprofile', '.zlogin', '.inputrc', '.config/fish/config.fish', 'mise.toml', '.mise.toml'],
  ...['.mise/config.toml', '.direnvrc'],
];
const PACKAGES = [
  ...[
    '.npmrc',
    '.yarnrc',
    '.yarnrc.yml',
    '.pnpmfile.cjs',
    'bunfig.toml',
    '.cargo/config.toml',
    '.cargo/config',
  ],
  ...['.mvn/extensions.xml', '.mvn/jvm.config', 'pip.conf', 'sitecustomize.py', '.bundle/config'],
  '.husky/pre-commit',
];
/** What a project is made of: it may be written, and whoever runs it afterwards should look first. */
const ORDINARY = [
  ...['.gitmodules', '.git/rebase-merge/git-rebase-todo', '.devcontainer/devcontainer.json', '.cursorrules'],
  ...['.cursor/rules/x.mdc', '.github/copilot-instructions.md', '.tool-versions', '.yarn/releases/yarn.cjs'],
  ...[
    'rust-toolchain.toml',
    'gradle/wrapper/gradle-wrapper.properties',
    '.mvn/wrapper/maven-wrapper.properties',
  ],
  ...['node_modules/.bin/tsc', '.pre-commit-config.yaml', 'lefthook.yml', '.github/workflows/x.yml'],
  ...['.gitlab-ci.yml', '.venv/bin/activate'],
];
const HOME = [
  ...[
    '.bashrc',
    '.bash_profile',
    '.bash_login',
    '.profile',
    '.bash_logout',
    '.zshrc',
    '.zshenv',
    '.zprofile',
  ],
  ...[
    '.zlogin',
    '.config/fish/config.fish',
    '.inputrc',
    '.tmux.conf',
    '.screenrc',
    '.vimrc',
    '.vim/plugin/x.vim',
  ],
  ...['.config/nvim/init.lua', '.emacs', '.gitconfig', '.config/git/config', '.config/git/hooks/pre-commit'],
  ...[
    '.ssh/authorized_keys',
    '.ssh/config',
    '.ssh/rc',
    '.ssh/environment',
    '.gnupg/gpg.conf',
    '.pam_environment',
  ],
  ...['.xprofile', '.xinitrc', '.xsession', '.Xresources', '.config/autostart/x.desktop'],
  ...[
    '.config/systemd/user/x.service',
    '.config/environment.d/x.conf',
    '.local/share/applications/x.desktop',
  ],
  ...['.local/share/dbus-1/services/x.service', '.local/bin/git', 'bin/git', '.cargo/bin/cargo'],
  ...[
    '.cargo/config.toml',
    '.npmrc',
    '.config/pip/pip.conf',
    '.pypirc',
    '.gem/credentials',
    '.docker/config.json',
  ],
  ...['.docker/cli-plugins/docker-x', '.kube/config', '.aws/config', '.terraformrc', '.m2/settings.xml'],
  ...[
    '.gradle/init.gradle',
    '.config/Code/User/settings.json',
    '.config/Code/User/tasks.json',
    '.vscode/argv.json',
  ],
  ...['.vscode-server/server-env-setup', '.claude/settings.json', '.claude.json', '.codex/config.toml'],
  ...[
    '.gemini/settings.json',
    '.cursor/mcp.json',
    '.config/pinfold/planted.json',
    '.local/state/pinfold/log',
  ],
  'Library/LaunchAgents/x.plist',
];
const PROTECTED = [...GIT, ...EDITORS, ...AGENTS, ...SHELLS, ...PACKAGES];

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
    copyFileSync(new URL('../fixtures/plant.py', import.meta.url), join(world.root, 'bin/plant.py'));
    // What git itself puts there would count as present.
    rmSync(join(world.project, '.git/hooks'), { recursive: true });
    rmSync(join(world.project, '.git/info'), { recursive: true });
    world.put(join(world.project, '.git/modules/m/HEAD'), 'ref: refs/heads/main\n');
    world.put(join(world.project, '.git/worktrees/w/HEAD'), 'ref: refs/heads/main\n');
    world.put(join(world.project, 'sub/.git/HEAD'), 'ref: refs/heads/main\n');
  });
  afterEach(() => world.dispose());

  const argv = (routes: string, names: readonly string[]) => [
    ...['/usr/bin/python3', join(world.root, 'bin/plant.py'), routes],
    ...names,
  ];
  const contentOf = (base: string, name: string): string => {
    try {
      return readFileSync(join(base, name), 'utf8');
    } catch {
      return '';
    }
  };
  const planted = (base: string, names: readonly string[]) =>
    names.filter((name) => contentOf(base, name).includes('PLANTED'));
  const attempt = async (mode: string, routes: string, names: readonly string[], cwd = world.project) => {
    const flags = ['--mode', mode, '--project', world.project, '--allow', `${world.root}/bin:ro`];
    const script = 'cd "$0" && exec "$@"';
    const ran = await world.inside(['sh', '-c', script, cwd, ...argv(routes, names)], flags);
    expect(ran.code, ran.stderr).toBe(0);
  };

  test.each(['strict', 'standard', 'permissive'])(
    'in %s what is absent cannot be planted in a project',
    async (mode) => {
      await attempt(
        mode,
        'all',
        PROTECTED.filter((name) => name !== '.git/config'),
      );
      expect(planted(world.project, PROTECTED)).toEqual([]);
      expect(contentOf(world.project, '.git/HEAD')).toContain('ref: ');
      // The control: outside each of them is.
      const names = PROTECTED.filter((name) => name !== '.git/config');
      await world.run(argv('direct', names));
      expect(planted(world.project, names)).toEqual(names);
    },
    120_000,
  );

  test.each(['strict', 'permissive'])(
    'in %s what is there stays the very file that it was',
    async (mode) => {
      for (const name of PROTECTED)
        world.put(join(world.project, name), name.endsWith('.json') ? '{}\n' : 'mine\n');
      const states = () =>
        PROTECTED.map((name) => {
          // The directory above it may be moved away; nothing is planted by that.
          const place = existsSync(join(world.project, name)) ? name : join('.draft', basename(name));
          const { ino, mode: bits, nlink } = lstatSync(join(world.project, place));
          return [name, contentOf(world.project, place), ino, bits, nlink];
        });
      const before = states();
      await attempt(mode, 'all', PROTECTED);
      expect(states()).toEqual(before);
      await world.run(argv('direct', PROTECTED));
      expect(planted(world.project, PROTECTED)).toEqual(PROTECTED);
    },
    120_000,
  );

  test('what a project is made of can be written', async () => {
    await attempt('strict', 'direct', ORDINARY);
    expect(planted(world.project, ORDINARY)).toEqual(ORDINARY);
  });

  test('in permissive nothing is planted in the home, where it is absent and where it is there', async () => {
    await attempt('permissive', 'all', HOME, world.home);
    expect(planted(world.home, HOME)).toEqual([]);
    for (const name of HOME) world.put(join(world.home, name), 'mine\n');
    await attempt('permissive', 'all', [...HOME, 'notes.txt'], world.home);
    for (const name of HOME) expect(contentOf(world.home, name)).toBe('mine\n');
    // The controls: the home is open for what nothing runs, and outside each of them is planted.
    expect(planted(world.home, ['notes.txt'])).toEqual(['notes.txt']);
    await world.run(argv('direct', HOME), { cwd: world.home });
    expect(planted(world.home, HOME)).toEqual(HOME);
  }, 120_000);

  test('in strict nothing reaches the home at all', async () => {
    mkdirSync(join(world.home, 'open'), { mode: 0o777 });
    await attempt(
      'strict',
      'all',
      HOME.map((name) => join(world.home, name)),
    );
    expect(planted(world.home, HOME)).toEqual([]);
  }, 120_000);
});

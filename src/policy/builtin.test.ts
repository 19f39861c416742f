/** The tables of what each mode gives and withholds before anybody writes a setting. */
import { describe, expect, test } from 'vitest';
import { modeRules } from './builtin.ts';
import { Decider } from './decide.ts';
import { HOME, makeFacts, PRIVATE_HOME, PROJECT } from './facts.fixture.ts';
import type { Access, Mode } from './types.ts';

const deciders = {
  strict: new Decider({ rules: modeRules('strict', makeFacts()) }),
  standard: new Decider({ rules: modeRules('standard', makeFacts()) }),
  permissive: new Decider({ rules: modeRules('permissive', makeFacts()) }),
} satisfies Record<Mode, Decider>;

/** Access in strict, standard and permissive. */
const TABLE: readonly (readonly [string, Access, Access, Access])[] = [
  ['/', 'none', 'none', 'none'],
  ['/usr/bin/env', 'read', 'read', 'read'],
  ['/etc/passwd', 'read', 'read', 'read'],
  ['/etc/shadow', 'none', 'none', 'none'],
  ['/root', 'none', 'none', 'none'],
  ['/tmp/x', 'write', 'write', 'write'],
  ['/var/tmp/x', 'write', 'write', 'write'],
  ['/dev/shm/x', 'write', 'write', 'write'],
  ['/run/x', 'write', 'write', 'write'],
  ['/mnt/other', 'none', 'none', 'none'],
  [PROJECT, 'write', 'write', 'write'],
  [`${PROJECT}/src/a.ts`, 'write', 'write', 'write'],
  [HOME, 'none', 'none', 'write'],
  [`${HOME}/notes.txt`, 'none', 'none', 'write'],
  [`${HOME}/projects/other`, 'none', 'none', 'write'],
  [`${PRIVATE_HOME}/.cache/x`, 'write', 'write', 'none'],
  [`${PRIVATE_HOME}/.gitconfig`, 'read', 'read', 'none'],
  [`${HOME}/.cargo/bin/cargo`, 'read', 'read', 'read'],
  [`${HOME}/.cargo/credentials.toml`, 'none', 'none', 'none'],
  [`${HOME}/.config/pinfold/settings.json`, 'none', 'none', 'read'],
  [`${HOME}/.local/state/pinfold/sessions`, 'none', 'none', 'none'],
  [`${HOME}/.local/share/pinfold/homes/other`, 'none', 'none', 'none'],
  ['/usr/lib/node_modules/pinfold/dist', 'read', 'read', 'read'],
];

test.each(TABLE)('%s is %s in strict, %s in standard, %s in permissive', (path, ...expected) => {
  const measured = (['strict', 'standard', 'permissive'] as const).map((mode) =>
    deciders[mode].accessOf(path),
  );
  expect(measured).toEqual(expected);
});

const HOST_RUN = `
.git/hooks/pre-commit .git/config .git/config.worktree .git/commondir .git/info/attributes .git/objects/info/alternates
.git/modules/m/config .git/modules/m/hooks/post-checkout .git/modules/a/b/config .git/modules/m/info/attributes
.git/worktrees/w/config.worktree .git/worktrees/w/commondir .git/worktrees/w/gitdir sub/.git/config sub/.git
sub/.git/hooks/post-merge new/.git/config node_modules/m/.git/config .GIT/hooks/x .Claude/settings.json
.vscode/tasks.json .vscode/settings.json sub/.vscode/settings.json .idea/workspace.xml .zed/tasks.json .nvim.lua .nvimrc
.exrc .vimrc .dir-locals.el proj.code-workspace .fleet/run.json .gdbinit .lldbinit .ripgreprc
.claude/settings.json .claude/commands/x.md .claude/skills/x/SKILL.md .mcp.json sub/.mcp.json .cursor/mcp.json
.cursor/hooks.json .codex/config.toml .agents/skills/x/SKILL.md .gemini/settings.json .windsurf/mcp.json
.continue/config.yaml .opencode/opencode.json .aider.conf.yml .pinfold/settings.json
.envrc .bashrc .bash_profile .bash_login .bash_logout .profile .zshrc .zshenv .zprofile .zlogin .inputrc
.config/fish/config.fish mise.toml .mise.toml .mise/config.toml .direnvrc
.npmrc .yarnrc .yarnrc.yml .pnpmfile.cjs bunfig.toml .cargo/config.toml .cargo/config .mvn/extensions.xml .mvn/jvm.config
pip.conf sitecustomize.py .bundle/config .husky/pre-commit`
  .trim()
  .split(/\s+/);

const ORDINARY = `
.git/HEAD .git/index .git/objects/ab/cd .git/refs/heads/main .git/logs/HEAD .git/COMMIT_EDITMSG .git/rebase-merge/git-rebase-todo
.git/info/exclude .gitignore .gitmodules .github/workflows/x.yml .gitlab-ci.yml .devcontainer/devcontainer.json
.tool-versions .venv/bin/python .venv/lib/python3/site-packages/x.pth .cursor/rules/x.mdc .cursorrules
.yarn/releases/yarn.cjs rust-toolchain.toml gradle/wrapper/gradle-wrapper.jar node_modules/.bin/tsc
node_modules/m/.vscode/settings.json package.json Makefile lefthook.yml .pre-commit-config.yaml`
  .trim()
  .split(/\s+/);

describe.each(['strict', 'standard', 'permissive'] as const)('in %s, inside the project', (mode) => {
  test.each(HOST_RUN)('%s is read-only, since the host runs code from it', (path) => {
    expect(deciders[mode].accessOf(`${PROJECT}/${path}`)).toBe('read');
  });

  test.each(ORDINARY)('%s is writable, since ordinary work changes it', (path) => {
    expect(deciders[mode].accessOf(`${PROJECT}/${path}`)).toBe('write');
  });

  test('.git may be a directory, and not a file that points elsewhere', () => {
    expect(deciders[mode].accessOf(`${PROJECT}/new/.git`, { directory: true })).toBe('write');
    expect(deciders[mode].accessOf(`${PROJECT}/new/.git`, { directory: false })).toBe('read');
  });
});

test('a project whose own name looks like a pattern is protected too', () => {
  const projectDir = '/srv/[app]{a,b}';
  const decider = new Decider({ rules: modeRules('standard', makeFacts({ projectDir })) });
  expect(decider.accessOf(`${projectDir}/.git/hooks/x`)).toBe('read');
  expect(decider.accessOf(`${projectDir}/src/x`)).toBe('write');
});

const HOME_READ_ONLY = `
.bashrc .bash_profile .bash_login .profile .bash_logout .zshrc .zshenv .zprofile .zlogin .config/fish/config.fish .inputrc
.tmux.conf .screenrc .vimrc .vim/plugin/x.vim .config/nvim/init.lua .emacs .gitconfig .config/git/config
.config/git/hooks/pre-commit .pam_environment .xprofile .xinitrc .xsession .Xresources .config/autostart/x.desktop
.config/systemd/user/x.service .config/environment.d/x.conf .local/share/applications/x.desktop
.local/share/dbus-1/services/x.service .local/bin/git bin/git .cargo/bin/cargo .cargo/config.toml .config/pip/pip.conf
.gradle/init.gradle .config/Code/User/settings.json .config/Code/User/tasks.json .vscode/argv.json
.vscode-server/server-env-setup .claude/settings.json .codex/config.toml .gemini/settings.json .cursor/mcp.json
.config/pinfold/config.json Library/LaunchAgents/x.plist`
  .trim()
  .split(/\s+/);

const HOME_HIDDEN = `
.ssh/authorized_keys .ssh/config .ssh/rc .gnupg/gpg.conf .npmrc .pypirc .gem/credentials .docker/config.json
.docker/cli-plugins/docker-x .kube/config .aws/config .terraformrc .m2/settings.xml .claude.json .local/state/pinfold/log
.azure/x .config/gcloud/x .netrc .git-credentials .config/gh/hosts.yml .config/glab-cli/x .cargo/credentials.toml
.gradle/gradle.properties .terraform.d/x .vault-token .config/op/x .password-store/x .1password/x
.local/share/keyrings/x .pki/x .mozilla/x .config/google-chrome/x .config/chromium/x .config/BraveSoftware/x
.config/microsoft-edge/x .thunderbird/x .claude/.credentials.json .codex/auth.json .gemini/oauth_creds.json
.colima/default/docker.sock .lima/x .rd/docker.sock .orbstack/x .screen/x .emacs.d/server/server
.local/share/containers/podman/machine/x .config/github-copilot/x .bash_history .zsh_history .python_history .psql_history Library/Keychains/x`
  .trim()
  .split(/\s+/);

test.each(HOME_READ_ONLY)('in permissive, ~/%s is read-only', (path) => {
  expect(deciders.permissive.accessOf(`${HOME}/${path}`)).toBe('read');
});

test.each(HOME_HIDDEN)('in every mode, ~/%s is unreadable', (path) => {
  for (const decider of Object.values(deciders)) expect(decider.accessOf(`${HOME}/${path}`)).toBe('none');
});

test("in permissive, an editor's socket is unreachable and its settings are readable", () => {
  expect(deciders.permissive.accessOf(`${HOME}/.config/Code/1.99-main.sock`)).toBe('none');
  expect(deciders.permissive.accessOf(`${HOME}/.config/Code - Insiders/1.99-main.sock`)).toBe('none');
  expect(deciders.permissive.accessOf(`${HOME}/.config/Code/User/settings.json`)).toBe('read');
});

test.each(['strict', 'standard', 'permissive'] as const)(
  'in %s, Pinfold in the project is read-only',
  (mode) => {
    const { pinfold } = makeFacts();
    const facts = makeFacts({ pinfold: { ...pinfold, installDir: `${PROJECT}/node_modules/pinfold` } });
    const decider = new Decider({ rules: modeRules(mode, facts) });
    expect(decider.accessOf(`${PROJECT}/node_modules/pinfold/dist/main.cjs`)).toBe('read');
    expect(decider.accessOf(`${PROJECT}/node_modules/other/index.js`)).toBe('write');
  },
);

test('every built-in rule says why, and none stands twice', () => {
  for (const mode of ['strict', 'standard', 'permissive'] as const) {
    const rules = modeRules(mode, makeFacts());
    expect(rules.filter(({ why }) => why === '')).toEqual([]);
    const home = rules.filter(({ category }) => category === 'credential' || category === 'host-run');
    const keys = home.map(({ pattern, access }) => `${access} ${pattern}`);
    const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
    expect(twice.filter((key) => !key.includes('.cargo/credentials.toml'))).toEqual([]);
  }
});

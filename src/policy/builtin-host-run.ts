/** Names from which the host runs code by itself: read-only where they exist, and not to be made where they do not. */

export interface HostRunName {
  /** Relative to any directory of a writable tree, a glob without leading slash. */
  readonly name: string;
  readonly why: string;
  /** `file`: only a non-directory of the name. */
  readonly kind?: 'file';
}

function ofSubmodules(within: string): HostRunName[] {
  return [
    { name: `${within}/hooks`, why: 'git runs hooks of submodules' },
    { name: `${within}/config`, why: 'git runs programs that its configuration names' },
    { name: `${within}/config.worktree`, why: 'git runs programs that its configuration names' },
    { name: `${within}/info/attributes`, why: 'git runs filters that attributes select' },
    { name: `${within}/objects/info/alternates`, why: 'git reads objects from where this points' },
    { name: `${within}/commondir`, why: 'git takes its configuration from where this points' },
  ];
}

/** git reads these without being asked, from a prompt or an editor (CVE-2024-32002, CVE-2022-24765 and their kin). */
export const GIT_NAMES: readonly HostRunName[] = [
  { name: '.git', why: 'a .git file points git at any directory', kind: 'file' },
  { name: '.git/hooks', why: 'git runs hooks' },
  { name: '.git/config', why: 'git runs programs that its configuration names' },
  { name: '.git/config.worktree', why: 'git runs programs that its configuration names' },
  { name: '.git/commondir', why: 'git takes its configuration from where this points' },
  { name: '.git/info/attributes', why: 'git runs filters that attributes select' },
  { name: '.git/objects/info/alternates', why: 'git reads objects from where this points' },
  ...ofSubmodules('.git/modules/**'),
  // A submodule of a worktree has a repository of its own there.
  ...ofSubmodules('.git/worktrees/*/modules/**'),
  { name: '.git/worktrees/*/commondir', why: 'git takes its configuration from where this points' },
  { name: '.git/worktrees/*/gitdir', why: 'git enters the directory that this names' },
  { name: '.git/worktrees/*/config.worktree', why: 'git runs programs that its configuration names' },
];

const EDITOR = 'an editor or debugger runs what it says';
const AGENT = 'an agent takes hooks, servers or permissions from it';
const SHELL = 'a shell or environment manager runs it';
const PACKAGE = 'a package manager runs or obeys it at the next ordinary command';

function names(why: string, list: readonly string[]): HostRunName[] {
  return list.map((name) => ({ name, why }));
}

/** Everything but git's. Not beneath EXCEPTED directories, where packages legitimately carry such names. */
export const TOOL_NAMES: readonly HostRunName[] = [
  ...names(EDITOR, [
    '.vscode',
    '.idea',
    '.zed',
    '.fleet',
    '*.code-workspace',
    '.nvim.lua',
    '.nvimrc',
    '.exrc',
  ]),
  ...names(EDITOR, ['.vimrc', '.dir-locals.el', '.gdbinit', '.lldbinit', '.ripgreprc']),
  ...names(AGENT, [
    '.claude',
    '.mcp.json',
    '.codex',
    '.agents',
    '.gemini',
    '.windsurf',
    '.continue',
    '.opencode',
  ]),
  ...names(AGENT, [
    '.cursor/mcp.json',
    '.cursor/hooks.json',
    '.cursor/settings.json',
    '.aider.conf.yml',
    '.goose',
    'opencode.json',
    'opencode.jsonc',
  ]),
  ...names(SHELL, [
    '.envrc',
    '.direnvrc',
    '.bashrc',
    '.bash_profile',
    '.bash_login',
    '.bash_logout',
    '.bash_aliases',
  ]),
  ...names(SHELL, ['.profile', '.zshrc', '.zshenv', '.zprofile', '.zlogin', '.zlogout', '.inputrc']),
  ...names(SHELL, ['.config/fish', 'mise.toml', '.mise.toml', '.mise']),
  ...names(PACKAGE, ['.npmrc', '.yarnrc', '.yarnrc.yml', '.pnpmfile.cjs', 'bunfig.toml', '.cargo/config']),
  ...names(PACKAGE, [
    '.cargo/config.toml',
    '.mvn/extensions.xml',
    '.mvn/jvm.config',
    'pip.conf',
    'sitecustomize.py',
    'usercustomize.py',
  ]),
  ...names(PACKAGE, ['.bundle/config', '.husky']),
  { name: '.pinfold', why: 'Pinfold takes its own settings from it' },
];

/** Directories of installed packages: an archive may contain any of the names, and no tool starts from there. */
export const EXCEPTED: readonly string[] = [
  'node_modules',
  'site-packages',
  'vendor',
  '.venv',
  'venv',
  'target',
  '.cache',
  '.cargo',
  '.rustup',
  '.pnpm-store',
];

/** Places in a home directory from which the host runs code; `permissive` shows them read-only. */
export const HOME_HOST_RUN: readonly (readonly [path: string, why: string])[] = [
  ['.bashrc', 'the shell runs it'],
  ['.bash_profile', 'the shell runs it'],
  ['.bash_login', 'the shell runs it'],
  ['.bash_logout', 'the shell runs it'],
  ['.bash_aliases', 'the shell runs it'],
  ['.profile', 'the shell runs it'],
  ['.zshrc', 'the shell runs it'],
  ['.zshenv', 'the shell runs it'],
  ['.zprofile', 'the shell runs it'],
  ['.zlogin', 'the shell runs it'],
  ['.zlogout', 'the shell runs it'],
  ['.config/zsh', 'the shell runs it'],
  ['.inputrc', 'the shell obeys it'],
  ['.config/fish', 'the shell runs it'],
  ['.config/nushell', 'the shell runs it'],
  ['.oh-my-zsh', 'the shell runs it'],
  ['.gitconfig', 'git runs programs that its configuration names'],
  ['.config/git', 'git runs programs that its configuration names'],
  ['.config/autostart', 'the desktop runs it at login'],
  ['.config/systemd', 'systemd runs it'],
  ['.config/environment.d', 'systemd takes the environment from it'],
  ['.pam_environment', 'login takes the environment from it'],
  ['.xprofile', 'the desktop runs it at login'],
  ['.xinitrc', 'the desktop runs it at login'],
  ['.xsession', 'the desktop runs it at login'],
  ['.xsessionrc', 'the desktop runs it at login'],
  ['.local/bin', 'it is on PATH'],
  ['bin', 'it is on PATH'],
  ['.cargo/bin', 'it is on PATH'],
  ['.cargo/env', 'the shell runs it'],
  ['.cargo/config.toml', 'cargo runs programs that it names'],
  ['go/bin', 'it is on PATH'],
  ['.bun/bin', 'it is on PATH'],
  ['.deno/bin', 'it is on PATH'],
  ['.volta', 'it is on PATH'],
  ['.nvm', 'it is on PATH and the shell runs it'],
  ['.pyenv', 'it is on PATH and the shell runs it'],
  ['.rbenv', 'it is on PATH and the shell runs it'],
  ['.asdf', 'it is on PATH and the shell runs it'],
  ['.sdkman', 'it is on PATH and the shell runs it'],
  ['.local/share/mise', 'it is on PATH'],
  ['.rustup', 'it holds the compilers that the host runs'],
  ['.local/share/applications', 'the desktop runs it'],
  ['.local/share/dbus-1', 'the session bus starts services from it'],
  ['.local/share/systemd', 'systemd runs it'],
  ['.local/lib', 'interpreters load code from it'],
  ['.config/nvim', 'an editor runs it'],
  ['.vim', 'an editor runs it'],
  ['.vimrc', 'an editor runs it'],
  ['.emacs', 'an editor runs it'],
  ['.emacs.d', 'an editor runs it'],
  ['.config/emacs', 'an editor runs it'],
  ['.vscode', 'an editor runs it'],
  ['.vscode-server', 'an editor runs it'],
  ['.config/Code', 'an editor runs it'],
  ['.cursor', 'an editor runs it'],
  ['.config/Cursor', 'an editor runs it'],
  ['.claude', 'an agent takes hooks and permissions from it'],
  ['.codex', 'an agent takes hooks and permissions from it'],
  ['.gemini', 'an agent takes hooks and permissions from it'],
  ['.config/opencode', 'an agent takes hooks and permissions from it'],
  ['.gdbinit', 'the debugger runs it'],
  ['.config/gdb', 'the debugger runs it'],
  ['.lldbinit', 'the debugger runs it'],
  ['.tmux.conf', 'tmux runs it'],
  ['.config/tmux', 'tmux runs it'],
  ['.screenrc', 'screen runs it'],
  ['.Xresources', 'the desktop runs what it names at login'],
  ['.gradle/init.gradle', 'a build tool runs it'],
  ['.gradle/init.d', 'a build tool runs it'],
  ['.cargo/config', 'cargo runs programs that it names'],
  ['.yarnrc', 'a package manager obeys it'],
  ['.bunfig.toml', 'a package manager obeys it'],
  ['.config/mise', 'an environment manager runs it'],
  ['.config/direnv', 'an environment manager runs it'],
  ['.local/share/direnv', 'an environment manager trusts files by it'],
  ['.condarc', 'a package manager obeys it'],
  ['.config/pip', 'a package manager obeys it'],
  ['.pip', 'a package manager obeys it'],
  ['Library/LaunchAgents', 'the system runs it at login'],
];

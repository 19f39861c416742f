/** Ways to get the work done that need no grant, as data: most refusals are a cache or a setting in the wrong place. */
import { isWithin, joinPath } from '../policy/paths.ts';
import type { Policy } from '../policy/types.ts';
import { accessFor, classOf } from './acts.ts';
import { isPathRule } from './rules.ts';
import type { Denial } from './types.ts';

/** What to do instead: a variable to set, or a command to use. Both may hold `$TMPDIR`, for the shell to fill in. */
export interface Alternative {
  readonly text: string;
  readonly kind: 'variable' | 'command' | 'advice';
}

/** Beneath the home: which variable moves it. The first that fits is the most specific. */
const MOVABLE: readonly (readonly [path: string, setting: string])[] = [
  ['.cache/pip', 'PIP_CACHE_DIR=$TMPDIR/pip'],
  ['.cache/uv', 'UV_CACHE_DIR=$TMPDIR/uv'],
  ['.cache/pypoetry', 'POETRY_CACHE_DIR=$TMPDIR/poetry'],
  ['.cache/pre-commit', 'PRE_COMMIT_HOME=$TMPDIR/pre-commit'],
  ['.cache/huggingface', 'HF_HOME=$TMPDIR/huggingface'],
  ['.cache/go-build', 'GOCACHE=$TMPDIR/go-build'],
  ['.cache/yarn', 'YARN_CACHE_FOLDER=$TMPDIR/yarn'],
  ['.cache/ms-playwright', 'PLAYWRIGHT_BROWSERS_PATH=$TMPDIR/playwright'],
  ['.cache/puppeteer', 'PUPPETEER_CACHE_DIR=$TMPDIR/puppeteer'],
  ['.cache/Cypress', 'CYPRESS_CACHE_FOLDER=$TMPDIR/cypress'],
  ['.cache/ccache', 'CCACHE_DIR=$TMPDIR/ccache'],
  ['.cache/sccache', 'SCCACHE_DIR=$TMPDIR/sccache'],
  ['.cache/deno', 'DENO_DIR=$TMPDIR/deno'],
  ['.cache', 'XDG_CACHE_HOME=$TMPDIR/cache'],
  ['.ccache', 'CCACHE_DIR=$TMPDIR/ccache'],
  ['.npm', 'npm_config_cache=$TMPDIR/npm'],
  ['.npmrc', 'npm_config_userconfig=$TMPDIR/npmrc'],
  ['.yarn', 'YARN_GLOBAL_FOLDER=$TMPDIR/yarn'],
  ['.pnpm-store', 'npm_config_store_dir=$TMPDIR/pnpm'],
  ['.local/share/pnpm', 'npm_config_store_dir=$TMPDIR/pnpm'],
  ['.bun', 'BUN_INSTALL_CACHE_DIR=$TMPDIR/bun'],
  ['go/pkg/mod', 'GOMODCACHE=$TMPDIR/go-mod'],
  ['go', 'GOPATH=$TMPDIR/go'],
  ['.cargo', 'CARGO_HOME=$TMPDIR/cargo'],
  ['.gradle', 'GRADLE_USER_HOME=$TMPDIR/gradle'],
  ['.nuget', 'NUGET_PACKAGES=$TMPDIR/nuget'],
  ['.dotnet', 'DOTNET_CLI_HOME=$TMPDIR/dotnet'],
  ['.gem', 'GEM_HOME=$TMPDIR/gem'],
  ['.bundle', 'BUNDLE_USER_HOME=$TMPDIR/bundle'],
  ['.composer', 'COMPOSER_HOME=$TMPDIR/composer'],
  ['.config/composer', 'COMPOSER_HOME=$TMPDIR/composer'],
  ['.docker', 'DOCKER_CONFIG=$TMPDIR/docker'],
  ['.kube/cache', 'KUBECACHEDIR=$TMPDIR/kube'],
  ['.gnupg', 'GNUPGHOME=$TMPDIR/gnupg'],
  ['.terraform.d/plugin-cache', 'TF_PLUGIN_CACHE_DIR=$TMPDIR/terraform'],
  ['.gitconfig', 'GIT_CONFIG_GLOBAL=$TMPDIR/gitconfig'],
  ['.bash_history', 'HISTFILE=$TMPDIR/history'],
  ['.zsh_history', 'HISTFILE=$TMPDIR/history'],
  ['.node_repl_history', 'NODE_REPL_HISTORY=$TMPDIR/node_history'],
  ['.config', 'XDG_CONFIG_HOME=$TMPDIR/config'],
  ['.local/share', 'XDG_DATA_HOME=$TMPDIR/data'],
  ['.local/state', 'XDG_STATE_HOME=$TMPDIR/state'],
];

/** By the whole path, for what is to be changed: where a program may do the same inside what is open. */
const ELSEWHERE: readonly (readonly [path: RegExp, alternative: Alternative])[] = [
  [
    /\/\.git(\/worktrees(\/.*)?)?$/,
    { kind: 'command', text: 'git worktree add, or git clone in place of a submodule' },
  ],
  [
    /\/\.git\/config(\.lock|\.worktree)?$/,
    { kind: 'command', text: 'git -c NAME=VALUE …, or git init in $TMPDIR' },
  ],
  [
    /\/\.git\/hooks(\/|$)/,
    { kind: 'command', text: 'git -c core.hooksPath=$TMPDIR/hooks …, or git init in $TMPDIR' },
  ],
  [/\/\.git\//, { kind: 'command', text: 'git clone . $TMPDIR/NAME' }],
  [
    /^\/usr\/(local\/)?lib\/node_modules(\/|$)/,
    { kind: 'variable', text: 'npm_config_prefix=$TMPDIR/npm-global' },
  ],
  [/^\/usr\/.*\/(site|dist)-packages(\/|$)/, { kind: 'command', text: 'python3 -m venv $TMPDIR/venv' }],
  [
    /^\/usr\/local(\/|$)/,
    { kind: 'command', text: './configure --prefix=$TMPDIR/local, or make install DESTDIR=$TMPDIR/local' },
  ],
  [
    /^\/(var\/lib|var\/cache)\/(apt|dpkg)(\/|$)/,
    { kind: 'advice', text: 'ask for the package to be installed on the host' },
  ],
];

const PROPOSE: Alternative = {
  kind: 'advice',
  text: 'write the change to a file in the project and ask the person to apply it',
};

/** The most specific first; empty where none is known. */
export function alternativesTo(denial: Denial, policy: Pick<Policy, 'homeDir'>): Alternative[] {
  const { subject, rule } = denial;
  if (subject.kind !== 'path') return [];
  const { path } = subject;
  const movable = MOVABLE.find(([place]) => isWithin(path, joinPath(policy.homeDir, place)));
  // A directory of settings is moved by its variable, but what is to be read there would not have come along.
  if (movable && (accessFor(denial) === 'write' || /cache|npm|history/i.test(movable[1]))) {
    return [{ kind: 'variable', text: movable[1] }];
  }
  if (classOf(denial.act) !== 'change') return [];
  const elsewhere = ELSEWHERE.find(([pattern]) => pattern.test(path));
  if (elsewhere) return [elsewhere[1]];
  return rule && isPathRule(rule) && rule.category === 'host-run' ? [PROPOSE] : [];
}

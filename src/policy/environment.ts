/** Which variables go inside: secrets out by name and by the shape of their value, loader and host-service variables out. */
import { Decider } from './decide.ts';
import type { Toolchain } from './host-facts.ts';
import { SECRET_NAME, SECRET_VALUES } from './secrets.ts';
import { leadsToOpened } from './socket-variables.ts';
import type { Access, Policy } from './types.ts';

export interface DroppedVariable {
  readonly name: string;
  readonly why: string;
}

export interface ScrubbedEnvironment {
  readonly environment: Readonly<Record<string, string>>;
  readonly dropped: readonly DroppedVariable[];
}

type Rule = readonly [test: RegExp, why: string];

/** Names that the patterns below would take by mistake: no secret, no command, and work goes wrong without them. */
const HARMLESS = /^GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL|DATE)$|^GIT_TERMINAL_PROMPT$|^TOKENIZERS_PARALLELISM$/;

/** By name; the first that matches says why. */
const NAMES: readonly Rule[] = [
  [
    /^(LD_|DYLD_)|^(GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_TRACE|NLSPATH|RES_OPTIONS)$/,
    'changes how programs are loaded',
  ],
  [/^(BASH_ENV|ENV|PROMPT_COMMAND|PS4|SHELLOPTS|BASHOPTS|ZDOTDIR)$|^BASH_FUNC_/, 'makes a shell run code'],
  [
    /^(NODE_OPTIONS|NODE_PATH|NODE_CHANNEL_FD|NODE_EXTRA_CA_CERTS|ELECTRON_RUN_AS_NODE)$/,
    'makes Node run code or trust a certificate',
  ],
  [
    /^PYTHON(PATH|STARTUP|HOME|INSPECT|BREAKPOINT)$|^(PERL5|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS)/,
    'makes an interpreter run code',
  ],
  [/^GIT_/, 'changes what git runs and where it works'],
  [
    /^(SSH_|GPG_|DBUS_)|^(DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|SESSION_MANAGER|XDG_RUNTIME_DIR|XDG_SESSION_ID)$/,
    'leads to a service of the host',
  ],
  [
    /^(DOCKER_|CONTAINER_HOST$|KUBECONFIG$|PODMAN_|KITTY_LISTEN_ON$|WEZTERM_UNIX_SOCKET$|PULSE_SERVER$|GNOME_KEYRING_CONTROL$)|^(VSCODE_|CURSOR_|TERM_PROGRAM_SOCKET)|^(TMUX|TMUX_PANE|STY|NVIM|INVOCATION_ID|JOURNAL_STREAM|NOTIFY_SOCKET)$/,
    'leads to a service of the host',
  ],
  [/^(HTTP|HTTPS|FTP|ALL|NO|SOCKS)_PROXY$/i, 'leads to a proxy that is out of reach inside'],
  [
    /^(XDG_(CONFIG|DATA|STATE|CACHE)_HOME|OLDPWD|PWD|SUDO_.*|MAIL|TMP|TEMP|TEMPDIR)$/,
    'names a place outside',
  ],
  [/^PINFOLD/, "is Pinfold's own"],
  [
    /^(AWS|AZURE|GOOGLE|GCLOUD|GCP|OPENAI|ANTHROPIC|GITHUB|GH|GITLAB|NPM|HF|HUGGINGFACE|STRIPE|TWILIO|SENTRY|DATADOG|CLOUDFLARE|VAULT|CONSUL|NOMAD)_/,
    'belongs to an account',
  ],
  [SECRET_NAME, 'its name says that it is a secret'],
];

function reasonToDrop(name: string, value: string, opened: boolean): string | undefined {
  if (value.includes('\0')) return 'its value contains a NUL character';
  const byName = opened || HARMLESS.test(name) ? undefined : NAMES.find(([test]) => test.test(name));
  return (byName ?? SECRET_VALUES.find(([test]) => test.test(value)))?.[1];
}

/**
 * Entries of PATH that count inside: absolute ones that are shown, and none that the inside may write, the project's
 * `node_modules/.bin` included: a `git` planted there would be found before the real one, at this run and the next.
 */
function innerPath(
  value: string,
  decider: Decider,
): { readonly value: string; readonly dropped: readonly DroppedVariable[] } {
  const usable = new Set<string>();
  const dropped: DroppedVariable[] = [];
  for (const entry of value.split(':')) {
    if (entry === '') continue;
    const why = entry.startsWith('/') ? PATH_REFUSALS[decider.accessOf(entry)] : 'is not absolute';
    if (why === undefined) usable.add(entry);
    else dropped.push({ name: 'PATH', why: `its entry ${entry} ${why}` });
  }
  return { value: [...usable].join(':') || '/usr/local/bin:/usr/bin:/bin', dropped };
}

const PATH_REFUSALS: Readonly<Record<Access, string | undefined>> = {
  none: 'is not visible inside',
  read: undefined,
  write: 'can be written from inside',
};

/** SECURITY: by what decides and not by what is listed, since a denial may stand above the entry. */
function openedSockets(policy: Policy, decider: Decider): Parameters<typeof leadsToOpened>[2] {
  const rules = policy.rules.filter((rule) => rule.socket);
  const isOpened = (path: string) =>
    rules.some(
      (rule) =>
        (rule.pattern === path || rule.resolved === path) &&
        decider.decide(rule.resolved ?? rule.pattern, 'read').rule?.socket === true,
    );
  return { isOpened, opened: rules.map(({ pattern }) => pattern).filter(isOpened) };
}

const PNPM_STORE = 'pnpm_config_store_dir';

/** The target's environment, and what was left out with the reason. `set` and `pass` are a person's own word and win. */
export function scrubEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  policy: Policy,
  toolchains: readonly Toolchain[],
  decider: Decider = new Decider(policy),
): ScrubbedEnvironment {
  const pass = new Set(policy.environment.pass.map(({ value }) => value));
  const drop = new Set(policy.environment.drop.map(({ value }) => value));
  const sockets = openedSockets(policy, decider);
  const kept: Record<string, string> = Object.create(null);
  const dropped: DroppedVariable[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || name === '' || name.includes('=')) continue;
    const why = drop.has(name)
      ? 'the settings drop it'
      : pass.has(name)
        ? undefined
        : reasonToDrop(name, value, leadsToOpened(name, environment, sockets));
    if (why === undefined) kept[name] = value;
    else dropped.push({ name, why });
  }
  for (const { environment: needed } of toolchains) {
    for (const [name, value] of Object.entries(needed)) if (!drop.has(name)) kept[name] = value;
  }
  const path = innerPath(environment.PATH ?? '', decider);
  kept.PATH = path.value;
  dropped.push(...path.dropped);
  kept.HOME = policy.sandboxHome;
  kept.TMPDIR = '/tmp';
  // zsh puts here-documents there (zshparam(1)); its default ignores TMPDIR.
  kept.TMPPREFIX = '/tmp/zsh';
  // To link(2) the mount of the home is another file system than the project's, and there pnpm (seen with 12) puts its store
  // into the project, and looks for a place in every directory above. The variable is npm_config_store_dir before pnpm 11.
  if (policy.mode.value !== 'permissive' && !drop.has(PNPM_STORE))
    kept[PNPM_STORE] ??= `${policy.sandboxHome}/.local/share/pnpm/store`;
  for (const [name, { value }] of Object.entries(policy.environment.set)) kept[name] = value;
  // Last: programs ask these whether they are enclosed, and nobody's word changes that.
  kept.PINFOLD = '1';
  kept.PINFOLD_MODE = policy.mode.value;
  return { environment: kept, dropped };
}

/** The rules of a mode: what a person has without writing a word. */
import { CREDENTIAL_STORES, EDITOR_SOCKETS, SYSTEM_CREDENTIALS } from './builtin-credentials.ts';
import { EXCEPTED, GIT_NAMES, HOME_HOST_RUN, type HostRunName, TOOL_NAMES } from './builtin-host-run.ts';
import { escapeGlob } from './glob.ts';
import type { HostFacts } from './host-facts.ts';
import { isWithin, joinPath } from './paths.ts';
import type { Access, Mode, NetworkAccess, Notice, Origin, PathRule, RuleCategory } from './types.ts';

/** What `networkAccess` is when nobody says: the table of modes. */
export const MODE_NETWORK: Readonly<Record<Mode, NetworkAccess>> = {
  strict: 'none',
  standard: 'local',
  permissive: 'filtered',
};

/** Private to the session in every mode; tmpfs inside, never the host's. */
export const PRIVATE_DIRECTORIES: readonly string[] = ['/tmp', '/var/tmp', '/dev/shm', '/run'];

/** Whether a rule speaks of the session's own /tmp, /run …: it says nothing of what the host has under that name. */
export function isSessionPlace(rule: PathRule): boolean {
  return rule.origin.scope === 'builtin' && PRIVATE_DIRECTORIES.includes(rule.pattern);
}

export function builtinOrigin(text: string): Origin {
  return { scope: 'builtin', text };
}

function rule(pattern: string, access: Access, category: RuleCategory, why: string, text: string): PathRule {
  return { pattern, glob: false, access, category, why, origin: builtinOrigin(text) };
}

/** Host-run names beneath a writable directory, at any depth: one set for each writable grant. */
export function protectedRules(root: string): PathRule[] {
  // A project may be called [app]; unescaped, its own name would be read as a pattern and nothing be protected.
  const base = root === '/' ? '' : escapeGlob(root);
  const toRule =
    (excepted: readonly string[]) =>
    (entry: HostRunName): PathRule => {
      // `.cargo` is excepted for what archives in its registry contain, and is itself the place of `.cargo/config`.
      const except = excepted.filter((name) => !entry.name.split('/').includes(name));
      return {
        pattern: `${base}/**/${entry.name}`,
        glob: true,
        access: 'read',
        category: 'host-run',
        why: entry.why,
        origin: builtinOrigin(`protected ${entry.name}`),
        ignoreCase: true,
        ...(except.length > 0 ? { except } : {}),
        ...(entry.kind ? { kind: entry.kind } : {}),
      };
    };
  return [...GIT_NAMES.map(toRule([])), ...TOOL_NAMES.map(toRule(EXCEPTED))];
}

/** Where git must write for a worktree or a submodule, with what git would run from there read-only. */
function gitDirectoryRules(directory: string): PathRule[] {
  const inner = GIT_NAMES.filter(({ name }) => name.startsWith('.git/')).map(({ name, why }): PathRule => {
    const glob = name.includes('*');
    const rest = name.slice('.git/'.length);
    return {
      pattern: glob ? `${escapeGlob(directory)}/${rest}` : joinPath(directory, rest),
      glob,
      access: 'read',
      category: 'host-run',
      why,
      origin: builtinOrigin(`protected ${name}`),
    };
  });
  return [rule(directory, 'write', 'project', 'the repository of this worktree', 'git repository'), ...inner];
}

/** Unreadable places of the home and of the system, whatever else shows what they lie in. */
export function credentialRules({ homeDir, macos }: Pick<HostFacts, 'homeDir' | 'macos'>): PathRule[] {
  const ofHome = [...CREDENTIAL_STORES, ...(macos?.credentials ?? [])].map(([path, why]) =>
    rule(joinPath(homeDir, path), 'none', 'credential', why, `credential store ~/${path}`),
  );
  if (macos !== undefined) return ofHome;
  return [
    ...ofHome,
    ...SYSTEM_CREDENTIALS.map(([path, why]) =>
      rule(path, 'none', 'credential', why, `credential store ${path}`),
    ),
  ];
}

/**
 * SECURITY: a socket of the host in a directory that is shown can be connected to, read-only or not. Covered by I-15 of
 * service-attacks.test.ts.
 */
function editorSocketRules({ homeDir }: HostFacts): PathRule[] {
  return EDITOR_SOCKETS.map((glob) => ({
    ...rule(
      `${escapeGlob(homeDir)}/${glob}`,
      ...(['none', 'credential', 'a running editor does what it is asked there'] as const),
      `editor socket ~/${glob}`,
    ),
    glob: true,
  }));
}

/** Places of the home from which the host runs code: read-only wherever a directory above them is writable. */
export function homeHostRunRules({ homeDir, macos }: Pick<HostFacts, 'homeDir' | 'macos'>): PathRule[] {
  return [...HOME_HOST_RUN, ...(macos?.hostRun ?? [])].map(([path, why]) =>
    rule(joinPath(homeDir, path), 'read', 'host-run', why, `protected ~/${path}`),
  );
}

/** Places that are the session's own. On macOS that is one directory of the host, since nothing can be mounted. */
function privateRules(facts: HostFacts, mode: Mode): PathRule[] {
  const text = `mode ${mode}`;
  if (facts.macos !== undefined) {
    return [rule(facts.macos.tempDir, 'write', 'private', 'temporary directory of the session', text)];
  }
  const why = 'private to the session; the one of the host is not shown';
  return PRIVATE_DIRECTORIES.map((path) => rule(path, 'write', 'private', why, text));
}

function runtimeRules(facts: HostFacts): PathRule[] {
  return facts.runtime.map(({ path, why }) => rule(path, 'read', 'runtime', why, 'runtime'));
}

function toolchainRules(facts: HostFacts): PathRule[] {
  return facts.toolchains.flatMap(({ name, paths, credentials }) => [
    ...paths.map((path) => rule(path, 'read', 'toolchain', `tool chain ${name}`, `tool chain ${name}`)),
    ...credentials.map((path) =>
      rule(path, 'none', 'credential', `credentials of ${name}`, `tool chain ${name}`),
    ),
  ]);
}

/**
 * Pinfold's own program beneath directories that are writable: elsewhere it is as hidden, or as visible, as its surroundings.
 * SECURITY: what the next run is started from must not be what the last one wrote. Covered by "Pinfold in the project is read-only".
 */
export function programRules(roots: readonly string[], { pinfold }: HostFacts): PathRule[] {
  const { installDir } = pinfold;
  if (!roots.some((root) => isWithin(installDir, root))) return [];
  return [rule(installDir, 'read', 'pinfold', 'Pinfold itself', "Pinfold's own")];
}

/** Links that lead to it are no files to be mounted over; `node_modules/.bin/pinfold` is what a person starts. */
export function programNotices({ projectDir, pinfold: { installDir } }: HostFacts): Notice[] {
  if (!isWithin(installDir, projectDir)) return [];
  const message = `Pinfold lies in the project (${installDir}). It is read-only inside, but a command may replace a link to it, such as node_modules/.bin/pinfold: install it elsewhere`;
  return [{ kind: 'own-program', message, origin: { scope: 'builtin', text: "Pinfold's own" } }];
}

/** Pinfold's own: what is inside must neither read what was logged of it nor change what decides about it. */
function ownRules(facts: HostFacts, mode: Mode): PathRule[] {
  const { configDir, stateDir, dataDir } = facts.pinfold;
  return [
    rule(
      configDir,
      mode === 'permissive' ? 'read' : 'none',
      'pinfold',
      "Pinfold's settings",
      "Pinfold's own",
    ),
    rule(stateDir, 'none', 'pinfold', "Pinfold's state and log", "Pinfold's own"),
    rule(dataDir, 'none', 'pinfold', 'private homes of other projects', "Pinfold's own"),
    ...programRules([facts.projectDir, ...(mode === 'permissive' ? [facts.homeDir] : [])], facts),
  ];
}

function homeRules(facts: HostFacts, mode: Mode): PathRule[] {
  if (mode === 'permissive') {
    return [
      rule(facts.homeDir, 'write', 'home', 'the home directory', 'mode permissive'),
      ...homeHostRunRules(facts),
      ...credentialRules(facts),
      ...editorSocketRules(facts),
      ...protectedRules(facts.homeDir),
    ];
  }
  return [
    rule(facts.privateHome, 'write', 'private', 'private home of this project', `mode ${mode}`),
    ...(facts.homeFiles ?? []).map((file) =>
      rule(
        file.target,
        file.layered ? 'write' : 'read',
        'home',
        file.why ?? 'git identity and preferences',
        `mode ${mode}`,
      ),
    ),
    ...(facts.macos === undefined ? [] : (facts.homeFiles ?? [])).map((file) =>
      rule(file.source, 'read', 'home', 'git identity and preferences', `mode ${mode}`),
    ),
    // Also where a program may look past $HOME: hidden already, and named so that explain can say why.
    ...credentialRules(facts),
  ];
}

/** Everything a mode shows and protects, before anyone's settings. */
export function modeRules(mode: Mode, facts: HostFacts): PathRule[] {
  return [
    ...privateRules(facts, mode),
    ...runtimeRules(facts),
    ...toolchainRules(facts),
    ...homeRules(facts, mode),
    ...ownRules(facts, mode),
    rule(facts.projectDir, 'write', 'project', 'the project directory', `mode ${mode}`),
    ...protectedRules(facts.projectDir),
    ...(facts.gitDirectory === undefined ? [] : gitDirectoryRules(facts.gitDirectory)),
  ];
}

/** A made-up host for the tests of plans: no test that uses it depends on the machine it runs on. */
import { compileGlob } from '../../policy/glob.ts';
import type { HostFacts } from '../../policy/host-facts.ts';
import type { Access, PathRule, Policy, RuleCategory } from '../../policy/types.ts';
import type { Capabilities } from './capabilities.ts';
import { planMounts } from './mount-plan.ts';
import { findPlaces, type Match, type PathKind } from './places.ts';
import type { MountStep } from './plan.ts';
import { scanMatches, scanRequest } from './plan-builder.ts';

export const PROJECT = '/home/ada/code/app';
export const PRIVATE_HOME = '/home/ada/.local/share/pinfold/homes/app-0123456789ab';

export const FACTS: HostFacts = {
  homeDir: '/home/ada',
  projectDir: PROJECT,
  privateHome: PRIVATE_HOME,
  runtime: [
    { path: '/usr', why: 'programs' },
    { path: '/bin', why: 'programs', symlinkTo: 'usr/bin' },
    { path: '/lib64', why: 'programs', symlinkTo: 'usr/lib64' },
    { path: '/etc/passwd', why: 'names of users' },
    { path: '/etc/ssl/certs', why: 'certificates' },
    { path: '/etc/localtime', why: 'time zone', symlinkTo: '/usr/share/zoneinfo/UTC' },
  ],
  toolchains: [
    { name: 'nvm', paths: ['/home/ada/.nvm'], credentials: [], environment: { NVM_DIR: '/home/ada/.nvm' } },
  ],
  gitConfig: ['/home/ada/.gitconfig'],
  homeFiles: [{ source: '/home/ada/dotfiles/gitconfig', target: `${PRIVATE_HOME}/.gitconfig` }],
  pinfold: {
    configDir: '/home/ada/.config/pinfold',
    stateDir: '/home/ada/.local/state/pinfold',
    dataDir: '/home/ada/.local/share/pinfold',
    installDir: '/usr/lib/node_modules/pinfold',
  },
};

export const CAPABILITIES: Capabilities = {
  uid: 1000,
  gid: 1000,
  uids: [{ first: 0, count: 4294967295 }],
  gids: [{ first: 0, count: 4294967295 }],
  landlockAbi: 7,
  arch: 'x64',
  kernel: '6.15.0',
};

export function rule(
  pattern: string,
  access: Access,
  more: Partial<PathRule> & { readonly scope?: 'builtin' | 'flag' } = {},
): PathRule {
  const { scope = 'builtin', ...rest } = more;
  const category: RuleCategory = scope === 'builtin' ? 'runtime' : 'setting';
  return {
    pattern,
    glob: /[*?[{]/.test(pattern),
    access,
    category,
    why: 'made up',
    origin: { scope, text: pattern },
    ...rest,
  };
}

export function policyOf(rules: readonly PathRule[], more: Partial<Policy> = {}): Policy {
  const origin = { scope: 'builtin', text: 'made up' } as const;
  return {
    mode: { value: 'strict', origin },
    enabled: { value: true, origin },
    monitor: { value: 'full', origin },
    acceptWeaker: { value: false, origin },
    projectDir: PROJECT,
    homeDir: FACTS.homeDir,
    sandboxHome: PRIVATE_HOME,
    rules,
    network: { access: { value: 'none', origin }, domains: [] },
    environment: { pass: [], set: {}, drop: [] },
    limits: {},
    notices: [],
    ...more,
  };
}

/** One line for each step, for golden files and for failures that people read. */
export function wordsOf(step: MountStep): string {
  if (step.op === 'symlink') return `symlink ${step.path} -> ${step.to}`;
  if (step.op === 'file' || step.op === 'directory')
    return `${step.op} ${step.path} ${step.mode.toString(8)}`;
  if (step.op === 'tmpfs') return `tmpfs ${step.target} ${step.mode.toString(8)}`;
  if (step.op !== 'bind') return `${step.op} ${step.target}`;
  const from = step.source === step.target ? '' : ` from ${step.source}`;
  return `bind ${step.writable ? 'rw' : 'ro'}${step.devices ? ' dev' : ''} ${step.target}${from}`;
}

export interface Seen {
  /** Path on the host that is seen here; undefined for what the plan made or masked. */
  readonly host: string | undefined;
  readonly access: Access;
}

/** What a path inside shows once all steps are carried out: the last mount that covers it decides. */
export function lookAt(steps: readonly MountStep[], path: string): Seen {
  let seen: Seen = { host: undefined, access: 'none' };
  for (const step of steps) {
    if (!('target' in step) || step.op === 'seal') continue;
    if (step.target !== '/' && path !== step.target && !path.startsWith(`${step.target}/`)) continue;
    if (step.op !== 'bind') seen = { host: undefined, access: 'none' };
    else
      seen = { host: step.source + path.slice(step.target.length), access: step.writable ? 'write' : 'read' };
  }
  return seen;
}

/** Without a runtime and home files, whose mounts are in every plan. */
export const BARE = { ...FACTS, runtime: [], homeFiles: [] };

export function stepsFor(
  rules: readonly PathRule[],
  existing: Readonly<Record<string, PathKind>>,
  matches: readonly Match[] = [],
): MountStep[] {
  const policy = policyOf(rules);
  const known = new Map(Object.entries(existing));
  const places = findPlaces({ policy, facts: BARE, matches, existing: known });
  return [...planMounts({ policy, facts: BARE, places, existing: known }).mounts];
}

const NAMES = ['a', 'b', '.env', 'x'];
/** A made-up tree, three names deep. */
export const TREE: readonly string[] = (() => {
  const paths: string[] = [];
  for (const one of NAMES) {
    paths.push(`/t/${one}`);
    for (const two of NAMES) {
      paths.push(`/t/${one}/${two}`);
      for (const three of NAMES) paths.push(`/t/${one}/${two}/${three}`);
    }
  }
  return ['/t', ...paths];
})();

export const treeKind = (path: string): PathKind => (path.split('/').length === 5 ? 'file' : 'directory');

/** The mounts where the whole of `TREE` exists. */
export function stepsOfTree(rules: readonly PathRule[]): MountStep[] {
  const policy = policyOf(rules);
  const hits = TREE.map((path) => ({ path, directory: treeKind(path) === 'directory' }));
  const { roots, patterns } = scanRequest(policy);
  const sieve = patterns.map((pattern) => compileGlob(`/${pattern}`));
  const shown = hits.filter(
    ({ path }) =>
      roots.some((root) => path.startsWith(`${root}/`)) &&
      sieve.some((glob) => glob.matches(path.slice(path.lastIndexOf('/')))),
  );
  const known = Object.fromEntries(TREE.map((path) => [path, treeKind(path)]));
  return stepsFor(rules, known, scanMatches(policy, shown));
}

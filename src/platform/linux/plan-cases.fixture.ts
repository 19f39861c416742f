/** A made-up host for the tests of plans: no test that uses it depends on the machine it runs on. */
import type { HostFacts } from '../../policy/host-facts.ts';
import type { Access, PathRule, Policy, RuleCategory } from '../../policy/types.ts';
import type { Capabilities } from './capabilities.ts';
import type { MountStep } from './plan.ts';

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

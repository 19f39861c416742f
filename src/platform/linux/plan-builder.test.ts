import { describe, expect, test } from 'vitest';
import { mergePolicy } from '../../policy/merge.ts';
import type { Mode, Policy } from '../../policy/types.ts';
import { handledRights } from './landlock-plan.ts';
import type { PathKind } from './places.ts';
import type { Plan } from './plan.ts';
import { buildPlan, type Match, type PlanInput } from './plan-builder.ts';
import { CAPABILITIES, FACTS, PRIVATE_HOME, PROJECT, policyOf, wordsOf } from './plan-cases.fixture.ts';

/** What is on the made-up disk, of all that the built-in rules name. */
const EXISTING = new Map<string, PathKind>([
  ['/usr', 'directory'],
  ['/etc/passwd', 'file'],
  ['/etc/ssl/certs', 'directory'],
  ['/tmp', 'directory'],
  ['/run', 'directory'],
  ['/home/ada', 'directory'],
  ['/home/ada/.nvm', 'directory'],
  ['/home/ada/.ssh', 'directory'],
  ['/home/ada/.bashrc', 'file'],
  ['/home/ada/.config/gh', 'directory'],
  ['/home/ada/.local/share/pinfold', 'directory'],
  [PRIVATE_HOME, 'directory'],
  [`${PRIVATE_HOME}/.gitconfig`, 'file'],
  ['/usr/lib/node_modules/pinfold', 'directory'],
  [PROJECT, 'directory'],
]);

const MATCHES: readonly Match[] = [
  { path: `${PROJECT}/.git/hooks`, directory: true },
  { path: `${PROJECT}/.git/config`, directory: false },
  { path: `${PROJECT}/.vscode`, directory: true },
  { path: `${PROJECT}/.env`, directory: false },
];

const TARGET: PlanInput['target'] = { argv: ['true'], cwd: PROJECT, environment: ['HOME=/home/ada'] };

function planOf(policy: Policy, more: Partial<PlanInput> = {}): Plan {
  const input = { policy, facts: FACTS, matches: MATCHES, existing: EXISTING, target: TARGET };
  return buildPlan({ ...input, capabilities: CAPABILITIES, ...more });
}

function policyFor(mode: Mode): Policy {
  const origin = { scope: 'flag', text: 'made up' } as const;
  const layer = {
    scope: 'flag',
    trusted: true,
    mode: { value: mode, origin: { ...origin, text: '--mode' } },
    deniedPaths: [{ value: '**/.env', origin }],
  } as const;
  const policy = mergePolicy({ layers: [layer], facts: FACTS, now: new Date(0) });
  // As `resolvePolicy` leaves them: links of the system are followed.
  const rules = policy.rules.map((rule) => {
    const link = FACTS.runtime.find(
      ({ path, symlinkTo }) => path === rule.pattern && symlinkTo !== undefined,
    );
    return link ? { ...rule, resolved: link.symlinkTo!.replace(/^(?!\/)/, '/'), links: [link.path] } : rule;
  });
  return { ...policy, rules };
}

function describePlan(plan: Plan): string {
  const landlock = plan.landlock!.rules.map(
    ({ path, access }) => `${access.toString(16).padStart(4, '0')} ${path}`,
  );
  return ['# mounts', ...plan.mounts.map(wordsOf), '', '# landlock', ...landlock, ''].join('\n');
}

describe('a plan', () => {
  test.each(['strict', 'standard', 'permissive'] as const)('for %s is the golden one', async (mode) => {
    await expect(describePlan(planOf(policyFor(mode)))).toMatchFileSnapshot(`golden/${mode}.txt`);
  });

  test('uses all seven namespaces', () => {
    expect(planOf(policyOf([])).namespaces).toBe(0x7e020000);
  });

  test('maps an ordinary user to themselves alone, and gives up setgroups', () => {
    const { uidMap, gidMap, denySetgroups } = planOf(policyOf([]));
    expect({ uidMap, gidMap, denySetgroups }).toEqual({
      uidMap: '1000 1000 1',
      gidMap: '1000 1000 1',
      denySetgroups: true,
    });
  });

  test('maps every id for root', () => {
    const capabilities = { ...CAPABILITIES, uid: 0, gid: 0 };
    const { uidMap, gidMap, denySetgroups } = planOf(policyOf([]), { capabilities });
    expect({ uidMap, gidMap, denySetgroups }).toEqual({
      uidMap: '0 0 4294967295',
      gidMap: '0 0 4294967295',
      denySetgroups: false,
    });
  });

  test('forbids core files, and turns limits into rlimits where the kernel has one', () => {
    const origin = { scope: 'flag', text: '--limit' } as const;
    const limits = {
      openFiles: { value: 64, origin },
      wallTime: { value: 9, origin },
      upload: { value: 500, origin },
    };
    expect(planOf(policyOf([])).rlimits).toEqual([{ resource: 4, soft: 0n, hard: 0n }]);
    expect(planOf(policyOf([], { limits })).rlimits).toEqual([
      { resource: 7, soft: 64n, hard: 64n },
      { resource: 4, soft: 0n, hard: 0n },
    ]);
  });

  test('carries the target, and the filter when there is one', () => {
    const seccomp = { program: new Uint8Array(8), notify: true };
    expect(planOf(policyOf([]), { seccomp })).toMatchObject({ ...TARGET, seccomp, hostname: 'pinfold' });
    expect(planOf(policyOf([]))).not.toHaveProperty('seccomp');
  });

  test('has no Landlock ruleset where the kernel has none', () => {
    expect(planOf(policyOf([])).landlock?.handledFs).toBe(handledRights(7));
    expect(planOf(policyOf([]), { capabilities: { ...CAPABILITIES, landlockAbi: 0 } })).not.toHaveProperty(
      'landlock',
    );
  });
});

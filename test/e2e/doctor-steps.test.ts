/**
 * The acts of doctor that need no system calls, as a Mac has them: each attempted inside and outside a real sandbox of this host, so
 * that the steps and their judging are tried although the primitive of a Mac is not here.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Enclose } from '../../src/doctor/enclosure.ts';
import { portableGuarantees } from '../../src/doctor/macos/guarantees.ts';
import { proveMode } from '../../src/doctor/macos/prove.ts';
import type { ModeReport } from '../../src/doctor/verdict.ts';
import type { Mode, PathRule, Policy } from '../../src/policy/types.ts';
import { runInside } from '../../src/session/run.ts';
import { noSandbox, withPolicy } from '../fixtures/weak-sandbox.ts';

let stateDir = '';
beforeAll(() => {
  // In a home, as the real one is: /tmp is replaced inside.
  stateDir = mkdtempSync(join(homedir(), 'pinfold-doctor-steps-'));
});
afterAll(() => {
  expect(readdirSync(stateDir)).toEqual([]);
  rmSync(stateDir, { recursive: true });
});

async function prove(mode: Mode, enclose?: Enclose): Promise<ModeReport> {
  return await proveMode(
    mode,
    stateDir,
    {
      launcherPath: join(inject('install'), 'dist/pinfold-launcher'),
      probePath: join(inject('install'), 'dist/doctor-probe.cjs'),
      interpreter: process.execPath,
      environment: { PATH: '/usr/local/bin:/usr/bin:/bin' },
      ...(enclose && { enclose }),
    },
    portableGuarantees,
  );
}

/** What is not proven, by its id. */
async function gaps(mode: Mode, enclose?: Enclose): Promise<Record<string, string>> {
  const { guarantees } = await prove(mode, enclose);
  return Object.fromEntries(
    guarantees.filter(({ state }) => state !== 'proven').map(({ id, state }) => [id, state]),
  );
}

test.each(['strict', 'standard', 'permissive'] as const)(
  'in the real sandbox of %s everything is proven: the control of all below',
  async (mode) => {
    const { guarantees } = await prove(mode);
    expect(guarantees.map(({ id, state, reasons }) => [id, state, reasons])).toEqual(
      guarantees.map(({ id }) => [id, 'proven', []]),
    );
    const trials = guarantees.flatMap((guarantee) => guarantee.trials);
    expect(trials.length).toBeGreaterThan(25);
    expect(trials.every(({ outside }) => outside === 'reached')).toBe(process.getuid?.() === 0);
  },
);

test('without any sandbox every act is done, and nothing is proven that the host does not refuse', async () => {
  const byHost = process.getuid?.() === 0 ? [] : ['system-files'];
  for (const mode of ['strict', 'standard'] as const) {
    const { guarantees } = await prove(mode, noSandbox);
    for (const { id, state } of guarantees) {
      const expected = id === 'layers' ? 'unproven' : 'not enforced';
      expect([id, state]).toEqual([id, byHost.includes(id) ? 'proven' : expected]);
    }
  }
});

function allowing(access: 'read' | 'write', place: (policy: Policy) => string): Enclose {
  return withPolicy((policy) => {
    const rule: PathRule = {
      pattern: place(policy),
      resolved: place(policy),
      glob: false,
      access,
      category: 'setting',
      why: 'the test weakens the policy',
      origin: { scope: 'flag', text: 'test' },
    };
    return { ...policy, rules: [...policy.rules, rule] };
  });
}

const WEAKER: readonly (readonly [gap: string, enclose: Enclose])[] = [
  ['outside', allowing('read', ({ homeDir }) => join(homeDir, '../outside'))],
  ['host-run', allowing('write', ({ projectDir }) => join(projectDir, '.git/hooks'))],
  [
    'environment',
    withPolicy((policy) => ({
      ...policy,
      environment: {
        ...policy.environment,
        pass: [{ value: 'GITHUB_TOKEN', origin: { scope: 'flag', text: 'test' } }],
      },
    })),
  ],
];

test.each(WEAKER)('where a policy opens it, %s is not enforced, and all else is', async (gap, enclose) => {
  expect(await gaps('strict', enclose)).toEqual({ [gap]: 'not enforced' });
});

test('a probe that is not started, or says nothing whole, proves nothing', async () => {
  const { guarantees } = await prove('strict');
  const nothing = Object.fromEntries(
    guarantees.filter(({ id }) => id !== 'layers').map(({ id }) => [id, 'unproven']),
  );
  const instead = (argv: readonly string[]): Enclose => {
    return (loaded, target, options, events) => runInside(loaded, { ...target, argv }, options, events);
  };
  expect(await gaps('strict', instead(['/no/such/probe']))).toEqual(nothing);
  expect(await gaps('strict', instead(['/bin/echo', '[{"step":0,"bytes":""}]']))).toEqual(nothing);
});

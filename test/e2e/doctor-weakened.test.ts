/** Each proof of doctor can fail: in a sandbox that lacks something, it says so of just that. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Enclose } from '../../src/doctor/enclosure.ts';
import { proveMode } from '../../src/doctor/prove.ts';
import type { ModeReport, State } from '../../src/doctor/verdict.ts';
import type { Mode, PathRule, Policy } from '../../src/policy/types.ts';
import { runInside } from '../../src/session/run.ts';
import { noSandbox, withPlan, withPolicy } from '../fixtures/weak-sandbox.ts';

let stateDir = '';
beforeAll(() => {
  // In a home, as the real one is: /tmp is replaced inside.
  stateDir = mkdtempSync(join(homedir(), 'pinfold-doctor-test-'));
});
afterAll(() => {
  expect(readdirSync(stateDir)).toEqual([]);
  rmSync(stateDir, { recursive: true });
});

async function prove(mode: Mode, enclose?: Enclose): Promise<ModeReport> {
  return await proveMode(mode, stateDir, {
    launcherPath: join(inject('install'), 'dist/pinfold-launcher'),
    probePath: join(inject('install'), 'dist/pinfold-doctor-probe'),
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    ...(enclose && { enclose }),
  });
}

/** What is not proven, by its id. */
async function gaps(mode: Mode, enclose?: Enclose): Promise<Record<string, State>> {
  const { guarantees } = await prove(mode, enclose);
  return Object.fromEntries(
    guarantees.filter(({ state }) => state !== 'proven').map(({ id, state }) => [id, state]),
  );
}

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

test('in the real sandbox of each mode everything is proven: the control of all below', async () => {
  for (const mode of ['strict', 'standard', 'permissive'] as const) {
    const { guarantees } = await prove(mode);
    expect(guarantees.map(({ id, state, reasons }) => [id, state, reasons])).toEqual(
      guarantees.map(({ id }) => [id, 'proven', []]),
    );
    expect(guarantees.length).toBeGreaterThanOrEqual(20);
  }
});

test('without any sandbox every act that works outside is done, and nothing is proven that the host does not refuse', async () => {
  const root = process.getuid?.() === 0;
  // As an ordinary user the host refuses these acts, so that they are refused "inside" as well: proven, by the host.
  const byHost = root ? [] : ['system-files'];
  for (const mode of ['strict', 'permissive'] as const) {
    const { guarantees } = await prove(mode, noSandbox);
    const states = Object.fromEntries(guarantees.map(({ id, state }) => [id, state]));
    // The questions that could leave the host are not asked, and the launcher confirmed nothing.
    const expected: Record<string, State> = { resolution: 'unproven', layers: 'unproven' };
    for (const { id } of guarantees) {
      expect([id, states[id]]).toEqual([
        id,
        byHost.includes(id) ? expect.any(String) : (expected[id] ?? 'not enforced'),
      ]);
    }
    const trials = guarantees.flatMap((guarantee) => guarantee.trials);
    expect(trials.length).toBeGreaterThan(40);
    for (const { act, inside, outside } of trials) expect([act, inside]).toEqual([act, outside]);
  }
});

test('a directory that the policy lets be read is not closed', async () => {
  const outside = ({ homeDir }: Policy) => join(homeDir, '../outside');
  expect(await gaps('strict', allowing('read', outside))).toEqual({ outside: 'not enforced' });
});

test('what a policy opens of the home is not hidden, read-only or safe', async () => {
  const home = ({ homeDir }: Policy) => homeDir;
  expect(await gaps('strict', allowing('read', home))).toMatchObject({ 'home-hidden': 'not enforced' });
  const ssh = ({ homeDir }: Policy) => join(homeDir, '.ssh');
  expect(await gaps('permissive', allowing('write', ssh))).toEqual({ credentials: 'not enforced' });
  const own = ({ homeDir }: Policy) => join(homeDir, '.config/pinfold/settings.json');
  expect(await gaps('permissive', allowing('write', own))).toEqual({ 'own-settings': 'not enforced' });
  const bashrc = ({ homeDir }: Policy) => join(homeDir, '.bashrc');
  expect(await gaps('permissive', allowing('write', bashrc))).toEqual({ 'home-host-run': 'not enforced' });
});

test('git hooks that the policy opens are not read-only', async () => {
  const hooks = ({ projectDir }: Policy) => join(projectDir, '.git/hooks');
  expect(await gaps('strict', allowing('write', hooks))).toEqual({ 'host-run': 'not enforced' });
});

test('names that the supervisor does not refuse are not guarded', async () => {
  expect(
    await gaps(
      'standard',
      withPlan((plan) => ({ ...plan, guarded: [] })),
    ),
  ).toMatchObject({
    'host-run': 'not enforced',
  });
});

test('without the filter of system calls what it alone holds is not enforced', async () => {
  const withoutFilter = withPlan(({ seccomp: _, ...plan }) => plan);
  expect(await gaps('strict', withoutFilter)).toEqual({
    'boundary-calls': 'not enforced',
    'kernel-calls': 'not enforced',
    'raw-sockets': 'not enforced',
    terminal: 'not enforced',
    layers: 'not enforced',
    // Without it there is no supervisor either.
    'host-run': 'not enforced',
  });
});

test('without the second lock only the layers are incomplete', async () => {
  const withoutLandlock = withPlan(({ landlock: _, ...plan }) => plan);
  expect(await gaps('strict', withoutLandlock)).toEqual({ layers: 'not enforced' });
});

test('a layer in part makes the layers weaker, and the missing part is named', async () => {
  const { guarantees } = await prove('strict', async (...all) => {
    const outcome = await runInside(...all);
    return {
      ...outcome,
      enforcement: outcome.enforcement.map((status) =>
        status.mechanism === 'landlock'
          ? { mechanism: 'landlock', state: 'partial', missing: ['truncating files (ABI 3)'] }
          : status,
      ),
    };
  });
  expect(guarantees.filter(({ state }) => state !== 'proven')).toMatchObject([
    { id: 'layers', state: 'weaker', reasons: ['landlock without truncating files (ABI 3)'] },
  ]);
});

test('a secret that the policy passes on is not scrubbed', async () => {
  const passing = withPolicy((policy) => ({
    ...policy,
    environment: {
      ...policy.environment,
      pass: [{ value: 'GITHUB_TOKEN', origin: { scope: 'flag', text: 'test' } }],
    },
  }));
  expect(await gaps('strict', passing)).toEqual({ environment: 'not enforced' });
});

test('a probe that cannot be started inside proves nothing', async () => {
  const found = await gaps('strict', (loaded, target, options, events) =>
    runInside(loaded, { ...target, argv: ['/no/such/probe'] }, options, events),
  );
  const { guarantees } = await prove('strict');
  // The layers are what the launcher confirms, whatever runs in them.
  expect(found).toEqual(
    Object.fromEntries(guarantees.filter(({ id }) => id !== 'layers').map(({ id }) => [id, 'unproven'])),
  );
});

test('a probe whose report is cut short proves nothing', async () => {
  const found = await gaps('strict', (loaded, target, options, events) =>
    runInside(
      loaded,
      { ...target, argv: target.argv.slice(0, target.argv.lastIndexOf('--')) },
      options,
      events,
    ),
  );
  expect(found).toMatchObject({ 'home-hidden': 'unproven', terminal: 'unproven', environment: 'unproven' });
});

/** Claims about which word on a key holds: the same that the merge lets hold. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostFacts } from '../policy/host-facts.ts';
import { mergePolicy } from '../policy/merge.ts';
import type { SettingsLayer } from '../policy/types.ts';
import { interpretSettings } from './interpretation.ts';
import { type KeyReport, reportAll, reportKeys, reportProfiles } from './key-report.ts';
import { parseKey } from './keys.ts';

const places = { projectDir: '/p', homeDir: '/h' };

function layer(scope: SettingsLayer['scope'], trusted: boolean, sandbox: unknown): SettingsLayer {
  const text = JSON.stringify({ sandbox });
  const meaning = interpretSettings({ scope, file: `${scope}.json`, text, trusted, places });
  if (meaning.kind === 'invalid') {
    throw new Error(JSON.stringify(meaning.problems));
  }
  return meaning.layer;
}

function report(layers: readonly SettingsLayer[], written: string): KeyReport {
  const { path, shape } = parseKey(written);
  return reportKeys(layers, path, shape)[0]!;
}

const brief = ({ value, origin, statements }: KeyReport) => ({
  value,
  from: origin?.file,
  outdone: statements.map((statement) => statement.outdone ?? 'holds'),
});

describe('one key', () => {
  test('without a word the default holds', () => {
    expect(brief(report([], 'sandbox'))).toEqual({ value: true, from: undefined, outdone: [] });
    expect(brief(report([], 'networkAccess'))).toEqual({ value: 'local', from: undefined, outdone: [] });
    expect(brief(report([], 'limits.memory'))).toEqual({ value: undefined, from: undefined, outdone: [] });
  });

  test('the strongest trusted file holds, an untrusted one only where it tightens, the managed one as a ceiling', () => {
    const layers = [
      layer('user', true, { mode: 'standard' }),
      layer('claude', false, { mode: 'permissive' }),
      layer('project', false, { mode: 'strict' }),
      layer('local', true, { mode: 'permissive' }),
      layer('managed', true, { mode: 'standard' }),
    ];
    expect(brief(report(layers.slice(0, 2), 'mode'))).toEqual({
      value: 'standard',
      from: 'user.json',
      outdone: ['holds', 'untrusted'],
    });
    expect(brief(report(layers.slice(0, 3), 'mode'))).toEqual({
      value: 'strict',
      from: 'project.json',
      outdone: ['overridden', 'untrusted', 'holds'],
    });
    expect(brief(report(layers, 'mode'))).toEqual({
      value: 'standard',
      from: 'managed.json',
      outdone: ['overridden', 'overridden', 'overridden', 'ceiling', 'holds'],
    });
  });

  test('a value is shown as it was written, with its place', () => {
    expect(report([layer('user', true, { limits: { memory: '4GiB' } })], 'limits.memory')).toEqual({
      key: 'limits.memory',
      value: '4GiB',
      origin: { scope: 'user', file: 'user.json', line: 1, column: 32, text: '"4GiB"' },
      statements: [
        { value: '4GiB', origin: { scope: 'user', file: 'user.json', line: 1, column: 32, text: '"4GiB"' } },
      ],
    });
  });

  test('lists add up; of an untrusted file the grants do not hold and the denials do', () => {
    const layers = [
      layer('user', true, { allowedPaths: ['~/a'], deniedPaths: ['x'] }),
      layer('project', false, {
        allowedPaths: ['~/b'],
        deniedPaths: ['y'],
        environment: { set: { A: '1' }, drop: ['B'] },
      }),
    ];
    expect(report(layers, 'allowedPaths').value).toEqual([{ path: '~/a', mode: 'write' }]);
    expect(report(layers, 'deniedPaths').value).toEqual(['x', 'y']);
    expect(report(layers, 'environment.drop').value).toEqual(['B']);
    expect(brief(report(layers, 'environment.set.A'))).toEqual({
      value: undefined,
      from: undefined,
      outdone: ['untrusted'],
    });
  });

  test('a variable that the administrator drops is not set', () => {
    const layers = [
      layer('user', true, { environment: { set: { A: '1', B: '2' } } }),
      layer('managed', true, { environment: { drop: ['A'] } }),
    ];
    expect(brief(report(layers, 'environment.set.A'))).toEqual({
      value: undefined,
      from: undefined,
      outdone: ['ceiling'],
    });
    expect(brief(report(layers, 'environment.set.B'))).toEqual({
      value: '2',
      from: 'user.json',
      outdone: ['holds'],
    });
  });

  test('a name that nobody wrote finds nothing that objects inherit', () => {
    const layers = [layer('user', true, { profiles: { a: {} }, environment: { set: { A: '1' } } })];
    expect(report(layers, 'environment.set.constructor').value).toBeUndefined();
    expect(report(layers, 'profiles.constructor.mode').statements).toEqual([]);
  });
});

test('profiles are listed with the place of the first thing that each says', () => {
  const layers = [
    layer('user', true, { profiles: { b: { mode: 'strict' }, a: {} } }),
    layer('project', false, { profiles: { b: { mode: 'permissive', limits: { processes: 4 } } } }),
  ];
  expect(reportProfiles(layers)).toEqual([
    { name: 'a', scope: 'user', file: 'user.json', trusted: true, keys: [] },
    { name: 'b', scope: 'user', file: 'user.json', line: 1, trusted: true, mode: 'strict', keys: ['mode'] },
    {
      name: 'b',
      scope: 'project',
      file: 'project.json',
      line: 1,
      trusted: false,
      mode: 'permissive',
      keys: ['mode', 'limits'],
    },
  ]);
});

const facts: HostFacts = {
  homeDir: '/h',
  projectDir: '/p',
  privateHome: '/h/.local/share/pinfold/home',
  runtime: [],
  toolchains: [],
  gitConfig: [],
  homeFiles: [],
  pinfold: {
    configDir: '/h/.config/pinfold',
    stateDir: '/h/.local/state/pinfold',
    dataDir: '/h/.local/share/pinfold',
    installDir: '/opt/pinfold',
  },
};

test('what is said to hold is what the merge makes of the same layers', () => {
  const sandbox = fc.record(
    {
      enabled: fc.boolean(),
      mode: fc.constantFrom('strict', 'standard', 'permissive'),
      networkAccess: fc.constantFrom('none', 'local', 'filtered'),
      limits: fc.record({ processes: fc.integer({ min: 1, max: 9 }) }),
    },
    { requiredKeys: [] },
  );
  const scopes = ['user', 'claude', 'project', 'local', 'flag', 'managed'] as const;
  const stack = fc.tuple(
    ...scopes.map((scope) =>
      fc.option(
        fc
          .tuple(fc.boolean(), sandbox)
          .map(([trusted, inside]) =>
            layer(scope, trusted || scope === 'user' || scope === 'managed', inside),
          ),
        { nil: undefined },
      ),
    ),
  );
  fc.assert(
    fc.property(stack, (maybe) => {
      const layers = maybe.filter((one) => one !== undefined);
      const policy = mergePolicy({ layers, facts, now: new Date(0) });
      const values = new Map(reportAll(layers).map(({ key, value }) => [key, value]));
      expect({
        enabled: values.get('enabled'),
        mode: values.get('mode'),
        networkAccess: values.get('networkAccess'),
        processes: values.get('limits.processes'),
      }).toEqual({
        enabled: policy.enabled.value,
        mode: policy.mode.value,
        networkAccess: policy.network.access.value,
        processes: policy.limits.processes?.value,
      });
    }),
    { numRuns: 500 },
  );
});

/** Claims about whatever layers of settings there may be: what never widens, and that order is no matter. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Decider } from './decide.ts';
import { HOME, PROJECT } from './facts.fixture.ts';
import { layer, merge, type Scope } from './layers.fixture.ts';
import type { Mode, NetworkAccess, Policy } from './types.ts';

const RANK = { none: 0, read: 1, write: 2 } as const;
const MODES: readonly Mode[] = ['strict', 'standard', 'permissive'];
const NETWORKS: readonly NetworkAccess[] = ['none', 'local', 'filtered'];
const place = fc.constantFrom(
  '.',
  './a',
  './a/b',
  './.git/hooks',
  './.vscode',
  '~/x',
  '~/.ssh',
  '~/x/y',
  '/data',
  '/data/d',
  '/usr',
  '/tmp/t',
);
const words = fc.record(
  {
    mode: fc.constantFrom(...MODES),
    networkAccess: fc.constantFrom(...NETWORKS),
    allowedPaths: fc.array(
      fc.record({ path: place, mode: fc.constantFrom<'read' | 'write'>('read', 'write') }),
      { maxLength: 4 },
    ),
    deniedPaths: fc.array(fc.oneof(place, fc.constantFrom('**/b', '/data/*', '~/x/**')), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);
const scope = fc.constantFrom<Scope>('user', 'claude', 'project', 'local', 'flag');
const layers = fc
  .array(fc.tuple(scope, words), { maxLength: 3 })
  .map((all) => all.map(([each, said]) => layer(each, said)));
const PROBES = ['.', 'a', 'a/b', 'a/b/c', '.git/hooks/x', '.vscode/x', 'b']
  .map((path) => `${PROJECT}/${path}`)
  .concat(
    ['x', 'x/y/z', '.ssh/id', 'x/b'].map((path) => `${HOME}/${path}`),
    ['/data', '/data/d/e', '/usr/bin', '/tmp/t/u', '/'],
  );

function expectNoWider(narrow: Policy, wide: Policy): void {
  const [a, b] = [new Decider(narrow), new Decider(wide)];
  for (const path of PROBES) {
    expect(RANK[a.accessOf(path)], path).toBeLessThanOrEqual(RANK[b.accessOf(path)]);
  }
  expect(NETWORKS.indexOf(narrow.network.access.value)).toBeLessThanOrEqual(
    NETWORKS.indexOf(wide.network.access.value),
  );
}

test('an untrusted file never widens, wherever it stands among the others', () => {
  fc.assert(
    fc.property(layers, fc.array(fc.tuple(scope, words), { minLength: 1, maxLength: 2 }), (trusted, more) => {
      const suspects = more.map(([each, said]) => layer(each, said, false));
      expectNoWider(merge([...trusted, ...suspects]), merge(trusted));
    }),
    { numRuns: 300 },
  );
});

test('adding a denial never widens, whoever says it', () => {
  fc.assert(
    fc.property(layers, scope, fc.array(place, { minLength: 1, maxLength: 2 }), (some, each, deniedPaths) => {
      expectNoWider(merge([...some, layer(each, { deniedPaths })]), merge(some));
    }),
    { numRuns: 300 },
  );
});

test('the order of entries never matters', () => {
  fc.assert(
    fc.property(words, (said) => {
      const turned = {
        ...said,
        ...(said.allowedPaths && { allowedPaths: said.allowedPaths.toReversed() }),
        ...(said.deniedPaths && { deniedPaths: said.deniedPaths.toReversed() }),
      };
      const [a, b] = [new Decider(merge([layer('user', said)])), new Decider(merge([layer('user', turned)]))];
      expect(PROBES.map((path) => b.accessOf(path))).toEqual(PROBES.map((path) => a.accessOf(path)));
    }),
    { numRuns: 300 },
  );
});

test('the managed ceiling is never exceeded', () => {
  fc.assert(
    fc.property(
      layers,
      fc.constantFrom(...MODES),
      fc.constantFrom(...NETWORKS),
      place,
      (some, mode, networkAccess, denied) => {
        const managed = layer('managed', { mode, networkAccess, deniedPaths: [denied] });
        const policy = merge([...some, managed]);
        expect(MODES.indexOf(policy.mode.value)).toBeLessThanOrEqual(MODES.indexOf(mode));
        expect(NETWORKS.indexOf(policy.network.access.value)).toBeLessThanOrEqual(
          NETWORKS.indexOf(networkAccess),
        );
        const decider = new Decider(policy);
        const rule = policy.rules.find(({ ceiling }) => ceiling);
        expect(rule && [rule.pattern, `${rule.pattern}/x/y`].map((path) => decider.accessOf(path))).toEqual([
          'none',
          'none',
        ]);
      },
    ),
    { numRuns: 200 },
  );
});

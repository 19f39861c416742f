/** Claims that all who speak of a policy say the same: what Linux mounts, what a Mac's profile allows, and what people are told. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Profile } from '../../test/fixtures/sbpl.ts';
import { lookAt, policyOf, rule, stepsOfTree, TREE, treeKind } from '../platform/linux/plan-cases.fixture.ts';
import { pathRules } from '../platform/macos/path-rules.ts';
import { pinRules } from '../platform/macos/pins.ts';
import { writeProfile } from '../platform/macos/sbpl.ts';
import type { Access, PathRule } from '../policy/types.ts';
import { explainPath } from './commands/explain.ts';

const scope = fc.constantFrom('builtin' as const, 'flag' as const);
const literalRule = fc
  .record({
    pattern: fc.constantFrom(...TREE),
    access: fc.constantFrom<Access>('none', 'read', 'write'),
    scope,
  })
  .map(({ pattern, access, scope: by }) => rule(pattern, access, { scope: by }));
// A pattern takes away and never gives: nobody can write another into the settings. Those that are built in take only writing.
const globs = ['/t/**/.env', '/t/*/b', '/t/a/**/x', '/t/**/a/b', '/t/{a,b}/x', '/t/**/[ab]', '/t/x/*.env'];
const globRule = fc
  .record({ pattern: fc.constantFrom(...globs) })
  .map(({ pattern }) => rule(pattern, 'none', { scope: 'flag' }));
const anyRule: fc.Arbitrary<PathRule> = fc.oneof({ weight: 3, arbitrary: literalRule }, globRule);

// Most policies open something near the root, or nothing would be decided by what is beneath.
const anyRules = fc
  .tuple(fc.array(anyRule, { maxLength: 8 }), fc.subarray(['/t', '/t/a', '/t/b', '/t/x'], { minLength: 1 }))
  .map(([some, open]) => [...open.map((path) => rule(path, 'write')), ...some]);

function profileOf(rules: readonly PathRule[]): Profile {
  const input = { policy: { rules }, spelling: 'exact', matches: [] } as const;
  const { read, write } = pathRules(input);
  return new Profile(
    writeProfile({
      preface: [],
      sections: [{ title: 'paths', rules: [...read, ...write, ...pinRules(input)] }],
    }),
  );
}

const WANTED = { read: 'file-read-data', write: 'file-write-data' } as const;

test('Linux, macOS and explain decide alike about every path of every policy', async () => {
  let allowed = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      anyRules,
      fc.uniqueArray(fc.constantFrom(...TREE), { minLength: 4, maxLength: 10 }),
      async (rules, paths) => {
        const policy = policyOf(rules);
        const steps = stepsOfTree(rules);
        const profile = profileOf(rules);
        for (const path of paths) {
          const { access } = lookAt(steps, path);
          const vnodeType = treeKind(path) === 'directory' ? 'DIRECTORY' : 'REGULAR-FILE';
          for (const want of ['read', 'write'] as const) {
            const linux = access === 'write' || access === want;
            const macos = profile.allows({ operation: WANTED[want], path, vnodeType });
            const told = (await explainPath(policy, path, want)).decision.allowed;
            expect({ path, want, macos, told }).toEqual({ path, want, macos: linux, told: linux });
            if (linux) allowed += 1;
            else refused += 1;
          }
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(Math.min(allowed, refused)).toBeGreaterThan(200);
});

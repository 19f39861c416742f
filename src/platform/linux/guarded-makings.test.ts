import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decider } from '../../policy/decide.ts';
import type { PathRule } from '../../policy/types.ts';
import { MakingJudge, sieveOf } from './guarded-makings.ts';
import { guardNames, openedPaths, scanMatches } from './guarded-names.ts';
import { findPlaces, type PathKind } from './places.ts';
import type { Making } from './plan.ts';
import { FACTS, policyOf, rule } from './plan-cases.fixture.ts';

const hostRun = { category: 'host-run' } as const;
const TREE = new Map<string, PathKind>([['/w', 'directory']]);

function guardsOf(rules: readonly PathRule[]) {
  const policy = policyOf([rule('/w', 'write'), ...rules]);
  const places = findPlaces({ policy, facts: { ...FACTS, homeFiles: [] }, matches: [], existing: TREE });
  return {
    policy,
    guarded: guardNames({ policy, places, existing: TREE }),
    opened: openedPaths(policy),
  };
}

function making(path: string | Uint8Array, more: Partial<Making> = {}): Making {
  return {
    path: Buffer.from(path as string),
    directory: false,
    bringsMore: false,
    row: 0,
    refused: 'no',
    present: false,
    ...more,
  };
}

/** The paths of these that are refused. */
function refusedOf(rules: readonly PathRule[], makings: readonly Making[]): string[] {
  const judge = new MakingJudge(guardsOf(rules));
  return makings.flatMap((each) => judge.refused([each])?.path ?? []);
}

describe('the judgement on makings', () => {
  const hooks = rule('/w/**/.git/hooks', 'read', hostRun);

  test('refuses a guarded name at any depth beneath its root, in any case', () => {
    const paths = [
      '/w/.git/hooks',
      '/w/a/b/.git/hooks',
      '/w/.GIT/Hooks',
      '/w/hooks',
      '/w/.git/hook',
      '/v/.git/hooks',
    ];
    expect(
      refusedOf(
        [hooks],
        paths.map((path) => making(path)),
      ),
    ).toEqual(paths.slice(0, 3));
  });

  test('names the rule by its number, so that the refusal can be explained', () => {
    const judge = new MakingJudge(guardsOf([rule('/w/x', 'none'), hooks]));
    expect(judge.refused([making('/w/y'), making('/w/.git/hooks')])).toMatchObject({
      path: '/w/.git/hooks',
      name: { rule: 2 },
    });
  });

  test('lets be what lies beneath an excepted directory', () => {
    const rules = [rule('/w/**/.envrc', 'read', { ...hostRun, except: ['node_modules'] })];
    const paths = ['/w/.envrc', '/w/node_modules/a/.envrc'];
    expect(
      refusedOf(
        rules,
        paths.map((path) => making(path)),
      ),
    ).toEqual(['/w/.envrc']);
  });

  test('lets a new directory be where only a file of the name is meant', () => {
    const rules = [rule('/w/**/.git', 'read', { ...hostRun, kind: 'file' })];
    expect(refusedOf(rules, [making('/w/.git', { directory: true })])).toEqual([]);
    expect(refusedOf(rules, [making('/w/.git')])).toEqual(['/w/.git']);
  });

  test('refuses what may hold a guarded entry under the name of its parent, and no plain file', () => {
    const more = { bringsMore: true };
    const anchored = rule('/w/keys/*.pem', 'none');
    const makings = [
      making('/w/.git', more),
      making('/w/a/.git', more),
      making('/w/git', more),
      making('/w/.git'),
    ];
    expect(refusedOf([hooks, anchored], makings)).toEqual(['/w/.git', '/w/a/.git']);
  });

  test('refuses an exchange for either of its names', () => {
    const judge = new MakingJudge(guardsOf([hooks]));
    expect(judge.refused([making('/w/a'), making('/w/.git/hooks')])?.path).toBe('/w/.git/hooks');
    expect(judge.refused([making('/w/.git/hooks'), making('/w/a')])?.path).toBe('/w/.git/hooks');
    expect(judge.refused([making('/w/a'), making('/w/b')])).toBeUndefined();
  });

  test('lets a person’s opened path be, and what is beneath it', () => {
    const rules = [rule('/w/**/.vscode', 'read', hostRun)];
    const open = rule('/w/.vscode', 'write', { scope: 'flag' });
    const makings = [making('/w/.vscode'), making('/w/a/.vscode')];
    expect(refusedOf(rules, makings)).toEqual(['/w/.vscode', '/w/a/.vscode']);
    expect(refusedOf([...rules, open], makings)).toEqual(['/w/a/.vscode']);
  });

  test('takes a backslash in a name for itself, and a name that is no UTF-8 as it is', () => {
    const rules = [rule('/w/a\\b', 'none', { glob: false }), rule('/w/**/*.env', 'none')];
    const stray = Buffer.concat([Buffer.from('/w/'), Buffer.from([0xff]), Buffer.from('.env')]);
    expect(refusedOf(rules, [making('/w/a\\b'), making('/w/ab')])).toEqual(['/w/a\\b']);
    expect(refusedOf(rules, [making(stray)])).toHaveLength(1);
  });
});

const NAMES = [
  '.git',
  'hooks',
  'config',
  'modules',
  '.env',
  '.env.local',
  'node_modules',
  'a.pem',
  '.vscode',
  'x',
];
const RULES: readonly PathRule[] = [
  rule('/w/**/.git', 'read', { ...hostRun, kind: 'file', except: ['node_modules'] }),
  rule('/w/**/.git/hooks', 'read', hostRun),
  rule('/w/**/.git/modules/**/config', 'read', hostRun),
  rule('/w/**/{.env,.env.*}', 'none', { scope: 'flag' }),
  rule('/w/**/.vscode', 'read', { ...hostRun, except: ['node_modules'] }),
  rule('/w/x/*.pem', 'none', { scope: 'flag' }),
  rule('/w/**/*.pem', 'read', { scope: 'flag' }),
  rule('/w/x/config', 'none', { scope: 'flag' }),
  rule('/w/x/[ch]o*', 'none', { scope: 'flag' }),
];
const somePath = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 6 })
  .map((names) => `/w/${names.join('/')}`);

/** As fnmatch(3) reads a pattern without FNM_PATHNAME. */
function fnmatches(pattern: string, text: string): boolean {
  const source = pattern.replace(/\[.[^\]]*\]|[\s\S]/g, (token) => {
    if (token === '*') return '[^]*';
    if (token === '?') return '[^]';
    return token.length > 1 ? token : token.replace(/[.+^${}()|\\\]]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 'i').test(text);
}

describe('for any rules and any name', () => {
  test('the judgement is what the scan would say of the name once it was there', () => {
    fc.assert(
      fc.property(fc.subarray([...RULES]), somePath, fc.boolean(), (rules, path, directory) => {
        const all = guardsOf(rules);
        const meant = scanMatches(all.policy, [{ path, directory }], new Decider(all.policy)).length > 0;
        const refused = new MakingJudge(all).refused([making(path, { directory })]) !== undefined;
        expect({ path, refused }).toEqual({ path, refused: meant });
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever is refused does not pass the sieve', () => {
    fc.assert(
      fc.property(fc.subarray([...RULES]), somePath, fc.boolean(), (rules, path, bringsMore) => {
        const all = guardsOf(rules);
        const { guarded, arriving } = sieveOf(all.guarded);
        const refused = new MakingJudge(all).refused([making(path, { bringsMore })]) !== undefined;
        const sieve = bringsMore ? [...guarded, ...arriving] : guarded;
        // The launcher first holds the last name alone against the pattern's.
        const asked = sieve.some(
          (pattern) =>
            fnmatches(pattern.slice(pattern.lastIndexOf('/') + 1), path.slice(path.lastIndexOf('/') + 1)) &&
            fnmatches(pattern, path),
        );
        expect({ path, passes: refused && !asked }).toEqual({ path, passes: false });
      }),
      { numRuns: 2000 },
    );
  });
});

test('the sieve has each pattern once, and the parents apart', () => {
  const { guarded } = guardsOf([
    rule('/w/**/.git/hooks', 'read', hostRun),
    rule('/w/**/.git/modules/*/hooks', 'read', hostRun),
    rule('/w/**/.git/hooks', 'none', { scope: 'flag' }),
  ]);
  expect(sieveOf(guarded)).toEqual({
    guarded: ['*/.git/hooks', '*/.git/modules/*/hooks'],
    arriving: ['*/.git', '*/.git/modules', '*/.git/modules/*'],
  });
});

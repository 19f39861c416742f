/** Claims that an evaluated profile and the policy decide alike. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Profile } from '../../../test/fixtures/sbpl.ts';
import { Decider } from '../../policy/decide.ts';
import { foldName } from '../../policy/glob-component.ts';
import { ancestorsOf, depthOf, parentOf } from '../../policy/paths.ts';
import type { Access, PathRule } from '../../policy/types.ts';
import type { Spelling } from './glob-regex.ts';
import { pathRules } from './path-rules.ts';
import { pinRules } from './pins.ts';
import { writeProfile } from './sbpl.ts';

function rule(pattern: string, access: Access, more: Partial<PathRule> = {}): PathRule {
  const glob = /[*?[{]/.test(pattern);
  const origin = { scope: 'user', text: pattern } as const;
  return { pattern, glob, access, category: 'setting', why: 'made up', origin, ...more };
}

const BUILTIN = { origin: { scope: 'builtin', text: 'made up' } } as const;
const GUARD = { ...BUILTIN, category: 'host-run' } as const;

interface Options {
  readonly spelling?: Spelling;
  readonly matches?: readonly { readonly path: string }[];
  readonly pins?: boolean;
}

function profileOf(rules: readonly PathRule[], options: Options = {}): Profile {
  const input = { policy: { rules }, spelling: 'exact' as const, matches: [], ...options };
  const { read, write } = pathRules(input);
  const pins = options.pins === false ? [] : pinRules(input);
  return new Profile(
    writeProfile({ preface: [], sections: [{ title: 'paths', rules: [...read, ...write, ...pins] }] }),
  );
}

const name = fc.constantFrom('a', 'b', 'c', 'x', 'm', '.env');
const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((names) => `/${names.join('/')}`);
const access = fc.constantFrom<Access>('none', 'read', 'write');
const scope = fc.constantFrom({}, BUILTIN);
const globPart = fc.oneof(
  { weight: 3, arbitrary: name },
  fc.constantFrom('**', '*', '?', '{a,b}', '[!a]', '.e*'),
);
const glob = fc
  .array(globPart, { minLength: 1, maxLength: 5 })
  .map((parts) => `/${parts.join('/')}`)
  .filter((text) => /[*?[{]/.test(text));
const tail = fc.array(name, { minLength: 1, maxLength: 2 }).map((names) => names.join('/'));

const anyRule = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(path, access, scope).map(([at, what, more]) => rule(at, what, more)) },
  fc.tuple(path, scope).map(([at]) => rule(at, 'read', GUARD)),
  fc
    .tuple(glob, scope, fc.boolean())
    .map(([at, more, ceiling]) =>
      rule(at, 'none', { ...more, ...(ceiling ? { ceiling: true as const } : {}) }),
    ),
  fc.tuple(path).map(([at]) => rule(at, 'none', { ceiling: true })),
  fc
    .tuple(glob, fc.boolean())
    .map(([at, ignoreCase]) => rule(at, 'read', { ...GUARD, ...(ignoreCase ? { ignoreCase } : {}) })),
  fc.tuple(path, name).map(([at, last]) => rule(`${at}/**/${last}`, 'read', { ...GUARD, kind: 'file' })),
  fc
    .tuple(path, tail, fc.uniqueArray(fc.constantFrom('m', 'x'), { minLength: 1 }))
    .filter(([, names, except]) => !names.split('/').some((each) => (except as string[]).includes(each)))
    .map(([at, names, except]) => rule(`${at}/**/${names}`, 'read', { ...GUARD, ignoreCase: true, except })),
);
// Most policies open something near the root, or nothing would be decided by what is beneath.
const rules = fc
  .tuple(fc.array(anyRule, { maxLength: 9 }), fc.subarray(['/a', '/b', '/a/b', '/x'], { minLength: 1 }))
  .map(([some, open]) => [...open.map((at) => rule(at, 'write', BUILTIN)), ...some]);

describe('the profile decides as the policy does', () => {
  test('about reading and writing what is there', () => {
    fc.assert(
      fc.property(
        rules,
        fc.array(fc.tuple(path, fc.boolean()), { minLength: 8, maxLength: 20 }),
        (some, paths) => {
          const decider = new Decider({ rules: some });
          const profile = profileOf(some);
          for (const [at, directory] of paths) {
            const vnodeType = directory ? 'DIRECTORY' : 'REGULAR-FILE';
            const may = (operation: string) => profile.allows({ operation, path: at, vnodeType });
            const decided = (want: 'read' | 'write') => decider.decide(at, want, { directory }).allowed;
            expect([
              at,
              directory,
              may('file-read-data'),
              may('process-exec'),
              may('file-write-data'),
            ]).toEqual([at, directory, decided('read'), decided('read'), decided('write')]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('about making a file, but for directories that would bring a protected name along', () => {
    fc.assert(
      fc.property(rules, fc.array(path, { minLength: 8, maxLength: 20 }), (some, paths) => {
        const decider = new Decider({ rules: some });
        const [profile, unpinned] = [profileOf(some), profileOf(some, { pins: false })];
        for (const at of paths) {
          const question = { operation: 'file-write-create', path: at };
          const decided = decider.decide(at, 'write', { directory: false }).allowed;
          expect(unpinned.allows(question)).toBe(decided);
          if (profile.allows(question) !== decided) expect(mayHold(some, at)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  // Found by seed -1049414676: what is asked of a literal path is asked of a directory, and here it is a file.
  test('about a file that its own rule opens again, where a rule about files of its name closes it', () => {
    const some = [
      rule('/a', 'write', BUILTIN),
      rule('/a/b', 'write'),
      rule('/a/**/b', 'read', { ...GUARD, kind: 'file' }),
    ];
    const decider = new Decider({ rules: some });
    const profile = profileOf(some, { pins: false });
    const decided = [
      ['/a/b', true],
      ['/a/b/c', true],
      ['/a/b/b', false],
      ['/a/c/b', false],
    ] as const;
    for (const [at, allowed] of decided) {
      expect(decider.decide(at, 'write', { directory: false }).allowed).toBe(allowed);
      expect(profile.allows({ operation: 'file-write-data', path: at })).toBe(allowed);
    }
  });

  test.each(['apfs', 'hfs'] as const)(
    'on a case-insensitive volume (%s) too, and gives other spellings no more',
    (spelling) => {
      const cased = (at: string, upper: readonly boolean[]) =>
        Array.from(at, (char, index) => (upper[index % upper.length] ? char.toUpperCase() : char)).join('');
      fc.assert(
        fc.property(
          rules,
          path,
          fc.array(fc.boolean(), { minLength: 3, maxLength: 9 }),
          (some, at, upper) => {
            const decider = new Decider({ rules: some });
            const profile = profileOf(some, { spelling });
            for (const [operation, want] of [
              ['file-read-data', 'read'],
              ['file-write-data', 'write'],
            ] as const) {
              const decided = decider.decide(at, want, { directory: false }).allowed;
              expect(profile.allows({ operation, path: at })).toBe(decided);
              const other = cased(at, upper);
              expect(foldName(other)).toBe(at);
              if (profile.allows({ operation, path: other })) expect(decided).toBe(true);
            }
          },
        ),
        { numRuns: 200 },
      );
    },
  );
});

/** Whether a protected name of more than one component, or a literal one, may lie in a directory called `at`. */
function mayHold(some: readonly PathRule[], at: string): boolean {
  return some.some((each) => {
    if (each.category !== 'host-run') return false;
    if (!each.glob) return each.pattern.startsWith(`${at}/`);
    return depthOf(each.pattern) >= 2;
  });
}

describe('renaming', () => {
  const trees = fc.uniqueArray(path, { minLength: 1, maxLength: 12 });

  /** What rename(2) asks: to unlink there, to create here, and to unlink what it replaces. */
  function mayRename(profile: Profile, from: string, to: string, directory: boolean): boolean {
    const vnodeType = directory ? 'DIRECTORY' : 'REGULAR-FILE';
    return (
      profile.allows({ operation: 'file-write-unlink', path: from, vnodeType }) &&
      profile.allows({ operation: 'file-write-create', path: to, vnodeType })
    );
  }

  interface Move {
    readonly some: readonly PathRule[];
    readonly files: readonly string[];
    readonly from: string;
    readonly to: string;
  }

  const move = fc
    .record({ some: rules, files: trees, file: path, up: fc.nat(), to: path })
    .map(({ some, files, file, up, to }): Move => {
      const dirs = ancestorsOf(parentOf(`${file}/a`)).filter((at) => at !== '/');
      return { some, files: [...files, `${file}/a`], from: dirs[up % dirs.length]!, to };
    })
    .filter(({ from, to }) => from !== to && !to.startsWith(`${from}/`) && !from.startsWith(`${to}/`));

  /** Files that a rename opens although they were closed; undefined where it is refused. */
  function openedBy({ some, files, from, to }: Move, pins: boolean): string[] | undefined {
    const decider = new Decider({ rules: some });
    const matches = everything(files).filter((each) => some.some((one) => covers(one, each)));
    const profile = profileOf(some, { matches: matches.map((each) => ({ path: each })), pins });
    if (!mayRename(profile, from, to, true)) return undefined;
    return files.filter((file) => {
      if (!file.startsWith(`${from}/`)) return false;
      const there = to + file.slice(from.length);
      const before = decider.accessOf(file, { directory: false });
      const reads = profile.allows({ operation: 'file-read-data', path: there });
      const writes = profile.allows({ operation: 'file-write-data', path: there });
      return (before === 'none' && reads) || (before !== 'write' && writes);
    });
  }

  test('of a directory never opens what lies in it', () => {
    let renamed = 0;
    fc.assert(
      fc.property(move, (each) => {
        const opened = openedBy(each, true);
        if (opened === undefined) return;
        renamed += 1;
        expect(opened).toEqual([]);
      }),
      { numRuns: 1000 },
    );
    expect(renamed).toBeGreaterThan(30);
  });

  test('of a directory would open what lies in it, were the directories above not kept in place', () => {
    expect(() =>
      fc.assert(
        fc.property(move, (each) => expect(openedBy(each, false) ?? []).toEqual([])),
        { numRuns: 1000 },
      ),
    ).toThrow('Property failed');
  });

  test('of a file asks what writing both names asks', () => {
    fc.assert(
      fc.property(rules, path, path, (some, from, to) => {
        const decider = new Decider({ rules: some });
        const profile = profileOf(some);
        const may = mayRename(profile, from, to, false);
        const decided = [from, to].every((at) => decider.decide(at, 'write', { directory: false }).allowed);
        if (may) expect(decided).toBe(true);
        const isAnchor = some.some((each) => !each.glob && each.pattern.startsWith(from));
        if (decided && !isAnchor && !mayHold(some, to)) expect(may).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

/** Files with all directories above them. */
function everything(files: readonly string[]): string[] {
  return [...new Set(files.flatMap((file) => ancestorsOf(file)))].filter((each) => each !== '/');
}

/** Whether a glob rule speaks of the path, whatever it says. */
function covers(each: PathRule, at: string): boolean {
  const neutral = { ...each, access: 'write', category: 'setting' } as const;
  return each.glob && new Decider({ rules: [neutral] }).accessOf(at, { directory: false }) === 'write';
}

test('a path cannot end the string that it stands in', () => {
  const evil = '/p/x"))(allow file-read*)(deny file-read* (subpath "/p/y';
  const profile = profileOf([rule(evil, 'write', { glob: false })]);
  expect(profile.allows({ operation: 'file-read-data', path: `${evil}/in` })).toBe(true);
  expect(profile.allows({ operation: 'file-read-data', path: '/etc/shadow' })).toBe(false);
});

test.each(['/p/a\nb', '/p/\u0007', `/p/${'a'.repeat(1000)}`])(
  'a path that no profile can hold is refused',
  (at) => {
    expect(() => profileOf([rule(at, 'write')])).toThrow(
      expect.objectContaining({ code: 'ERR_PATH_INVALID' }),
    );
  },
);

test('a pattern that grants is refused, since nothing could order it', () => {
  expect(() => profileOf([rule('/p/**/x', 'write')])).toThrow(
    expect.objectContaining({ code: 'ERR_INTERNAL' }),
  );
});

/** Claims that the expressions say what the globs say. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TOOL_NAMES } from '../../policy/builtin-host-run.ts';
import { compileComponent, foldName } from '../../policy/glob-component.ts';
import { componentRegex, escapeRegex, otherThanRegex } from './glob-regex.ts';

/** Of bytes and of characters: nobody says which the kernel's matcher is. */
function matches(source: string | undefined, name: string): { characters: boolean; bytes: boolean } {
  if (source === undefined) return { characters: false, bytes: false };
  const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  return {
    characters: new RegExp(`^${source}$`, 'u').test(name),
    bytes: new RegExp(`^${bytes(source)}$`).test(bytes(name)),
  };
}

const both = (value: boolean) => ({ characters: value, bytes: value });

const SPELLINGS = ['exact', 'apfs', 'hfs'] as const;

const piece = fc.constantFrom(
  'a',
  'B',
  'k',
  's',
  'f',
  'i',
  '.',
  '-',
  '^',
  '\\\\',
  '\\*',
  '\\[',
  '$',
  '(',
  '+',
  '|',
  '*',
  '?',
);
const set = fc.constantFrom(
  '[ab]',
  '[!a]',
  '[^b.]',
  '[a-f]',
  '[]x]',
  '[a-]',
  '[!é]',
  '[à-ü]',
  '[\\]]',
  '[b-a]',
);
const pattern = fc
  .array(fc.oneof({ weight: 4, arbitrary: piece }, set), { minLength: 1, maxLength: 6 })
  .map((all) => all.join(''));
const plainName = fc
  .array(fc.constantFrom(...'aBbkKsSfiI.-^\\*[]$(+|xé'), { minLength: 1, maxLength: 6 })
  .map((all) => all.join(''));
const asciiName = plainName.map((name) => name.replace(/é/g, 'e'));

describe('the expression of a component', () => {
  test.each(SPELLINGS)('matches the same ASCII names as the glob (%s)', (spelling) => {
    fc.assert(
      fc.property(pattern, asciiName, (glob, name) => {
        const expected = compileComponent(glob, spelling !== 'exact').matches(name);
        expect(matches(componentRegex(glob, spelling), name)).toEqual(both(expected));
      }),
      { numRuns: 3000 },
    );
  });

  test.each(SPELLINGS)('matches every other name that the glob matches (%s)', (spelling) => {
    fc.assert(
      fc.property(pattern, plainName, (glob, name) => {
        if (!compileComponent(glob, spelling !== 'exact').matches(name)) return;
        expect(matches(componentRegex(glob, spelling), name)).toEqual(both(true));
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    '.git',
    'config',
    '.profile',
    'fleet',
    '.bash_history',
    'office.ffi',
    'ß;x`',
    'Ünïcode.é',
    '\u200c.ssh',
  ])('takes every spelling of %s that folds to it', (name) => {
    const spellings = spellingsOf(name);
    expect(spellings.length).toBeGreaterThan(10);
    for (const spelling of spellings) {
      expect(foldName(spelling)).toBe(foldName(name));
      expect([spelling, matches(componentRegex(name, 'hfs'), spelling)]).toEqual([spelling, both(true)]);
      if (spelling !== name && /\p{Default_Ignorable_Code_Point}/u.test(spelling)) continue;
      expect([spelling, matches(componentRegex(name, 'apfs'), spelling)]).toEqual([spelling, both(true)]);
    }
  });

  test('without folding takes one spelling only', () => {
    expect(matches(componentRegex('.git', 'exact'), '.git')).toEqual(both(true));
    expect(matches(componentRegex('.git', 'exact'), '.GIT')).toEqual(both(false));
  });

  test('of every built-in name takes the name, and not the name with a letter more or less', () => {
    for (const { name } of TOOL_NAMES.filter((each) => !/[*/]/.test(each.name))) {
      const source = componentRegex(name, 'apfs');
      expect(matches(source, name)).toEqual(both(true));
      expect(matches(source, name.toUpperCase())).toEqual(both(true));
      expect(matches(source, `${name}x`)).toEqual(both(false));
      expect(matches(source, name.slice(0, -1))).toEqual(both(false));
    }
  });
});

/** Cases, composed and decomposed forms, ligatures, and characters that nobody sees. */
function spellingsOf(name: string): string[] {
  const found = new Set<string>();
  const forms = [name, name.toUpperCase(), name.toLowerCase(), name.normalize('NFD'), name.normalize('NFC')];
  const swaps: readonly (readonly [RegExp, string])[] = [
    [/s/gi, 'ſ'],
    [/k/gi, '\u212a'],
    [/i/gi, 'ı'],
    [/ffi/gi, 'ﬃ'],
    [/ff/gi, 'ﬀ'],
    [/fi/gi, 'ﬁ'],
    [/fl/gi, 'ﬂ'],
    [/st/gi, 'ﬆ'],
    [/;/g, '\u037e'],
    [/`/g, '\u1fef'],
  ];
  for (const form of forms) {
    found.add(form);
    for (const [from, to] of swaps) found.add(form.replace(from, to));
    for (let at = 0; at <= form.length; at += 1) found.add(`${form.slice(0, at)}\u200d${form.slice(at)}`);
  }
  return [...found].filter((each) => foldName(each) === foldName(name));
}

describe('an escaped text', () => {
  test('matches itself and nothing else', () => {
    fc.assert(
      fc.property(plainName, plainName, (text, other) => {
        expect(matches(escapeRegex(text), text)).toEqual(both(true));
        expect(matches(escapeRegex(text), other)).toEqual(both(text === other));
      }),
    );
  });
});

describe('a component other than some names', () => {
  const names = ['node_modules', 'vendor', '.venv', 'venv', '.cargo', '.cache', 'a', 'ab', 'abc'];
  const near = fc.oneof(
    fc.constantFrom(...names),
    fc.constantFrom(...names).chain((name) => fc.nat(name.length).map((at) => name.slice(0, at))),
    fc.constantFrom(...names).map((name) => `${name}x`),
    fc.constantFrom(...names).map((name) => name.toUpperCase()),
    plainName,
  );

  test('is every other one', () => {
    const source = otherThanRegex(names);
    fc.assert(
      fc.property(near, (name) => {
        expect(matches(source, name)).toEqual(both(name !== '' && !names.includes(name)));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Claims about globs, with a slow reference that follows the definition word by word. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGlob, endsOfGlob, escapeGlob, expandGlob, isGlob } from './glob.ts';

const codeOf = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return (error as { code: string }).code;
  }
};

/** By definition, with all the backtracking that it implies. Knows `*`, `?`, `**`, `{,}` and `[abc]`. */
function referenceMatches(pattern: string, path: string): boolean {
  const group = /\{([^{}]*,[^{}]*)\}/.exec(pattern);
  if (group) {
    return (group[1] ?? '').split(',').some((each) => {
      return referenceMatches(
        pattern.replace(group[0], () => each),
        path,
      );
    });
  }
  const split = (text: string) => text.split('/').filter((part) => part !== '');
  return matchParts(split(pattern), split(path));
}

function matchParts([part, ...parts]: string[], names: string[]): boolean {
  if (part === undefined) return names.length === 0;
  if (part === '**')
    return names.some((_, skip) => matchParts(parts, names.slice(skip))) || matchParts(parts, []);
  const [name, ...rest] = names;
  return name !== undefined && matchName(part, name) && matchParts(parts, rest);
}

function matchName(part: string, name: string): boolean {
  if (part === '') return name === '';
  if (part[0] === '*')
    return matchName(part.slice(1), name) || (name !== '' && matchName(part, name.slice(1)));
  const set = /^\[([ab]+)\]/.exec(part);
  if (name === '') return false;
  if (set)
    return (set[1] ?? '').includes(name[0] ?? '') && matchName(part.slice(set[0].length), name.slice(1));
  return (part[0] === '?' || part[0] === name[0]) && matchName(part.slice(1), name.slice(1));
}

const piece = fc.constantFrom(
  'a',
  'b',
  '.',
  '*',
  '?',
  '[ab]',
  '{a,b*}',
  '{,b}',
  '{a/b,*}',
  '{a,{b,c}}',
  '**',
  '{',
);
const componentPattern = fc
  .array(piece, { minLength: 1, maxLength: 4 })
  .map((pieces) => pieces.join(''))
  .filter((text) => !/^(\.|\.\.)$/.test(text));
const pattern = fc
  .array(componentPattern, { minLength: 1, maxLength: 5 })
  .map((parts) => `/${parts.join('/')}`);
const name = fc
  .string({ unit: fc.constantFrom('a', 'b', 'c', '.', '{'), minLength: 1, maxLength: 4 })
  .filter((text) => {
    return text !== '.' && text !== '..';
  });
const path = fc.array(name, { maxLength: 5 }).map((names) => `/${names.join('/')}`);
/** The reference knows no braces that lead to `.` as a component; the matcher refuses those. */
const refused = (text: string) => codeOf(() => compileGlob(text)) === 'ERR_PATH_INVALID';

describe('the matcher agrees with a slow reference', () => {
  test('on whether a path matches', () => {
    fc.assert(
      fc.property(pattern, path, (text, at) => {
        fc.pre(!refused(text));
        expect(compileGlob(text).matches(at)).toBe(referenceMatches(text, at));
      }),
      { numRuns: 3000 },
    );
  });

  test('on the deepest ancestor that matches', () => {
    fc.assert(
      fc.property(pattern, path, (text, at) => {
        fc.pre(!refused(text));
        const names = at.split('/').filter((part) => part !== '');
        const depths = [...names.keys(), names.length];
        const deepest = depths.findLast((depth) =>
          referenceMatches(text, `/${names.slice(0, depth).join('/')}`),
        );
        expect(compileGlob(text).matchedDepth(at)).toBe(deepest);
      }),
      { numRuns: 3000 },
    );
  });

  test('and what matches lies within the literal prefix', () => {
    fc.assert(
      fc.property(pattern, path, (text, at) => {
        fc.pre(!refused(text));
        const glob = compileGlob(text);
        if (glob.matches(at)) expect(`${at}/`.startsWith(glob.literalPrefix)).toBe(true);
      }),
    );
  });
});

test.each([
  ['/p/**/.env', '/p/.env', true],
  ['/p/**/.env', '/p/a/b/.env', true],
  ['/p/**/.env', '/p/a/.env.local', false],
  ['/p/*', '/p/.hidden', true],
  ['/p/*', '/p/a/b', false],
  ['/p/a**b', '/p/axxb', true],
  ['/p/a**b', '/p/a/b', false],
  ['/p/[!a]', '/p/b', true],
  ['/p/[^a]', '/p/a', false],
  ['/p/[]x]', '/p/]', true],
  ['/p/[a-c]', '/p/b', true],
  ['/p/[a', '/p/[a', true],
  ['/p/\\*', '/p/*', true],
  ['/p/\\*', '/p/a', false],
  ['/p/?', '/p/é', true],
  ['/p/?', '/p/😀', true],
  ['/p/{a,b/c}/d', '/p/b/c/d', true],
  ['/p/{a}', '/p/{a}', true],
  ['/**', '/', true],
])('%j against %j: %j', (text, at, expected) => {
  expect(compileGlob(text).matches(at)).toBe(expected);
});

test.each(['/p/{..,a}/x', '/p/./x', 'relative/*', '/p/[[:alpha:]]', '/p/\0', `/p/${'{a,b}'.repeat(9)}`])(
  'refuses %j',
  (text) => {
    expect(codeOf(() => compileGlob(text))).toBe('ERR_PATH_INVALID');
  },
);

test('a hostile pattern costs no more than its size times the size of the path', () => {
  // Each of these takes a backtracking matcher longer than the age of the universe.
  const stars = compileGlob(`/${'*a'.repeat(1000)}b`);
  expect(stars.matches(`/${'a'.repeat(4000)}`)).toBe(false);
  const depths = compileGlob(`${'/**/a'.repeat(300)}/b`);
  expect(depths.matches('/a'.repeat(1500))).toBe(false);
  const braces = compileGlob(`/${'{'.repeat(2000)}a,b${'}'.repeat(2000)}`);
  expect(braces.matches('/a')).toBe(false);
});

test('nothing matches beneath an excepted directory, unless it lies above the pattern itself', () => {
  const glob = compileGlob('/x/node_modules/p/**/.vscode');
  expect(glob.matchedDepth('/x/node_modules/p/.vscode', ['node_modules'])).toBe(4);
  expect(glob.matchedDepth('/x/node_modules/p/node_modules/q/.vscode', ['node_modules'])).toBe(undefined);
  expect(glob.matchedDepth('/x/node_modules/p/.vscode/node_modules/a', ['node_modules'])).toBe(4);
});

test('the last components are what a scanner must look for', () => {
  expect(compileGlob('/p/**/{.env,*.pem}').lastComponent).toEqual(['.env', '*.pem']);
  expect(compileGlob('/p/**').lastComponent).toEqual(['*']);
  expect(compileGlob('/p/**/?[!a][x-z]\\*').lastComponent).toEqual(['?[!a][x-z]\\*']);
});

test('the ends of a glob are those of the compiled one', () => {
  const name = fc.string({ unit: fc.constantFrom(...'ab*?[]{},\\'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(fc.oneof(name, fc.constant('**')), { maxLength: 5 }), (names) => {
      const pattern = `/${names.join('/')}`;
      const { literalPrefix, lastComponent } = compileGlob(pattern);
      expect(endsOfGlob(pattern)).toMatchObject({ literalPrefix, lastComponent });
    }),
  );
});

test('the literal prefix is where a scan begins', () => {
  expect(compileGlob('/p/a/**/x').literalPrefix).toBe('/p/a');
  expect(compileGlob('/p/{a,b}/x').literalPrefix).toBe('/p');
  expect(compileGlob('/**').literalPrefix).toBe('/');
  expect(compileGlob('/p/\\[x\\]/*').literalPrefix).toBe('/p/[x]');
});

test.each(['.GIT', '.Git', '.g\u200cit'])('compares host-run names under case folding: %j', (at) => {
  expect(compileGlob('/p/**/.git', { ignoreCase: true }).matches(`/p/${at}`)).toBe(true);
  if (at !== '.git') expect(compileGlob('/p/**/.git').matches(`/p/${at}`)).toBe(false);
});

test('an escaped path is a glob for that path alone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom(...'a*?[]{},\\-!'), minLength: 1 }), { maxLength: 3 }),
      (names) => {
        const at = `/${names.join('/')}`;
        const glob = compileGlob(escapeGlob(at));
        expect(glob.matches(at)).toBe(true);
        expect(glob.matches(`${at}a`)).toBe(false);
        expect(glob.literalPrefix).toBe(at);
      },
    ),
  );
});

describe('expandGlob', () => {
  const places = { projectDir: '/work/[app]', homeDir: '/home/ann' };

  test.each([
    ['**/.env', '/work/\\[app\\]/**/.env'],
    ['./a/../*.key', '/work/\\[app\\]/*.key'],
    ['../*/x', '/work/*/x'],
    ['~/.*_history', '/home/ann/.*_history'],
    ['/etc/*.d', '/etc/*.d'],
  ])('reads %j as %j', (written, expanded) => {
    expect(isGlob(written)).toBe(true);
    expect(expandGlob(written, places)).toBe(expanded);
  });

  test('refuses ".." after a wildcard and takes it after a name', () => {
    expect(codeOf(() => expandGlob('*/../x', places))).toBe('ERR_PATH_INVALID');
    expect(expandGlob('a/../x*', places)).toBe('/work/\\[app\\]/x*');
  });
});

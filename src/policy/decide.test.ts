/** Claims about which rule decides, on hand-made policies. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessOf, decide } from './decide.ts';
import type { Access, PathRule, Scope } from './types.ts';

function rule(pattern: string, access: Access, more: Partial<PathRule> & { scope?: Scope } = {}): PathRule {
  const { scope = 'user', ...fields } = more;
  const glob = pattern.includes('*');
  return {
    pattern,
    glob,
    access,
    category: 'setting',
    why: 'x',
    origin: { scope, text: pattern },
    ...fields,
  };
}

describe('of the rules that cover a path', () => {
  test('none at all means hidden', () => {
    expect(decide({ rules: [rule('/a', 'write')] }, '/b', 'read')).toEqual({
      allowed: false,
      access: 'none',
    });
  });

  test('the deepest match decides, whether it opens or closes', () => {
    const rules = [rule('/a', 'none'), rule('/a/b', 'read'), rule('/a/b/c', 'none')];
    expect(accessOf({ rules }, '/a/x')).toBe('none');
    expect(accessOf({ rules }, '/a/b/x')).toBe('read');
    expect(accessOf({ rules }, '/a/b/c/x')).toBe('none');
  });

  test('a built-in protection takes away and never adds: beneath a denial it stays denied', () => {
    const guard = rule('/p/**/.npmrc', 'read', { scope: 'builtin', category: 'host-run' });
    const rules = [rule('/p', 'write'), guard];
    expect(accessOf({ rules }, '/p/secrets/.npmrc')).toBe('read');
    expect(accessOf({ rules: [...rules, rule('/p/secrets', 'none')] }, '/p/secrets/.npmrc')).toBe('none');
    expect(accessOf({ rules: [guard] }, '/p/.npmrc')).toBe('none');
  });

  test('at equal depth a denial beats an allowance, and writing beats reading', () => {
    const both = [rule('/a', 'read'), rule('/a', 'write')];
    expect(accessOf({ rules: both }, '/a')).toBe('write');
    expect(accessOf({ rules: [...both, rule('/a', 'none')] }, '/a')).toBe('none');
  });

  test("at equal depth a person's word beats a built-in rule, both ways", () => {
    const builtin = (access: Access) => rule('/a', access, { scope: 'builtin' });
    expect(accessOf({ rules: [builtin('none'), rule('/a', 'read')] }, '/a')).toBe('read');
    expect(accessOf({ rules: [builtin('write'), rule('/a', 'read')] }, '/a')).toBe('read');
    expect(accessOf({ rules: [builtin('write'), rule('/a', 'none')] }, '/a')).toBe('none');
  });

  test('a ceiling holds against anything deeper', () => {
    const deeper = rule('/a/b/c', 'write', { scope: 'flag' });
    expect(accessOf({ rules: [rule('/a', 'none', { scope: 'managed' }), deeper] }, '/a/b/c')).toBe('write');
    const ceiling = rule('/a', 'none', { scope: 'managed', ceiling: true });
    expect(accessOf({ rules: [ceiling, deeper] }, '/a/b/c')).toBe('none');
  });

  test('a link counts where it leads, not where it lies', () => {
    const rules = [rule('/link', 'read', { resolved: '/data' })];
    expect(accessOf({ rules }, '/data/x')).toBe('read');
    expect(accessOf({ rules }, '/link/x')).toBe('none');
  });
});

describe('a rule for files of a name', () => {
  const rules = [rule('/p', 'write'), rule('/p/**/.git', 'read', { kind: 'file', scope: 'builtin' })];

  test('covers the file, and what is not known to be a directory', () => {
    expect(accessOf({ rules }, '/p/s/.git', { directory: false })).toBe('read');
    expect(accessOf({ rules }, '/p/s/.git')).toBe('read');
  });

  test('covers neither a directory of the name nor anything in it', () => {
    expect(accessOf({ rules }, '/p/s/.git', { directory: true })).toBe('write');
    expect(accessOf({ rules }, '/p/s/.git/index')).toBe('write');
  });
});

describe('excepted directories', () => {
  const rules = [rule('/p', 'write'), rule('/p/**/.vscode', 'read', { except: ['node_modules'] })];

  test('keep a rule from applying beneath them', () => {
    expect(accessOf({ rules }, '/p/node_modules/m/.vscode/x')).toBe('write');
    expect(accessOf({ rules }, '/p/m/.vscode/x')).toBe('read');
  });

  test('SECURITY: made inside a protected directory open nothing', () => {
    expect(accessOf({ rules }, '/p/.vscode/node_modules/x')).toBe('read');
  });

  test('SECURITY: above the project do not void its protection', () => {
    const nested = [
      rule('/node_modules/p', 'write'),
      rule('/node_modules/p/**/.vscode', 'read', { except: ['node_modules'] }),
    ];
    expect(accessOf({ rules: nested }, '/node_modules/p/.vscode')).toBe('read');
  });
});

const RANK = { none: 0, read: 1, write: 2 } as const;
const name = fc.constantFrom('a', 'b', '.git');
const path = fc.array(name, { maxLength: 4 }).map((names) => `/${names.join('/')}`);
const pattern = fc.oneof(
  path,
  path.map((at) => `${at === '/' ? '' : at}/**/b`),
);
const anyRule = fc
  .record({
    pattern,
    access: fc.constantFrom<Access>('none', 'read', 'write'),
    scope: fc.constantFrom<Scope>('builtin', 'user', 'managed'),
    kind: fc.constantFrom<'any' | 'file'>('any', 'file'),
  })
  .map(({ pattern: text, access, scope, kind }) => {
    return rule(text, access, { scope, ...(text.includes('*') && { kind }) });
  });
const rules = fc.array(anyRule, { maxLength: 8 });

test('every text whatever gets an answer, and what is no absolute path is hidden', () => {
  fc.assert(
    fc.property(
      fc.array(anyRule),
      fc.string({ unit: fc.constantFrom('/', 'a', '.', '\0', '*', 'é') }),
      (some, text) => {
        const answer = decide({ rules: some }, text, 'read');
        expect(['none', 'read', 'write']).toContain(answer.access);
        if (!text.startsWith('/') || text.includes('\0'))
          expect(answer).toEqual({ allowed: false, access: 'none' });
      },
    ),
  );
});

test('the order of rules never matters', () => {
  const shuffled = rules.chain((some) =>
    fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length })),
  );
  fc.assert(
    fc.property(shuffled, path, ([some, others], at) => {
      expect(accessOf({ rules: others }, at)).toBe(accessOf({ rules: some }, at));
    }),
  );
});

test("adding a person's denial never widens", () => {
  fc.assert(
    fc.property(rules, pattern, path, (some, denied, at) => {
      const before = RANK[accessOf({ rules: some }, at)];
      const after = RANK[accessOf({ rules: [...some, rule(denied, 'none')] }, at)];
      expect(after).toBeLessThanOrEqual(before);
    }),
  );
});

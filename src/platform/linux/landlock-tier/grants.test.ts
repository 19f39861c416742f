import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isWithin, parentOf } from '../../../policy/paths.ts';
import type { Access } from '../../../policy/types.ts';
import { ACCESS_FS, handledRights } from '../landlock-plan.ts';
import { nearest, type PathKind, type Place } from '../places.ts';
import { type Entry, tierGrants } from './grants.ts';

const HANDLED = handledRights(7);

const place = (path: string, access: Access, kind: PathKind = 'directory'): Place => ({
  path,
  kind,
  access,
  treatment: access === 'none' ? 'mask' : 'show',
});

/** A tree by its paths; those that end in a slash are directories. */
function tree(paths: readonly string[]) {
  const kinds = new Map<string, PathKind>();
  for (const path of paths) {
    const plain = path.replace(/\/$/, '');
    kinds.set(plain, path.endsWith('/') ? 'directory' : 'file');
    for (let up = parentOf(plain); up !== '/'; up = parentOf(up)) kinds.set(up, 'directory');
  }
  const entriesOf = (directory: string): Entry[] =>
    [...kinds]
      .filter(([path]) => parentOf(path) === directory && path !== directory)
      .map(([path, kind]) => ({ name: path.slice(path.lastIndexOf('/') + 1), kind }));
  return { kinds, entriesOf };
}

/** What Landlock gives at a path: all rules above it add up. */
function rightsAt(rules: readonly { path: string; access: bigint }[], path: string): bigint {
  return rules.filter((rule) => isWithin(path, rule.path)).reduce((all, { access }) => all | access, 0n);
}

const PROJECT = tree([
  '/p/a.txt',
  '/p/src/x',
  '/p/.git/hooks/h',
  '/p/.git/config',
  '/p/.git/objects/',
  '/p/.env',
  '/p/deep/er/key',
]);

describe('grants of Landlock alone', () => {
  test('an undivided directory has one rule', () => {
    const { rules, splits, listed } = tierGrants([place('/p', 'write')], HANDLED, PROJECT.entriesOf);
    expect(rules.map(({ path }) => path)).toEqual(['/p']);
    expect([splits, listed]).toEqual([[], []]);
    expect(rules[0]!.access & ACCESS_FS.MAKE_CHAR).toBe(0n);
    expect(rules[0]!.access & ACCESS_FS.MAKE_REG).not.toBe(0n);
  });

  test('what is read-only in it splits every directory on the way, and the rest is given entry by entry', () => {
    const places = [
      place('/p', 'write'),
      place('/p/.git/config', 'read', 'file'),
      place('/p/.git/hooks', 'read'),
    ];
    const { rules, splits } = tierGrants(places, HANDLED, PROJECT.entriesOf);
    expect(splits.map(({ path }) => path)).toEqual(['/p', '/p/.git']);
    const writes = (path: string) => (rightsAt(rules, path) & ACCESS_FS.WRITE_FILE) !== 0n;
    expect(['/p/a.txt', '/p/src/x', '/p/.git/objects', '/p/.env'].map(writes)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['/p/.git/config', '/p/.git/hooks/h', '/p/.git', '/p'].map(writes)).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(rightsAt(rules, '/p/.git/config') & ACCESS_FS.READ_FILE).not.toBe(0n);
  });

  test('what is denied in it has at most its names listed, and these are told', () => {
    const places = [place('/p', 'write'), place('/p/.env', 'none', 'file'), place('/p/deep/er', 'none')];
    const { rules, listed } = tierGrants(places, HANDLED, PROJECT.entriesOf);
    expect(rightsAt(rules, '/p/.env')).toBe(ACCESS_FS.READ_DIR);
    expect(rightsAt(rules, '/p/deep/er/key')).toBe(ACCESS_FS.READ_DIR);
    expect(listed).toEqual(['/p/deep/er']);
  });

  test('a read-only place beside a denied one is still read', () => {
    const places = [place('/p', 'write'), place('/p/.env', 'none', 'file'), place('/p/src', 'read')];
    const { rules } = tierGrants(places, HANDLED, PROJECT.entriesOf);
    expect(rightsAt(rules, '/p/src/x') & ACCESS_FS.READ_FILE).not.toBe(0n);
    expect(rightsAt(rules, '/p/src/x') & ACCESS_FS.WRITE_FILE).toBe(0n);
  });

  test('a place with another file shown over it is not the file of that name', () => {
    const shown = { ...place('/p/a.txt', 'read', 'file'), source: '/home/ada/gitconfig' };
    expect(tierGrants([place('/p', 'write'), shown], HANDLED, PROJECT.entriesOf).splits).toEqual([]);
  });

  test('never give a path more than the policy does, but names; and give each entry what it says', () => {
    const paths = [...PROJECT.kinds.keys()].filter((path) => path !== '/p');
    const accesses = fc.constantFrom<Access>('none', 'read', 'write');
    const chosen = fc.uniqueArray(fc.tuple(fc.constantFrom(...paths), accesses), {
      selector: ([path]) => path,
    });
    const allowed: Record<Access, bigint> = {
      none: ACCESS_FS.READ_DIR,
      read: ACCESS_FS.READ_DIR | ACCESS_FS.READ_FILE | ACCESS_FS.EXECUTE,
      write: HANDLED & ~(ACCESS_FS.MAKE_CHAR | ACCESS_FS.MAKE_BLOCK | ACCESS_FS.IOCTL_DEV),
    };
    const needed: Record<Access, bigint> = {
      none: 0n,
      read: ACCESS_FS.READ_FILE,
      write: ACCESS_FS.READ_FILE | ACCESS_FS.WRITE_FILE,
    };
    fc.assert(
      fc.property(fc.constantFrom<Access>('read', 'write'), chosen, (access, inner) => {
        const places = [
          place('/p', access),
          ...inner.map(([path, to]) => place(path, to, PROJECT.kinds.get(path)!)),
        ].sort((a, b) => a.path.split('/').length - b.path.split('/').length);
        const byPath = new Map(places.map((one) => [one.path, one]));
        const { rules } = tierGrants(places, HANDLED, PROJECT.entriesOf);
        for (const [path, kind] of PROJECT.kinds) {
          const wanted = nearest(byPath, path)?.access ?? 'none';
          const rights = rightsAt(rules, path);
          expect([path, rights & ~allowed[wanted]]).toEqual([path, 0n]);
          if (kind === 'file') expect([path, rights & needed[wanted]]).toEqual([path, needed[wanted]]);
        }
      }),
      { numRuns: 500 },
    );
  });
});

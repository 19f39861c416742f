import { describe, expect, test } from 'vitest';
import type { PathRule } from '../../policy/types.ts';
import { guardNames, scanMatches, scanRequest } from './guarded-names.ts';
import { findPlaces, type PathKind } from './places.ts';
import { FACTS, policyOf, rule } from './plan-cases.fixture.ts';

function guarded(rules: readonly PathRule[], existing: Readonly<Record<string, PathKind>>) {
  const policy = policyOf(rules);
  const known = new Map(Object.entries(existing));
  const facts = { ...FACTS, homeFiles: [] };
  const places = findPlaces({ policy, facts, matches: [], existing: known });
  return guardNames({ policy, places, existing: known });
}

const TREE = { '/w': 'directory' } as const;
const hostRun = { category: 'host-run' } as const;

describe('guarded names', () => {
  test('are the named end of a glob, beneath its literal beginning', () => {
    expect(guarded([rule('/w', 'write'), rule('/w/**/.git/hooks', 'read', hostRun)], TREE)).toEqual([
      { components: ['.git', 'hooks'], root: '/w', except: [], kind: 'any', rule: 1 },
    ]);
  });

  test('keep the exceptions and the kind of their rule', () => {
    const more = { ...hostRun, kind: 'file', except: ['node_modules'] } as const;
    expect(guarded([rule('/w', 'write'), rule('/w/**/.git', 'read', more)], TREE)).toEqual([
      { components: ['.git'], root: '/w', except: ['node_modules'], kind: 'file', rule: 1 },
    ]);
  });

  test('are several where a glob has alternatives', () => {
    const names = guarded([rule('/w', 'write'), rule('/w/**/{.env,.env.*}', 'none')], TREE);
    expect(names.map((name) => name.components)).toEqual([['.env'], ['.env.*']]);
  });

  test('stay tied to what stands before a second **', () => {
    const names = guarded([rule('/w', 'write'), rule('/w/**/.git/modules/**/hooks', 'read', hostRun)], TREE);
    expect(names.map((name) => name.components.join('/'))).toEqual([
      '.git/modules/hooks',
      '.git/modules/*/hooks',
      '.git/modules/*/*/hooks',
      '.git/modules/*/*/*/hooks',
      '.git/modules/*/*/*/*/hooks',
    ]);
  });

  test('carry the whole path where a glob is anchored, so that a deeper namesake is free', () => {
    expect(guarded([rule('/w', 'write'), rule('/w/keys/*.pem', 'none')], TREE)).toEqual([
      { components: ['w', 'keys', '*.pem'], root: '/w/keys', except: [], kind: 'any', rule: 1 },
    ]);
  });

  test('hold a denied path that does not exist, and let one that exists to its mask', () => {
    const rules = [rule('/w', 'write'), rule('/w/a[1]', 'none', { glob: false }), rule('/w/there', 'none')];
    expect(guarded(rules, { ...TREE, '/w/there': 'file' })).toEqual([
      { components: ['w', 'a[[]1]'], root: '/w', except: [], kind: 'any', rule: 1 },
    ]);
  });

  test('leave out an absent path that lies where nothing can be made', () => {
    expect(guarded([rule('/w', 'read'), rule('/w/x', 'none')], TREE)).toEqual([]);
  });

  test('hold the place of a link that leads to something protected', () => {
    const link = rule('/w/.bashrc', 'read', { resolved: '/w/dotfiles/bashrc', links: ['/w/.bashrc'] });
    expect(guarded([rule('/w', 'write'), link], { ...TREE, '/w/dotfiles/bashrc': 'file' })).toEqual([
      { components: ['w', '.bashrc'], root: '/w', except: [], kind: 'any', rule: 1 },
    ]);
  });

  test('give way to a grant of the same names by a person', () => {
    const rules = [rule('/w', 'write'), rule('/w/**/.vscode', 'read', hostRun)];
    expect(guarded(rules, TREE)).toHaveLength(1);
    expect(guarded([...rules, rule('/w/**/.vscode', 'write', { scope: 'flag' })], TREE)).toEqual([]);
  });
});

describe('the scan', () => {
  const policy = policyOf([
    rule('/usr', 'read'),
    rule('/tmp', 'write', { category: 'private' }),
    rule('/w', 'write', { category: 'project' }),
    rule('/w/sub', 'write', { category: 'setting' }),
    rule('/w/**/.git/hooks', 'read', { ...hostRun, except: ['node_modules'] }),
    rule('/w/**/{.env,*.pem}', 'none', { scope: 'flag' }),
    rule('/w/secrets', 'none', { scope: 'flag' }),
  ]);

  test('walks the outermost trees that a glob reaches into, and asks for last components', () => {
    expect(scanRequest(policy)).toEqual({ roots: ['/w'], patterns: ['*.pem', '.env', 'hooks', 'secrets'] });
  });

  test('walks the system only when a person means it, and no more of it than that', () => {
    const rules = [rule('/usr', 'read'), rule('/**/.env', 'none')];
    expect(scanRequest(policyOf(rules)).roots).toEqual([]);
    const own = rule('/usr/share/**/.env', 'none', { scope: 'flag' });
    expect(scanRequest(policyOf([...rules, own])).roots).toEqual(['/usr/share']);
  });

  test('keeps the hits that a rule means, whole', () => {
    const hit = (path: string, directory = true) => ({ path, directory, extra: 1 });
    const hits = [
      hit('/w/.git/hooks'),
      hit('/w/src/hooks'),
      hit('/w/node_modules/x/.git/hooks'),
      hit('/w/.env', false),
      hit('/w/secrets'),
      hit('/w/deep/secrets'),
    ];
    expect(scanMatches(policy, hits).map(({ path }) => path)).toEqual([
      '/w/.git/hooks',
      '/w/.env',
      '/w/secrets',
    ]);
    expect(scanMatches(policy, hits)[0]).toBe(hits[0]);
  });

  test('leaves out what a person opened again', () => {
    const rules = [rule('/w', 'write'), rule('/w/**/.vscode', 'read', hostRun)];
    const hits = [{ path: '/w/.vscode', directory: true }];
    expect(scanMatches(policyOf(rules), hits)).toEqual(hits);
    expect(scanMatches(policyOf([...rules, rule('/w/.vscode', 'write', { scope: 'flag' })]), hits)).toEqual(
      [],
    );
  });
});

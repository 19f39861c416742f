import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compileComponent } from '../policy/glob-component.ts';
import { makeTree, type Tree } from './host.fixture.ts';
import type { TreeScan } from './scan-findings.ts';
import { scanTrees } from './tree-scan.ts';

let tree: Tree;
beforeEach(async () => {
  tree = await makeTree([]);
});
afterEach(() => {
  // Not rmSync: it cannot name what lies deeper than PATH_MAX.
  spawnSync('rm', ['-rf', tree.root]);
});

async function plant(...entries: readonly string[]): Promise<void> {
  await tree[Symbol.asyncDispose]();
  tree = await makeTree(entries);
}

function found(patterns: readonly string[]): string[] {
  return scanTrees({ roots: [tree.root], patterns })
    .hits.map(({ path, directory }) => `${path.slice(tree.root.length + 1)}${directory ? '/' : ''}`)
    .sort();
}

describe('a scan', () => {
  test('finds files and directories by name, at any depth and in any case', async () => {
    await plant('.git/hooks/', 'a/b/.GIT/Hooks/', 'a/hooks', 'other/', 'a/x.PEM', 'a/pem');
    expect(found(['hooks', '*.pem'])).toEqual(['.git/hooks/', 'a/b/.GIT/Hooks/', 'a/hooks', 'a/x.PEM']);
  });

  test('tells a link by its name and never follows it', async () => {
    await plant('real/.env', 'aside/.env', '.vscode -> aside', 'loop -> .');
    expect(found(['.env', '.vscode'])).toEqual(['.vscode', 'aside/.env', 'real/.env']);
    expect(scanTrees({ roots: [tree.at('.vscode')], patterns: ['.env'] })).toMatchObject({
      hits: [],
      missing: [tree.at('.vscode')],
    });
  });

  test('passes over the stores of git, and only those', async () => {
    await plant(
      ...['.git/objects/.env', '.git/logs/.env', '.git/lfs/.env', 'objects/.env', '.git/modules/.env'],
      ...['.git/objects/info/.env', '.git/objects/ab/.env'],
    );
    expect(found(['.env'])).toEqual([
      '.git/modules/.env',
      '.git/objects/.env',
      '.git/objects/info/.env',
      'objects/.env',
    ]);
  });

  test('keeps names beyond ASCII, and reports those that are not UTF-8', async () => {
    await plant('é/.env', '文/x');
    mkdirSync(Buffer.concat([Buffer.from(`${tree.root}/`), Buffer.from([0xff])]));
    writeFileSync(
      Buffer.concat([Buffer.from(`${tree.root}/`), Buffer.from([0xff]), Buffer.from('/.env')]),
      '',
    );
    const { hits, unnameable } = scanTrees({ roots: [tree.root], patterns: ['.env', '文'] });
    expect(hits.map(({ path }) => path).sort()).toEqual([tree.at('é/.env'), tree.at('文')]);
    expect(unnameable).toEqual([{ path: tree.at('\ufffd/.env'), directory: false, unseen: false }]);
  });

  test('says which directory each root was', async () => {
    await plant('a/', 'b/');
    const { walked } = scanTrees({ roots: [tree.at('a'), tree.at('b')], patterns: [] });
    expect([...walked]).toEqual(
      ['a', 'b'].map((name) => {
        const { dev: device, ino: inode } = statSync(tree.at(name), { bigint: true });
        return [tree.at(name), { device, inode }];
      }),
    );
  });

  test('says that a root is gone', () => {
    const { missing, walked } = scanTrees({ roots: [tree.at('gone')], patterns: [] });
    expect({ missing, walked: [...walked] }).toEqual({ missing: [tree.at('gone')], walked: [] });
  });

  test('stops at its limit and says so', async () => {
    await plant('a/1', 'a/2', 'b/1', 'b/2');
    const scan = (limit: number) => scanTrees({ roots: [tree.root], patterns: [], limit });
    expect(scan(6)).toMatchObject({ entries: 6, cutShort: false });
    expect(scan(5)).toMatchObject({ cutShort: true });
  });

  test('names the last directory whose entries no path can reach', () => {
    const start = process.cwd();
    const name = 'd'.repeat(250);
    let depth = tree.root.length;
    try {
      process.chdir(tree.root);
      for (; depth < 4500; depth += name.length + 1) {
        mkdirSync(name);
        process.chdir(name);
        writeFileSync('.env', '');
      }
    } finally {
      process.chdir(start);
    }
    const { hits, unseen } = scanTrees({ roots: [tree.root], patterns: ['.env'] });
    const reachable = Math.floor((4095 - tree.root.length) / (name.length + 1));
    expect(unseen).toEqual([join(tree.root, ...Array<string>(reachable).fill(name))]);
    expect(hits).toHaveLength(reachable);
  });

  test('lets no name pass that either kind of rule means', () => {
    const character = fc.constantFrom('a', 'A', 'é', 'É', 'ſ', '\u200c', '.', '{', '-');
    const word = fc
      .string({ unit: character, minLength: 1, maxLength: 4 })
      .filter((each) => !/^\.\.?$/.test(each));
    const pattern = fc.string({
      unit: fc.oneof(character, fc.constantFrom('*', '?', '[a-é]')),
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(word, pattern, fc.boolean(), (name, wanted, ignoreCase) => {
        const meant = compileComponent(wanted, ignoreCase).matches(name);
        fc.pre(meant);
        mkdirSync(tree.at(name));
        try {
          expect(found([wanted])).toEqual([`${name}/`]);
        } finally {
          rmSync(tree.at(name), { recursive: true });
        }
      }),
    );
  });
});

describe('a scan since another', () => {
  /** As if nothing had changed for a while, and then beyond the kernel's tick. */
  async function scanned(): Promise<TreeScan> {
    const first = scanTrees({ roots: [tree.root], patterns: PATTERNS, now: Date.now() + 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    return first;
  }
  const PATTERNS = ['.env', '.git'];
  const again = (since: TreeScan) => scanTrees({ roots: [tree.root], patterns: PATTERNS, since });
  const paths = ({ hits }: TreeScan) => hits.map(({ path }) => path.slice(tree.root.length + 1)).sort();

  test('reads nothing where nothing changed, and tells and counts the same', async () => {
    await plant('a/b/.env', 'a/c/x', '.git/hooks/', 'd');
    const first = await scanned();
    const second = again(first);
    expect([first.read, second.read]).toEqual([6, 0]);
    expect([paths(first), paths(second)]).toEqual([
      ['.git', 'a/b/.env'],
      ['.git', 'a/b/.env'],
    ]);
    expect([second.entries, second.directories]).toEqual([first.entries, first.directories]);
  });

  test('reads everything again where the directories had changed just before the first', async () => {
    await plant('a/b/.env');
    const first = scanTrees({ roots: [tree.root], patterns: PATTERNS });
    expect(paths(again(first))).toEqual(['a/b/.env']);
  });

  test('finds what was made, moved in and renamed, though the time of modification was set back', async () => {
    await plant('old/deep/x', 'aside/.env', 'aside/sub/.env', 'plain', 'there/x');
    const then = new Date(1_700_000_000_000);
    utimesSync(tree.at('old/deep'), then, then);
    const first = await scanned();
    writeFileSync(tree.at('old/deep/.env'), '');
    utimesSync(tree.at('old/deep'), then, then);
    renameSync(tree.at('aside'), tree.at('there/aside'));
    renameSync(tree.at('plain'), tree.at('.git'));
    expect(statSync(tree.at('old/deep')).mtime).toEqual(then);
    expect(paths(again(first))).toEqual([
      '.git',
      'old/deep/.env',
      'there/aside/.env',
      'there/aside/sub/.env',
    ]);
  });

  test('finds what is in a directory that took the place of another', async () => {
    await plant('a/x', 'b/.env');
    const first = await scanned();
    renameSync(tree.at('a'), tree.at('c'));
    renameSync(tree.at('b'), tree.at('a'));
    expect(paths(again(first))).toEqual(['a/.env']);
  });

  test('after any changes, finds the same as one that knows nothing', async () => {
    const name = fc.constantFrom('p', 'q', '.env', '.git');
    const place = fc.array(fc.constantFrom('p', 'q', 'r'), { maxLength: 3 }).map((parts) => parts.join('/'));
    const act = fc.oneof(
      fc.record({ op: fc.constant('file' as const), place, name }),
      fc.record({ op: fc.constant('directory' as const), place, name }),
      fc.record({ op: fc.constant('remove' as const), place, name }),
      fc.record({ op: fc.constant('move' as const), place, name, to: place, as: name }),
    );
    const perform = (acts: readonly (typeof act extends fc.Arbitrary<infer A> ? A : never)[]) => {
      for (const each of acts) {
        const path = join(tree.root, each.place, each.name);
        try {
          if (each.op === 'file') writeFileSync(path, '');
          else if (each.op === 'directory') mkdirSync(path, { recursive: true });
          else if (each.op === 'remove') rmSync(path, { recursive: true, force: true });
          else renameSync(path, join(tree.root, each.to, each.as));
        } catch {
          // Of random acts some cannot be done; what was done is what both scans find.
        }
      }
    };
    const acts = fc.array(act, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(acts, acts, async (earlier, later) => {
        await plant();
        perform(earlier);
        const first = await scanned();
        perform(later);
        const whole = scanTrees({ roots: [tree.root], patterns: PATTERNS });
        const since = again(first);
        expect(paths(since)).toEqual(paths(whole));
        expect([since.entries, since.directories]).toEqual([whole.entries, whole.directories]);
      }),
      { numRuns: 60 },
    );
  });
});

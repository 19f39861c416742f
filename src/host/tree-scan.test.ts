import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compileComponent } from '../policy/glob-component.ts';
import { makeTree, type Tree } from './host.fixture.ts';
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
    await plant('.git/objects/.env', '.git/logs/.env', '.git/lfs/.env', 'objects/.env', '.git/modules/.env');
    expect(found(['.env'])).toEqual(['.git/modules/.env', 'objects/.env']);
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

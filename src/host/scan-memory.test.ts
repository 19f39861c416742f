import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTree, type Tree } from './host.fixture.ts';
import type { TreeScan } from './scan-findings.ts';
import { ScanMemory } from './scan-memory.ts';
import { scanTrees } from './tree-scan.ts';

const PATTERNS = ['.env', '.vscode'];
const LATER = 60_000;

let tree: Tree;
let state: Tree;
beforeEach(async () => {
  const many = Array.from({ length: 1000 }, (_, index) => `many/${index % 40}/${index}`);
  tree = await makeTree([...many, 'a/.env', 'a/b/x', '__proto__/.vscode/', 'plain/12/.env']);
  mkdirSync(Buffer.concat([Buffer.from(`${tree.root}/a/`), Buffer.from([0xff, 0xc3])]));
  state = await makeTree([]);
});
afterEach(async () => {
  await tree[Symbol.asyncDispose]();
  await state[Symbol.asyncDispose]();
});

function memory(patterns: readonly string[] = PATTERNS): ScanMemory {
  // Whatever file system the tests are on.
  return new ScanMemory(state.root, { roots: [tree.root], patterns }, () => true);
}

/** As a run whose trees had changed long before it would do it. */
function run(patterns: readonly string[] = PATTERNS): TreeScan {
  const kept = memory(patterns);
  const scan = scanTrees({ roots: [tree.root], patterns, since: kept.since, now: Date.now() + LATER });
  kept.keep(scan, scan.read);
  return scan;
}

function hits({ hits: found }: TreeScan): string[] {
  return found.map(({ path }) => path.slice(tree.root.length + 1)).sort();
}

const files = () => readdirSync(join(state.root, 'scans'));

test('the next run reads no directory, and finds and counts the same', () => {
  const [first, second] = [run(), run()];
  expect(first.read).toBe(first.directories);
  expect(second.read).toBe(0);
  expect(hits(first)).toEqual(['__proto__/.vscode', 'a/.env', 'plain/12/.env']);
  expect(hits(second)).toEqual(hits(first));
  expect([second.entries, second.directories]).toEqual([first.entries, first.directories]);
});

test('finds what was made, moved and removed between two runs, whatever its time of modification says', async () => {
  run();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const then = new Date(1_700_000_000_000);
  writeFileSync(tree.at('many/7/.env'), '');
  utimesSync(tree.at('many/7'), then, then);
  renameSync(tree.at('a'), tree.at('many/8/a'));
  rmSync(tree.at('plain/12/.env'));
  expect(hits(run())).toEqual(['__proto__/.vscode', 'many/7/.env', 'many/8/a/.env']);
});

test('a directory that is like the remembered one in all but its number is read', () => {
  run();
  const [name] = files();
  const path = join(state.root, 'scans', name!);
  const inode = statSync(tree.at('a')).ino;
  const text = readFileSync(path, 'utf8');
  const another = text.replaceAll(`"${inode}"`, '"1"');
  expect(another).not.toBe(text);
  writeFileSync(path, another);
  expect(run().read).toBe(1);
});

test('is kept for nobody else to read, and written only when much had to be read', () => {
  run();
  const [name] = files();
  const path = join(state.root, 'scans', name!);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const { ino } = statSync(path);
  writeFileSync(tree.at('many/7/new'), '');
  expect(run().read).toBe(1);
  expect(statSync(path).ino).toBe(ino);
  for (let index = 0; index < 40; index++) writeFileSync(tree.at(`many/${index}/new`), '');
  run();
  expect(statSync(path).ino).not.toBe(ino);
});

test('other patterns are looked for everywhere', () => {
  run();
  expect(hits(run(['x']))).toEqual(['a/b/x']);
});

test.each([
  ['nothing', ''],
  ['a part', '{"version":1,"patterns":[".env",".vscode"],"roots":{"/x":["1",["2"'],
  ['another shape', '{"version":1,"patterns":[".env",".vscode"],"roots":{"/x":["1",[{}]]}}'],
  ['another version', '{"version":0,"patterns":[".env",".vscode"],"roots":{}}'],
])('a file that holds %s is not believed, and is replaced', (_what, text) => {
  const first = run();
  const [name] = files();
  writeFileSync(join(state.root, 'scans', name!), text);
  expect(memory().since).toBeUndefined();
  expect(run().read).toBe(first.directories);
  expect(run().read).toBe(0);
});

test('nothing is kept of a small tree, nor where the times of a file system do not outlive its mount', async () => {
  const small = await makeTree(['a/.env']);
  const request = { roots: [small.root], patterns: PATTERNS };
  const scan = scanTrees(request);
  new ScanMemory(state.root, request).keep(scan, scan.read);
  expect(readdirSync(state.root)).toEqual([]);
  await small[Symbol.asyncDispose]();

  const here = { roots: [tree.root], patterns: PATTERNS };
  const whole = scanTrees(here);
  new ScanMemory(state.root, here, () => false).keep(whole, whole.read);
  expect(memory().since?.seen.size).toBe(0);
});

test('the memories of projects that were not used for long are forgotten', () => {
  run();
  const [own] = files();
  for (let index = 0; index < 40; index++) {
    const path = join(state.root, 'scans', `${index}.json`);
    writeFileSync(path, '');
    utimesSync(path, index, index);
  }
  for (let index = 0; index < 40; index++) writeFileSync(tree.at(`many/${index}/new`), '');
  run();
  expect(files()).toHaveLength(32);
  expect(files()).toContain(own);
  expect(files()).toContain('39.json');
});

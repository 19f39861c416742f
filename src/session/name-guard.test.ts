import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { NameGuard, type Quarantined } from './name-guard.ts';

const made: string[] = [];
const scratch = (parent: string) => {
  const path = mkdtempSync(join(parent, 'pinfold-guard-'));
  made.push(path);
  return path;
};
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

// /dev/shm is a file system of its own: what is caught is copied and removed instead of renamed.
test.each(['/dev/shm', '/var/tmp'])(
  'what slipped past is moved from /var/tmp to %s, a socket in it is left out',
  async (to) => {
    const tree = scratch('/var/tmp');
    const path = join(tree, '.vscode');
    mkdirSync(path);
    writeFileSync(join(path, 'tasks.json'), 'run me');
    const server = createServer().listen(join(path, 'socket'));
    const caught: Quarantined[] = [];
    const guard = new NameGuard({
      roots: [tree],
      before: [],
      guarded: (entries) => entries,
      quarantineDir: join(scratch(to), 'quarantine'),
      onCaught: (one) => caught.push(one),
    });
    await guard.sweep([{ path, directory: true }]);
    server.close();
    expect(existsSync(path)).toBe(false);
    expect(caught.map((one) => one.path)).toEqual([path]);
    expect(readFileSync(join(caught[0]!.movedTo, 'tasks.json'), 'utf8')).toBe('run me');
  },
);

test('what was there and came along with its directory stays, what was put there since does not', async () => {
  const tree = scratch('/var/tmp');
  const at = (name: string) => ({ path: join(tree, name), directory: false });
  mkdirSync(join(tree, 'a'));
  for (const name of ['a/.npmrc', 'a/.envrc']) writeFileSync(join(tree, name), 'mine');
  const caught: string[] = [];
  const guard = new NameGuard({
    roots: [],
    before: [at('a/.npmrc'), at('a/.envrc')],
    guarded: (entries) => entries,
    quarantineDir: join(scratch('/var/tmp'), 'quarantine'),
    onCaught: ({ path }) => caught.push(path),
  });
  renameSync(join(tree, 'a'), join(tree, 'b'));
  writeFileSync(join(tree, 'b/.envrc'), 'changed');
  writeFileSync(join(tree, 'b/.mcp.json'), 'new');
  await guard.sweep([at('b/.npmrc'), at('b/.envrc'), at('b/.mcp.json')]);
  expect(caught).toEqual([at('b/.envrc').path, at('b/.mcp.json').path]);
  expect(readFileSync(join(tree, 'b/.npmrc'), 'utf8')).toBe('mine');
});

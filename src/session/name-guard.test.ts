import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

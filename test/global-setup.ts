/** Prepares what the whole-program tests share: a current build, a copy that anyone may read, and the users to run as. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import type { TestUser } from './fixtures/as-user.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TEST_USER = 'pinfold-test';

function run(command: string, args: readonly string[]): void {
  const { error, status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

function lookUp(name: string): TestUser | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  if (line === undefined) return undefined;
  const fields = line.split(':');
  return {
    label: 'an unprivileged user',
    name,
    uid: Number(fields[2]),
    gid: Number(fields[3]),
    home: fields[5]!,
  };
}

function unprivilegedUser(): TestUser {
  const existing = lookUp(TEST_USER);
  if (existing !== undefined) return existing;
  try {
    run('useradd', ['--create-home', '--shell', '/bin/sh', TEST_USER]);
  } catch (error) {
    // Another test run may have made the same user a moment ago.
    if (lookUp(TEST_USER) === undefined) throw error;
  }
  return lookUp(TEST_USER)!;
}

/**
 * Both halves when we are root. Otherwise the current user alone, which CI must not mistake for the whole: there it is
 * a failure.
 */
function users(): TestUser[] {
  const { uid, gid, homedir, username } = userInfo();
  const current = { name: username, uid, gid, home: homedir };
  if (uid === 0) return [{ label: 'root', ...current }, unprivilegedUser()];
  if (process.env.CI === 'true')
    throw new Error('CI must run the tests as root, or their root half is missing');
  process.stderr.write('Not run: the root half of the whole-program tests (we are not root).\n');
  return [{ label: 'an unprivileged user', ...current }];
}

function reachableByAnyone(path: string): boolean {
  for (let at = path; at !== '/'; at = dirname(at)) if ((statSync(at).mode & 0o001) === 0) return false;
  return true;
}

/** The checkout may lie where the unprivileged user cannot go (`/root`), and so may Node; the copy never does. */
function publish(): { install: string; node: string } {
  const install = mkdtempSync(join(tmpdir(), 'pinfold-install-'));
  chmodSync(install, 0o755);
  cpSync(join(ROOT, 'package.json'), join(install, 'package.json'));
  if (existsSync(join(ROOT, 'dist'))) cpSync(join(ROOT, 'dist'), join(install, 'dist'), { recursive: true });
  const node = realpathSync(process.execPath);
  if (reachableByAnyone(node)) return { install, node };
  cpSync(node, join(install, 'node'));
  return { install, node: join(install, 'node') };
}

export default function setup(project: TestProject): () => void {
  run(process.execPath, [join(ROOT, 'scripts/build.mjs')]);
  const { install, node } = publish();
  project.provide('users', users());
  project.provide('install', install);
  project.provide('node', node);
  return () => rmSync(install, { recursive: true, force: true });
}

/** Claims about the course of a run on macOS, with a system that starts the command without a boundary. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Profile } from '../../test/fixtures/sbpl.ts';
import { unconfinedMac } from '../../test/fixtures/unconfined-mac.ts';
import { type MacSystem, spellingFromMounts } from '../platform/macos/sandbox-exec.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { mergePolicy } from '../policy/merge.ts';
import type { SettingsLayer } from '../policy/types.ts';
import { denialsOf } from './macos-denials.ts';
import { macFacts } from './macos-profile.ts';
import { runOnMac } from './macos-run.ts';
import type { LoadedPolicy } from './types.ts';

let root = '';
let loaded: LoadedPolicy;

function load(said: Partial<SettingsLayer> = {}): LoadedPolicy {
  const homeDir = join(root, 'home');
  const facts: HostFacts = {
    homeDir,
    projectDir: join(root, 'project'),
    privateHome: join(root, 'private-home'),
    runtime: [{ path: '/usr', why: 'programs' }],
    toolchains: [],
    gitConfig: [join(homeDir, '.gitconfig')],
    homeFiles: [{ source: join(homeDir, '.gitconfig'), target: join(root, 'private-home/.gitconfig') }],
    macos: macFacts(join(root, 'temp')),
    pinfold: {
      configDir: join(homeDir, 'c'),
      stateDir: join(root, 'state'),
      dataDir: join(homeDir, 'd'),
      installDir: '/opt/p',
    },
  };
  const layers: SettingsLayer[] = [{ scope: 'user', trusted: true, ...said }];
  return { facts, layers, policy: mergePolicy({ layers, facts, now: new Date() }) };
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pinfold-mac-')));
  for (const name of ['home', 'project', 'private-home', 'state']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'home/.gitconfig'), '');
  loaded = load();
});
afterEach(() => rmSync(root, { recursive: true }));

function run(system: MacSystem, ...argv: readonly string[]) {
  const options = { launcherPath: '', environment: { PATH: '/usr/bin:/bin' } };
  return runOnMac(loaded, { argv, cwd: join(root, 'project') }, options, {}, system);
}

describe('a run', () => {
  test('passes on how the command ended', async () => {
    expect(await run(unconfinedMac(), '/bin/sh', '-c', 'exit 7')).toMatchObject({
      ending: { kind: 'exited', code: 7 },
      enforcement: [{ mechanism: 'sandbox-profile', state: 'full' }, { mechanism: 'name-guard' }],
      breached: false,
    });
    expect((await run(unconfinedMac(), '/bin/sh', '-c', 'kill -9 $$')).ending).toEqual({
      kind: 'killed',
      signal: 9,
    });
  });

  test('gives a temporary directory and takes it away', async () => {
    const system = unconfinedMac();
    await run(system, '/bin/sh', '-c', 'echo "$TMPDIR" > out; touch "$TMPDIR/file"');
    expect(readFileSync(join(root, 'project/out'), 'utf8')).toBe(`${root}/temp/\n`);
    expect(existsSync(join(root, 'temp'))).toBe(false);
  });

  test('shows the git settings in the private home, where the profile lets them be read', async () => {
    const system = unconfinedMac();
    await run(system, '/bin/true');
    expect(readlinkSync(join(root, 'private-home/.gitconfig'))).toBe(join(root, 'home/.gitconfig'));
    const profile = new Profile(system.started[0]!.profile);
    const source = join(root, 'home/.gitconfig');
    expect(profile.allows({ operation: 'file-read-data', path: realMac(source) })).toBe(true);
    expect(profile.allows({ operation: 'file-write-data', path: realMac(source) })).toBe(false);
  });

  test('reports nothing as enforced when the profile was not confirmed', async () => {
    await expect(run(unconfinedMac({ confirms: false }), '/bin/true')).rejects.toMatchObject({
      code: 'ERR_SETUP_FAILED',
      why: 'sandbox-exec ended with 65 before the command was started',
    });
    expect(existsSync(join(root, 'temp'))).toBe(false);
  });

  test('quarantines a protected name that came in with a directory, and says so', async () => {
    const outcome = await run(
      unconfinedMac(),
      '/bin/sh',
      '-c',
      'mkdir -p x/.git/hooks; touch x/.git/hooks/pre-commit',
    );
    expect(outcome.breached).toBe(true);
    expect(existsSync(join(root, 'project/x/.git/hooks'))).toBe(false);
    expect(outcome.violations.length).toBeGreaterThan(0);
  });

  test('leaves protected names that were there, and keeps their directories in place', async () => {
    mkdirSync(join(root, 'project/sub/.git/hooks'), { recursive: true });
    const system = unconfinedMac();
    expect((await run(system, '/bin/true')).breached).toBe(false);
    const profile = new Profile(system.started[0]!.profile);
    const unlink = (name: string) =>
      profile.allows({
        operation: 'file-write-unlink',
        path: realMac(join(root, 'project', name)),
        vnodeType: 'DIRECTORY',
      });
    expect(unlink('sub')).toBe(false);
    expect(unlink('other')).toBe(true);
  });

  test('tells refusals of the log as violations', async () => {
    const path = join(root, 'home/.ssh/id');
    const report = { program: 'cat', pid: 7, operation: 'file-read-data', target: path, count: 1 };
    const { violations } = await run(unconfinedMac({ reports: [report] }), '/bin/true');
    expect(violations).toMatchObject([
      { denial: { act: 'read', subject: { kind: 'path', path }, observer: 'log' } },
    ]);
  });

  test('is refused with a limit that macOS does not keep', async () => {
    loaded = load({ limits: { memory: { value: 1e9, origin: { scope: 'user', text: 'memory' } } } });
    await expect(run(unconfinedMac(), '/bin/true')).rejects.toMatchObject({ what: 'Cannot limit memory' });
  });
});

/** This test's directory may lie in /tmp, which a profile knows by another name. */
function realMac(path: string): string {
  return /^\/(tmp|var|etc)\//.test(path) ? `/private${path}` : path;
}

test.each([
  ['file-write-create', '/p/x', { act: 'create', subject: { kind: 'path', path: '/p/x' } }],
  [
    'network-outbound',
    '*:443',
    { act: 'connect', subject: { kind: 'host', host: '*', port: 443 }, remedy: { kind: 'none' } },
  ],
  [
    'network-outbound',
    'localhost:5432',
    { act: 'connect', subject: { kind: 'host', host: 'localhost', port: 5432 } },
  ],
  ['network-outbound', '/private/var/run/docker.sock', { act: 'connect', subject: { kind: 'socket' } }],
  ['process-exec*', '/usr/bin/sudo', { act: 'execute', subject: { kind: 'path' } }],
])('a report of %s on %s becomes a denial', (operation, target, denial) => {
  expect(denialsOf({ program: 'a', pid: 1, operation, target, count: 1 }, loaded.policy)).toMatchObject([
    denial,
  ]);
});

test('a volume that is not APFS is compared as HFS Plus', () => {
  const mounts =
    '/dev/disk3s1s1 on / (apfs, sealed, local)\n/dev/disk4 on /Volumes/old one (hfs, local, nodev)\n';
  expect(spellingFromMounts(mounts, '/Users/ada')).toBe('apfs');
  expect(spellingFromMounts(mounts, '/Volumes/old one/code')).toBe('hfs');
});

import { describe, expect, test } from 'vitest';
import { readCalls } from './call-list.fixture.ts';
import type { Ground } from './ground.ts';
import { hideCalls, mountsBeneath, showCalls, standingOf } from './live-mounts.ts';
import type { MountStep } from './plan.ts';

const bind = (path: string): MountStep => ({ op: 'bind', source: path, target: path, writable: false });
const MOUNTS: readonly MountStep[] = [
  { op: 'tmpfs', target: '/', mode: 0o755 },
  bind('/usr'),
  { op: 'tmpfs', target: '/tmp', mode: 0o1777 },
  { op: 'tripwire', source: '0', target: '/home' },
  bind('/home/ada/app'),
  { op: 'mask', target: '/home/ada/app/secret' },
  { op: 'seal', target: '/' },
];
const GROUND: Ground = { arch: 'x64', kindOf: () => 'directory' };

describe('where a path stands', () => {
  test.each([
    ['/srv/data', { kind: 'bare', mount: '/' }],
    ['/home/ada/data', { kind: 'watched', mount: '/home' }],
    ['/home/ada/app/src', { kind: 'shown' }],
    ['/home/ada/app/secret', { kind: 'covered' }],
    ['/home/ada/app/secret/deep', { kind: 'closed', by: '/home/ada/app/secret' }],
    ['/tmp/x', { kind: 'closed', by: '/tmp' }],
  ])('%s', (path, standing) => {
    expect(standingOf({ mounts: MOUNTS }, path)).toEqual(standing);
  });

  test('what is mounted beneath a path is told', () => {
    expect(mountsBeneath({ mounts: MOUNTS }, '/home/ada')).toEqual(['/home/ada/app', '/home/ada/app/secret']);
    expect(mountsBeneath({ mounts: MOUNTS }, '/srv')).toEqual([]);
  });
});

describe('the calls', () => {
  const standing = { kind: 'bare', mount: '/' } as const;

  test('put a tree together in a copy of the host’s mounts, and attach it as the last thing', () => {
    const calls = readCalls(
      showCalls({ path: '/srv/data', kind: 'directory', standing, steps: [bind('/srv/data')] }, GROUND),
    );
    const names = calls.map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(['setns', 'unshare']);
    expect(names.at(-1)).toBe('move_mount');
    // What the host has is opened before the sandbox's mounts are joined, and never after.
    const joined = names.lastIndexOf('setns');
    expect(calls.findIndex(({ label }) => label === 'open /srv/data')).toBeLessThan(joined);
    expect(
      calls
        .slice(joined)
        .filter(({ name }) => name === 'mkdirat')
        .map(({ args }) => args[1]),
    ).toEqual(['srv', 'srv/data']);
  });

  test('take it away, and what was made for it', () => {
    const calls = readCalls(hideCalls({ path: '/srv/data', kind: 'file', standing }, 'x64'));
    expect(calls.map(({ name, args }) => [name, args.filter((arg) => typeof arg === 'string')[0]])).toEqual([
      ['setns', undefined],
      ['setns', undefined],
      ['umount2', '/srv/data'],
      ['open_tree', '/'],
      ['mount_setattr', ''],
      ['unlinkat', 'srv/data'],
      ['unlinkat', 'srv'],
    ]);
  });
});

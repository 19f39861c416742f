/** Where control groups may be made, from what the kernel says of this process. */
import { expect, test } from 'vitest';
import { groundOf } from './ground.ts';

const mounts = (root: string) =>
  `24 1 0:22 / / rw - ext4 /dev/vda rw\n31 24 0:27 ${root} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n`;

test('names our own group first, and then those above it', () => {
  const groups = '4:memory:/elsewhere\n0::/user.slice/session-1.scope\n';
  expect(groundOf({ mounts: mounts('/'), groups })).toEqual({
    kind: 'found',
    directories: ['/sys/fs/cgroup/user.slice/session-1.scope', '/sys/fs/cgroup/user.slice', '/sys/fs/cgroup'],
  });
});

test('ends where the mount ends', () => {
  expect(groundOf({ mounts: mounts('/'), groups: '0::/\n' })).toEqual({
    kind: 'found',
    directories: ['/sys/fs/cgroup'],
  });
  expect(groundOf({ mounts: mounts('/docker/c1'), groups: '0::/docker/c1/job\n' })).toEqual({
    kind: 'found',
    directories: ['/sys/fs/cgroup/job', '/sys/fs/cgroup'],
  });
});

test('finds none where cgroup v2 is not mounted, or does not show our group', () => {
  expect(groundOf({ mounts: '', groups: '0::/\n' })).toEqual({
    kind: 'none',
    why: 'cgroup v2 is not mounted',
  });
  const why = 'the control group of this process is not shown here';
  expect(groundOf({ mounts: mounts('/docker/c1'), groups: '0::/other\n' })).toEqual({ kind: 'none', why });
  expect(groundOf({ mounts: mounts('/'), groups: '0::/../sibling\n' })).toEqual({ kind: 'none', why });
});

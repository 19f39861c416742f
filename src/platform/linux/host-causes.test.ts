import { describe, expect, test } from 'vitest';
import { type HostView, mountCause, namespaceCause } from './host-causes.ts';

/** A host on which nothing stands in the way, with some files different. */
function host(files: Readonly<Record<string, string | undefined>> = {}, uid = 1000): HostView {
  const ordinary: Readonly<Record<string, string | undefined>> = {
    '/proc/self/uid_map': '0 0 4294967295',
    '/proc/self/status': 'Name:\tnode\nSeccomp:\t0',
    '/proc/sys/user/max_user_namespaces': '63000',
    '/proc/self/mountinfo': '24 1 0:22 / /proc rw - proc proc rw',
    ...files,
  };
  return { uid, read: (path) => ordinary[path] };
}

const COVERED = {
  '/proc/self/mountinfo': '24 1 0:22 / /proc rw - proc proc rw\n25 24 0:23 / /proc/kcore rw - tmpfs none rw',
};
const APPARMOR = { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1' };

describe('what keeps namespaces from being made', () => {
  test.each([
    [
      'a limit of zero',
      'ENOSPC',
      host({ '/proc/sys/user/max_user_namespaces': '0' }),
      'user.max_user_namespaces is 0',
      'sudo sysctl -w user.max_user_namespaces=10000',
    ],
    [
      'a limit of another kind',
      'ENOSPC',
      host({ '/proc/sys/user/max_net_namespaces': '0' }),
      'user.max_net_namespaces is 0',
      'sudo sysctl -w user.max_net_namespaces=10000',
    ],
    ['a limit further out', 'ENOSPC', host(), 'a limit of namespaces is reached', 'outside of any container'],
    [
      'a session of Pinfold around it',
      'EPERM',
      host({ '/proc/self/status': 'Name:\tnode\nSeccomp:\t2', '/run/pinfold/events.jsonl': '' }),
      'inside a session of Pinfold already',
      'Start it outside',
    ],
    [
      'AppArmor',
      'EPERM',
      host(APPARMOR),
      'AppArmor keeps ordinary users from them',
      'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    ],
    [
      "Debian's switch",
      'EPERM',
      host({ '/proc/sys/kernel/unprivileged_userns_clone': '0' }),
      'kernel.unprivileged_userns_clone is 0',
      'sudo sysctl -w kernel.unprivileged_userns_clone=1',
    ],
    [
      'a filter around',
      'EPERM',
      host({ '/proc/self/status': 'Name:\tnode\nSeccomp:\t2' }),
      'a filter of system calls',
      '--security-opt seccomp=unconfined',
    ],
    [
      'a filter around, and a covered /proc that would be next',
      'EPERM',
      host({ '/proc/self/status': 'Name:\tnode\nSeccomp:\t2', ...COVERED }),
      'a filter of system calls',
      'seccomp=unconfined, and systempaths=unconfined (docker) or unmask=ALL (podman)',
    ],
    [
      'a kernel without them',
      'EINVAL',
      host({ '/proc/self/uid_map': undefined }),
      'built without user namespaces',
      'CONFIG_USER_NS=y',
    ],
    ['something unknown', 'EPERM', host(), 'a chroot, or a security module', 'sudo dmesg'],
  ])('is named for %s, with the one thing that mends it', (_, errno, view, why, fix) => {
    expect(namespaceCause(errno, view)).toEqual({
      why: expect.stringContaining(why),
      fix: expect.stringContaining(fix),
    });
  });

  test('is not AppArmor nor the switch for root, whom they exempt', () => {
    const both = { ...APPARMOR, '/proc/sys/kernel/unprivileged_userns_clone': '0' };
    expect(namespaceCause('EPERM', host(both, 0))?.why).toContain('a chroot, or a security module');
  });

  test('is left open for errors that none of these gives', () => {
    expect(namespaceCause('ENOMEM', host(APPARMOR))).toBeUndefined();
  });
});

describe('what keeps mounts from being made in them', () => {
  const proc = { errno: 'EPERM', detail: 'proc /proc' };

  test('is AppArmor, which lets the namespace be made and takes its rights', () => {
    expect(mountCause({ errno: 'EACCES', detail: 'tmpfs /' }, host(APPARMOR))?.fix).toContain('sysctl');
  });

  test('is a /proc that is covered in parts, for a fresh /proc alone', () => {
    const covered = host(COVERED);
    expect(mountCause(proc, covered)?.why).toContain('parts of /proc are covered');
    expect(mountCause({ ...proc, detail: 'bind /usr' }, covered)).toBeUndefined();
    expect(mountCause(proc, host())).toBeUndefined();
    expect(mountCause({ ...proc, errno: 'ENOENT' }, covered)).toBeUndefined();
  });
});

/** System calls that reach past the boundary: the exact answer inside, and a host where the same call does more. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Act, makeWorld, people, type World } from '../fixtures/world.ts';

/** `control`: what the host says instead, to root or to the root of a user namespace of its own. */
interface Refusal {
  readonly act: Act;
  readonly inside: string;
  readonly control: string;
}

/** Callers fall back on ENOSYS and give up on EPERM; so what has an older sibling must look absent. */
const ABSENT: readonly Refusal[] = [
  { act: ['clone3'], inside: 'ENOSYS', control: 'ok' },
  { act: ['openat2', '/'], inside: 'ENOSYS', control: 'ok' },
  { act: ['io_uring_setup'], inside: 'ENOSYS', control: 'ok' },
  { act: ['io_uring_enter'], inside: 'ENOSYS', control: 'EBADF' },
  { act: ['io_uring_register'], inside: 'ENOSYS', control: 'EBADF|EINVAL' },
  { act: ['open_tree'], inside: 'ENOSYS', control: 'ok' },
  { act: ['move_mount'], inside: 'ENOSYS', control: 'EBADF|EINVAL|ENOENT' },
  { act: ['fsopen'], inside: 'ENOSYS', control: 'ok' },
  { act: ['fsconfig'], inside: 'ENOSYS', control: 'EINVAL|EBADF' },
  { act: ['fsmount'], inside: 'ENOSYS', control: 'EBADF' },
  { act: ['fspick'], inside: 'ENOSYS', control: 'ok' },
  { act: ['mount_setattr', '/usr'], inside: 'ENOSYS', control: 'ok|EINVAL' },
];

const FORBIDDEN: readonly Refusal[] = [
  { act: ['unshare-user'], inside: 'EPERM', control: 'ok' },
  { act: ['unshare-mount'], inside: 'EPERM', control: 'ok' },
  { act: ['clone-newuser'], inside: 'EPERM', control: 'ok' },
  { act: ['clone-newns'], inside: 'EPERM', control: 'ok' },
  { act: ['setns'], inside: 'EPERM', control: 'ok' },
  { act: ['mount'], inside: 'EPERM', control: 'ok' },
  { act: ['umount', '/proc'], inside: 'EPERM', control: 'EINVAL|EBUSY|ok' },
  { act: ['chroot'], inside: 'EPERM', control: 'ok' },
  { act: ['pivot_root'], inside: 'EPERM', control: 'EINVAL|EBUSY' },
  { act: ['ptrace-parent'], inside: 'EPERM', control: 'ok' },
  { act: ['process_vm_readv'], inside: 'EPERM', control: 'ok' },
  { act: ['process_vm_writev'], inside: 'EPERM', control: 'ok' },
  { act: ['pidfd_getfd'], inside: 'EPERM', control: 'ok' },
  { act: ['kcmp'], inside: 'EPERM', control: 'ok' },
  { act: ['userfaultfd'], inside: 'EPERM', control: 'ok' },
  { act: ['add_key'], inside: 'EPERM', control: 'ok' },
  { act: ['request_key'], inside: 'EPERM', control: 'ENOKEY|ok' },
  { act: ['keyctl'], inside: 'EPERM', control: 'ok' },
  { act: ['personality'], inside: 'EPERM', control: 'ok' },
];

/** These answer EPERM to everyone who is not root of the host, so only root can show the difference. */
const FORBIDDEN_TO_ROOT: readonly Refusal[] = [
  { act: ['bpf'], inside: 'EPERM', control: 'EINVAL|E2BIG' },
  { act: ['perf_event_open'], inside: 'EPERM', control: 'ok|EINVAL|ENOENT|E2BIG' },
  { act: ['open_by_handle_at'], inside: 'EPERM', control: 'EBADF|EINVAL|ESTALE' },
  { act: ['syslog'], inside: 'EPERM', control: 'ok' },
  { act: ['kexec_load'], inside: 'EPERM', control: 'EINVAL|ENOSYS' },
  { act: ['init_module'], inside: 'EPERM', control: 'EFAULT|ENOEXEC|ENOSYS' },
  { act: ['finit_module'], inside: 'EPERM', control: 'EBADF|ENOSYS' },
  { act: ['delete_module'], inside: 'EPERM', control: 'ENOENT|ENOSYS' },
  { act: ['reboot'], inside: 'EPERM', control: 'EINVAL' },
  { act: ['swapon'], inside: 'EPERM', control: 'ENOENT|ENOSYS' },
  { act: ['acct'], inside: 'EPERM', control: 'ENOENT|ENOSYS' },
  { act: ['settimeofday'], inside: 'EPERM', control: 'EINVAL' },
];

const WORKS: readonly Act[] = [['fork'], ['vfork'], ['posix_spawn'], ['thread'], ['socketpair']];

const root = people.find((person) => person.uid === 0);

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  const answers = (list: readonly Refusal[]): Record<string, string> =>
    Object.fromEntries(list.map(({ act, inside }) => [act[0], inside]));
  const named = (list: readonly Refusal[], results: readonly string[]): Record<string, string> =>
    Object.fromEntries(list.map(({ act }, index) => [act[0], results[index]!]));

  test('calls that have an older sibling look absent', async () => {
    const results = await world.probeInside(ABSENT.map(({ act }) => act));
    expect(named(ABSENT, results)).toEqual(answers(ABSENT));
  });

  test('calls that change namespaces, mounts, keys or other processes are forbidden', async () => {
    const results = await world.probeInside(FORBIDDEN.map(({ act }) => act));
    expect(named(FORBIDDEN, results)).toEqual(answers(FORBIDDEN));
  });

  test('calls that only root of the host may make are forbidden', async () => {
    const results = await world.probeInside(FORBIDDEN_TO_ROOT.map(({ act }) => act));
    expect(named(FORBIDDEN_TO_ROOT, results)).toEqual(answers(FORBIDDEN_TO_ROOT));
  });

  test('the same calls do more on the host, in a scratch namespace', async () => {
    for (const { act, control } of [...ABSENT, ...FORBIDDEN]) {
      // PID 1 of the scratch world is `sh`: an act on its parent stays there.
      const argv = [
        'unshare',
        '-Urmpf',
        '--mount-proc',
        'sh',
        '-c',
        '"$@"; exit $?',
        'sh',
        world.probe,
        ...act,
      ];
      const ran = await world.run(argv);
      expect({ act, code: ran.code, answer: ran.stdout.trim() }).toEqual({
        act,
        code: 0,
        answer: expect.stringMatching(new RegExp(`^(${control})$`)),
      });
    }
  });

  test('a set high half of clone’s flags does not blind the filter', async () => {
    expect(await world.probeInside([['clone-newuser-high']])).toEqual(['EPERM']);
    expect(await world.probeOutside([['clone-newuser-high']])).toEqual(['ok']);
  });

  test('fork, vfork, posix_spawn, threads and socket pairs work', async () => {
    expect(await world.probeInside(WORKS)).toEqual(WORKS.map(() => 'ok'));
  });

  test('the other system call tables of the processor are closed', async () => {
    if (process.arch !== 'x64') return;
    const outside = await world.probeOutside([['x32'], ['int80']]);
    expect(outside.join()).not.toContain('SIGSYS');
    // A kernel without (or booted without) IA32 emulation has no such gate for anybody: the fault comes before any filter.
    const closed = outside[1] === 'SIGSEGV' ? 'SIGSEGV' : 'SIGSYS';
    expect(await world.probeInside([['x32'], ['int80']])).toEqual(['SIGSYS', closed]);
  });

  test('no capability is held, in no set, and none can be gained', async () => {
    const none = '0000000000000000';
    expect(await world.probeInside([['capabilities']])).toEqual([
      `ok:CapInh: ${none} CapPrm: ${none} CapEff: ${none} CapBnd: ${none} CapAmb: ${none} NoNewPrivs: 1`,
    ]);
  });

  test('pushing characters into the terminal is forbidden, with a high bit set too', async () => {
    const acts: Act[] = [['tiocsti'], ['tiocsti-high'], ['tioclinux']];
    expect(await world.probeInside(acts)).toEqual(['EPERM', 'EPERM', 'EPERM']);
    // Standard input is a pipe here, so a call that reaches the kernel answers ENOTTY.
    expect(await world.probeOutside(acts)).toEqual(['ENOTTY', 'ENOTTY', 'ENOTTY']);
  });

  test('setuid programs gain nothing', async () => {
    const ran = await world.shell(
      'ls -ln /usr/bin/su /bin/su 2>/dev/null | head -1; id -u; grep NoNewPrivs /proc/self/status',
    );
    expect(ran.stdout).toContain('NoNewPrivs:\t1');
    // Not even a permission: the namespace has no such user.
    if (person.uid !== 0) expect(await world.probeInside([['setuid-zero']])).toEqual(['EINVAL']);
  });

  test('devices cannot be made, and kernel controls not written', async () => {
    const acts: Act[] = [
      ['device', `${world.project}/device`],
      ['write', '/proc/sys/kernel/core_pattern'],
      ['write', '/proc/sysrq-trigger'],
      ['write', '/proc/sys/kernel/hostname'],
      ['write', '/sys/kernel/uevent_helper'],
      ['read', '/proc/kcore'],
      ['read', '/dev/kmsg'],
      ['read', '/dev/mem'],
    ];
    const [device, ...rest] = await world.probeInside(acts);
    // Landlock's refusal comes before the kernel asks for CAP_MKNOD.
    expect(device).toBe('EACCES');
    for (const answer of rest) expect(['EROFS', 'EACCES', 'ENOENT', 'EPERM']).toContain(answer);
    if (root !== undefined && person.uid === 0) {
      expect(await world.probeOutside([['device', `${world.project}/device`]])).toEqual(['ok']);
    }
  });
});

describe.runIf(root !== undefined)('with root at hand', () => {
  test('the calls forbidden to root are ones that root of the host may make', async () => {
    const world = await makeWorld(root!);
    try {
      for (const { act, control } of FORBIDDEN_TO_ROOT) {
        const [answer] = await world.probeOutside([act]);
        expect(`${act[0]}: ${answer}`).toMatch(new RegExp(`^${act[0]}: (${control})$`));
      }
    } finally {
      world.dispose();
    }
  });
});

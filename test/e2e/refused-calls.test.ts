/** System calls that the filter refuses to everybody: each that programs do not merely probe with is one record, and none goes on. */
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { type Act, compileFixture, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

/** `outside`: what one meets who may make it; undefined where only root may (`syscalls.test.ts` has those). */
interface Call {
  readonly act: Act;
  readonly name: string;
  readonly outside?: string;
}

const CALLS: readonly Call[] = [
  { act: ['mount'], name: 'mount' },
  { act: ['umount', '/proc'], name: 'umount2' },
  { act: ['pivot_root'], name: 'pivot_root' },
  { act: ['chroot'], name: 'chroot' },
  { act: ['setns'], name: 'setns' },
  { act: ['unshare-user'], name: 'unshare', outside: 'ok' },
  { act: ['clone-newuser'], name: 'clone', outside: 'ok' },
  { act: ['ptrace-parent'], name: 'ptrace' },
  { act: ['process_vm_readv'], name: 'process_vm_readv', outside: 'ok' },
  { act: ['process_vm_writev'], name: 'process_vm_writev', outside: 'ok' },
  { act: ['pidfd_getfd'], name: 'pidfd_getfd', outside: 'ok' },
  { act: ['kcmp'], name: 'kcmp', outside: 'ok' },
  { act: ['add_key'], name: 'add_key', outside: 'ok' },
  { act: ['request_key'], name: 'request_key', outside: 'ENOKEY' },
  { act: ['keyctl'], name: 'keyctl', outside: 'ok' },
  { act: ['bpf'], name: 'bpf' },
  { act: ['perf_event_open'], name: 'perf_event_open' },
  { act: ['userfaultfd'], name: 'userfaultfd' },
  { act: ['fanotify_init'], name: 'fanotify_init' },
  { act: ['open_by_handle_at'], name: 'open_by_handle_at' },
  { act: ['syslog'], name: 'syslog' },
  { act: ['kexec_load'], name: 'kexec_load' },
  { act: ['init_module'], name: 'init_module' },
  { act: ['finit_module'], name: 'finit_module' },
  { act: ['delete_module'], name: 'delete_module' },
  { act: ['reboot'], name: 'reboot' },
  { act: ['swapon'], name: 'swapon' },
  { act: ['acct'], name: 'acct' },
  { act: ['quotactl'], name: 'quotactl' },
  { act: ['settimeofday'], name: 'settimeofday' },
  { act: ['tiocsti'], name: 'ioctl' },
  { act: ['personality'], name: 'personality', outside: 'ok' },
  { act: ['seccomp-listener'], name: 'seccomp' },
  { act: ['raw-icmp'], name: 'socket' },
];
/** Allowed, or refused with what libraries take for a kernel that lacks them: programs begin with these. */
const UNTOLD: readonly Act[] = [
  ['fork'],
  ['vfork'],
  ['posix_spawn'],
  ['thread'],
  ['socketpair'],
  ['clone3'],
  ['io_uring_setup'],
  ['openat2', '/'],
  ['open_tree'],
  ['family', '16', '12'],
];

interface Recorded {
  readonly violations: readonly unknown[];
}

function recordsOf({ stderr }: Ran): readonly unknown[] {
  return (JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as Recorded).violations;
}

const words = (acts: readonly Act[]) => acts.flatMap((act, at) => (at === 0 ? [...act] : ['--', ...act]));
const lines = ({ stdout }: Ran) => stdout.trimEnd().split('\n');

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  const told = ({ name }: Call) => ({
    act: 'call',
    subject: { kind: 'syscall', name },
    observer: 'supervisor',
    outcome: 'refused',
    count: 1,
    errno: 1,
    detail: expect.stringMatching(/./),
    actor: expect.objectContaining({ program: world.probe }),
    risk: { level: 'high' },
  });
  const acts = CALLS.map(({ act }) => act);
  const run = (list: readonly Act[], flags: readonly string[] = []) =>
    world.inside([world.probe, ...words(list)], ['--allow', `${world.root}/bin:ro`, '--json', ...flags]);

  test('each is refused, and is one record with its name, its program and why', async () => {
    const ran = await run(acts);
    expect(lines(ran)).toEqual(acts.map(() => 'EPERM'));
    expect(recordsOf(ran)).toMatchObject(CALLS.map(told));
    const outside = CALLS.filter(({ outside: can }) => can !== undefined);
    expect(await world.probeOutside(outside.map(({ act }) => act))).toEqual(
      outside.map(({ outside: met }) => met),
    );
  });

  test('what is allowed, and what programs probe a kernel with, is no record', async () => {
    const ran = await run(UNTOLD);
    expect(lines(ran)).not.toContain('EPERM');
    expect(recordsOf(ran)).toEqual([]);
  });

  test('it is explained, and no grant is offered', async () => {
    await run([['keyctl']]);
    const { stdout } = await world.pinfold(['why', 'b1']);
    expect(stdout).toContain('pinfold blocked call keyctl(2)  [b1]\n');
    expect(stdout).toContain('  rule  keys in the kernel belong to the user, on the whole host (strict)\n');
    expect(stdout).toContain('  grant none: no setting changes this\n');
  });

  test('with monitor off the filter alone says the same, and nothing is recorded', async () => {
    const settings = `${world.home}/.config/pinfold/settings.json`;
    world.put(settings, '{ "sandbox": { "monitor": "off" } }');
    const ran = await run(acts);
    world.put(settings, '{}');
    expect(lines(ran)).toEqual(acts.map(() => 'EPERM'));
    expect(recordsOf(ran)).toEqual([]);
  });

  test('a working directory or a program that is gone makes no difference', async () => {
    const script = `mkdir gone && cd gone && cp ${world.probe} "$TMPDIR/p" && rmdir ../gone
      exec "$TMPDIR/p" unlink "$TMPDIR/p" -- keyctl -- userfaultfd -- ptrace-parent`;
    const ran = await world.shell(script, ['--allow', `${world.root}/bin:ro`, '--json']);
    expect(lines(ran)).toEqual(['ok', 'EPERM', 'EPERM', 'EPERM']);
    const names = ['keyctl', 'userfaultfd', 'ptrace'];
    expect(recordsOf(ran)).toMatchObject(names.map((name) => ({ subject: { kind: 'syscall', name } })));
  });

  test('without namespaces each is refused and told of as well', async () => {
    const filter = join(world.root, 'bin/refuse-namespaces');
    copyFileSync(await compileFixture('refuse-namespaces'), filter);
    chmodSync(filter, 0o755);
    // The fixture's filter answers the first two before ours, and no pidfd can be had there.
    const others = ['unshare', 'clone', 'pidfd_getfd'];
    const mine = CALLS.filter(({ name }) => !others.includes(name));
    const flags = ['--mode', 'strict', '--accept-weaker', '--json', '--allow', `${world.root}/bin:ro`];
    const command = [...pinfold(), 'run', ...flags, '--', world.probe, ...words(mine.map(({ act }) => act))];
    const ran = await world.run([filter, '1', ...command]);
    expect(lines(ran)).toEqual(mine.map(() => 'EPERM'));
    const found = recordsOf(ran) as readonly { readonly act: string }[];
    const named = mine.filter(({ name }) => name !== 'socket').map(told);
    expect(found.filter(({ act }) => act === 'call')).toMatchObject(named);
  });
});

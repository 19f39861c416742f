import { describe, expect, test } from 'vitest';
import { boundaryCalls } from './boundary-calls.ts';
import { readCalls } from './call-list.fixture.ts';
import { ACCESS_FS } from './landlock-plan.ts';
import { NAMESPACE, type Plan } from './plan.ts';

const plan: Plan = {
  namespaces: NAMESPACE.user,
  uidMap: '',
  gidMap: '',
  denySetgroups: true,
  hostname: 'pinfold',
  mounts: [{ op: 'tmpfs', target: '/', mode: 0o755 }],
  landlock: {
    handledFs: 0xffffn,
    handledNet: 0n,
    scoped: 3n,
    rules: [
      { path: '/usr', access: ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR },
      { path: '/dev/null', access: ACCESS_FS.READ_FILE },
    ],
  },
  asks: { remote: false, loopback: false },
  seen: true,
  guarded: [],
  opened: [],
  rlimits: [],
  environment: [],
  argv: ['true'],
  cwd: '/',
};
const calls = readCalls(boundaryCalls(plan, { arch: 'x64', kindOf: () => undefined }));
const ENOENT = 2;
const EBADF = 9;
const EINVAL = 22;

describe('the calls of a boundary', () => {
  test('put each mechanism in force in its order, and say so when its last call is made', () => {
    const steps = [...new Set(calls.map(({ step }) => step))];
    expect(steps).toEqual([
      'namespaces',
      'mounts',
      'capabilities',
      'no-new-privileges',
      'landlock',
      'seccomp',
    ]);
    for (const step of steps) {
      const own = calls.filter((call) => call.step === step);
      expect(own.map(({ name }) => name).indexOf('applied')).toBe(own.length - 1);
      expect(own.at(-1)!.label).toBe(step);
    }
  });

  test('drop every capability there may be from the bounding set before they give up all', () => {
    const drops = calls.filter(
      ({ name, label, args }) => name === 'prctl' && label.startsWith('drop') && args[0] === 24,
    );
    expect(drops.map(({ args }) => args[1])).toEqual(
      Array.from({ length: 64 }, (_, capability) => capability),
    );
    expect(new Set(drops.map(({ tolerates }) => tolerates.join()))).toEqual(new Set([String(EINVAL)]));
    expect(calls.findIndex(({ name }) => name === 'capset')).toBeGreaterThan(calls.indexOf(drops.at(-1)!));
  });

  test('tolerate no failure of what a guarantee rests on', () => {
    const strict = [
      'mount_setattr',
      'pivot_root',
      'umount2',
      'capset',
      'landlock_create_ruleset',
      'landlock_restrict_self',
    ];
    const found = calls.filter(({ name }) => strict.includes(name));
    expect(new Set(found.map(({ name }) => name))).toEqual(new Set(strict));
    expect(found.flatMap(({ tolerates }) => tolerates)).toEqual([]);
  });

  test('give a file the rights that a file can have, and a directory all, whatever is there', () => {
    const allowed = (path: string) => calls.filter(({ label }) => label === `allow ${path}`);
    expect(allowed('/usr').map(({ name, tolerates }) => [name, ...tolerates])).toEqual([
      ['openat', ENOENT],
      ['landlock_add_rule', EBADF],
      ['landlock_add_rule', EBADF, EINVAL],
    ]);
    expect(allowed('/dev/null').map(({ name }) => name)).toEqual(['openat', 'landlock_add_rule']);
  });

  test('of a plan without Landlock have none', () => {
    const { landlock: _, ...rest } = plan;
    const names = readCalls(boundaryCalls(rest, { arch: 'arm64', kindOf: () => undefined })).map(
      ({ name }) => name,
    );
    expect(names.filter((name) => name.startsWith('landlock'))).toEqual([]);
  });
});

describe('the calls of a boundary without namespaces', () => {
  const { landlock } = plan;
  const identity = { device: 1n, inode: 2n };
  const rules = [{ path: '/home/ada/app', access: ACCESS_FS.READ_DIR, identity }];
  const tier: Plan = { ...plan, namespaces: 0, mounts: [], landlock: { ...landlock!, rules } };
  const made = readCalls(boundaryCalls(tier, { arch: 'x64', kindOf: () => undefined }));
  const names = made.map(({ name }) => name);

  test('make no namespace and no mount, and say of each mechanism when it is in force', () => {
    const applied = made.filter(({ name }) => name === 'applied').map(({ label }) => label);
    expect(applied).toEqual(['capabilities', 'no-new-privileges', 'landlock', 'seccomp']);
    for (const name of ['sethostname', 'mount_setattr', 'pivot_root', 'move_mount'])
      expect(names).not.toContain(name);
  });

  test('follow no link to what they allow, and check that it is what was looked through', () => {
    const from = names.indexOf('openat2');
    expect(names.slice(from, from + 4)).toEqual(['openat2', 'fstat', 'compare', 'landlock_add_rule']);
    expect(names).not.toContain('openat');
    expect(made[from]!.tolerates).toEqual([ENOENT]);
  });

  test('tolerate only that an ordinary user has no capability to drop', () => {
    const tolerant = made.filter(({ tolerates }) => tolerates.includes(1));
    expect(new Set(tolerant.map(({ label }) => label))).toEqual(
      new Set(["leave the host's session keyring", 'drop capabilities']),
    );
    expect(made.find(({ name }) => name === 'capset')!.tolerates).toEqual([]);
  });

  test('have whatever is started narrow its own domain, last and without fail', () => {
    const each = made.slice(names.indexOf('each') + 1);
    expect(each.map(({ name, tolerates }) => [name, tolerates])).toEqual([
      ['landlock_create_ruleset', []],
      ['landlock_restrict_self', []],
      ['close', []],
    ]);
  });
});

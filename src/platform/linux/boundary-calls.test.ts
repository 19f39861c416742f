import { describe, expect, test } from 'vitest';
import { boundaryCalls } from './boundary-calls.ts';
import { readCalls } from './call-list.fixture.ts';
import { ACCESS_FS } from './landlock-plan.ts';
import type { Plan } from './plan.ts';

const plan: Plan = {
  namespaces: 0,
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
    expect(steps).toEqual(['namespaces', 'mounts', 'capabilities', 'no-new-privileges', 'landlock']);
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

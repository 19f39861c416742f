import { describe, expect, test } from 'vitest';
import { type ReadCall, readCalls } from './call-list.fixture.ts';
import { CallList } from './call-list.ts';
import type { Ground } from './ground.ts';
import { addMountCalls } from './mount-calls.ts';
import type { PathKind } from './places.ts';
import type { MountStep } from './plan.ts';

const ROOT: MountStep = { op: 'tmpfs', target: '/', mode: 0o755 };

function callsOf(
  steps: readonly MountStep[],
  host: Readonly<Record<string, PathKind>> = {},
  more: Partial<Ground> = {},
): ReadCall[] {
  const calls = new CallList(more.arch ?? 'x64');
  addMountCalls(calls, [ROOT, ...steps], { arch: 'x64', kindOf: (path) => host[path], ...more });
  return readCalls(calls);
}

/** What a step itself is said in, without what is made ready before and entered after. */
function stepCalls(
  steps: readonly MountStep[],
  label: string,
  host?: Readonly<Record<string, PathKind>>,
): string[] {
  return callsOf(steps, host)
    .filter((call) => call.label === label)
    .map(({ name, args }) =>
      [name, ...args.filter((arg) => typeof arg === 'string' && /^[ -~]+$/.test(arg))].join(' '),
    );
}

const bind = (path: string, more: Partial<Extract<MountStep, { op: 'bind' }>> = {}): MountStep => ({
  op: 'bind',
  source: path,
  target: path,
  writable: false,
  ...more,
});

describe('the calls that build a root', () => {
  test('open all that is shown before anything is mounted, and follow no link on the way', () => {
    const calls = callsOf([bind('/usr'), bind('/srv/a')], { '/usr': 'directory', '/srv/a': 'directory' });
    const names = calls.map(({ name }) => name);
    const opened = calls.filter(({ label }) => label.startsWith('open '));
    expect(opened.map(({ name, label }) => `${name}: ${label}`)).toEqual([
      'openat2: open /usr',
      'open_tree: open /usr',
      'openat2: open /srv/a',
      'open_tree: open /srv/a',
    ]);
    expect(names.lastIndexOf('open_tree')).toBeLessThan(names.indexOf('move_mount'));
  });

  test('make what is missing where the plan’s own file systems are', () => {
    expect(stepCalls([bind('/srv/a/b')], 'bind /srv/a/b', { '/srv/a/b': 'file' })).toEqual([
      'mount_setattr',
      'openat2 .',
      'mkdirat srv',
      'openat2 srv',
      'mkdirat a',
      'openat2 srv/a',
      'mknodat b',
      'move_mount b',
      'close',
    ]);
  });

  test('show a directory beneath a layer that nothing comes at any other way', () => {
    const host = { '/home': 'directory', '/home/a': 'directory', '/cache': 'directory' } as const;
    const layered = bind('/home/a', { source: '/cache', writable: true, layer: { sizeBytes: 4096 } });
    expect(stepCalls([bind('/home', { writable: true }), layered], 'layer over /home/a', host)).toEqual([
      'mount_setattr',
      'fsopen tmpfs',
      'fsconfig mode 700',
      'fsconfig size 4096',
      'fsconfig nr_inodes 1024',
      'fsconfig',
      'fsmount',
      'openat2 home/a',
      'move_mount',
      'close',
      'openat2 home/a',
      'mkdirat shown',
      'mkdirat changes',
      'mkdirat work',
      'move_mount shown',
      'fchdir',
      'fsopen overlay',
      'fsconfig userxattr',
      'fsconfig lowerdir shown',
      'fsconfig upperdir changes',
      'fsconfig workdir work',
      'fsconfig',
      'fsmount',
      'umount2 .',
      'openat2 home/a',
      'move_mount',
      'close',
      'close',
    ]);
    // One mount alone is copied, and to be read only.
    const opened = callsOf([layered], host).filter(({ label }) => label === 'layer over /cache');
    expect(opened.map(({ name, args }) => [name, args[2]])).toEqual([
      ['openat2', expect.anything()],
      ['open_tree', 0o2000000 | 1 | 0x1000],
    ]);
  });

  test('open a directory once for what is put into it, and anew when something was mounted over it', () => {
    const host = { '/e/a': 'file', '/e/b': 'file', '/e/c': 'file' } as const;
    const opened = (steps: readonly MountStep[]) =>
      callsOf(steps, host).flatMap(({ name, label, args }) =>
        name === 'openat2' && !label.startsWith('open ') ? [`${label}: ${args[1]}`] : [],
      );
    expect(opened([bind('/e/a'), bind('/e/b')])).toEqual(['bind /e/a: .', 'bind /e/a: e']);
    const over: MountStep = { op: 'tmpfs', target: '/e', mode: 0o755 };
    expect(opened([bind('/e/a'), over, bind('/e/b'), bind('/e/c')])).toEqual([
      'bind /e/a: .',
      'bind /e/a: e',
      'tmpfs /e: .',
      'bind /e/b: e',
    ]);
    const seal: MountStep = { op: 'seal', target: '/e' };
    expect(opened([over, bind('/e/a'), seal])).toEqual(['tmpfs /e: .', 'bind /e/a: e']);
  });

  test('make nothing on a file system of the host', () => {
    const host = { '/home': 'directory', '/home/new/x': 'directory' } as const;
    expect(
      stepCalls([bind('/home', { writable: true }), bind('/home/new/x')], 'bind /home/new/x', host),
    ).toEqual(['mount_setattr', 'openat2 home/new/x', 'move_mount', 'close']);
  });

  test('name what they make by a directory that was opened without following links, never by a path', () => {
    const steps: MountStep[] = [
      { op: 'symlink', path: '/a', to: '/etc' },
      bind('/a/b'),
      { op: 'directory', path: '/c/d/e', mode: 0o755 },
      { op: 'file', path: '/c/d/f', mode: 0o644, content: 'text\n' },
    ];
    const made = callsOf(steps, { '/a/b': 'directory' }).filter(({ name }) =>
      ['mkdirat', 'mknodat', 'symlinkat'].includes(name),
    );
    const names = made.map(({ name, args }) => (name === 'symlinkat' ? args[2] : args[1]));
    expect(names).toEqual(['.masked-directory', '.masked-file', 'a', 'b', 'c', 'd', 'e']);
  });

  test('make what a mount has hidden once more', () => {
    const steps: MountStep[] = [
      { op: 'directory', path: '/tmp/x', mode: 0o755 },
      { op: 'tmpfs', target: '/tmp', mode: 0o1777 },
      { op: 'tmpfs', target: '/tmp/x', mode: 0o755 },
    ];
    expect(stepCalls(steps, 'tmpfs /tmp/x')).toContain('mkdirat x');
  });

  test('leave out what is optional and absent, and try what is neither', () => {
    const labels = (optional: boolean) =>
      callsOf([bind('/gone', { optional })]).filter(({ label }) => label.endsWith('/gone'));
    expect(labels(true)).toEqual([]);
    expect(labels(false).map(({ name }) => name)).toContain('move_mount');
  });

  test('hold a source against the directory that was looked through', () => {
    const identity = { device: 5n, inode: 9n };
    const calls = callsOf([bind('/w', { identity })], { '/w': 'directory' });
    const at = calls.findIndex(({ name }) => name === 'compare');
    expect(calls.slice(at - 2, at + 2).map(({ name }) => name)).toEqual([
      'openat2',
      'fstat',
      'compare',
      'open_tree',
    ]);
    expect(calls[at]!.tolerates).toEqual([]);
  });

  test('cover by what is of the same kind, and only what is there', () => {
    const host = { '/w': 'directory', '/w/.env': 'file', '/w/keys': 'directory' } as const;
    const masks: MountStep[] = ['/w/.env', '/w/keys', '/w/none'].map((target) => ({ op: 'mask', target }));
    const calls = callsOf([bind('/w', { writable: true }), ...masks], host);
    const covers = calls.filter(({ name, label }) => name === 'open_tree' && label.startsWith('mask'));
    const prepared = calls.filter(
      ({ name, args }) => name === 'openat' && String(args[1]).startsWith('.masked'),
    );
    expect(
      covers.map(({ label, args }) => [label, prepared.find(({ place }) => place === args[0])?.args[1]]),
    ).toEqual([
      ['mask /w/.env', '.masked-file'],
      ['mask /w/keys', '.masked-directory'],
    ]);
  });

  test('cover what the host has in /proc, too', () => {
    const steps: MountStep[] = [
      { op: 'proc', target: '/proc' },
      { op: 'mask', target: '/proc/kcore' },
    ];
    expect(stepCalls(steps, 'mask /proc/kcore', { '/proc/kcore': 'file' })).toContain('move_mount');
  });

  test('take the masks away before the root is sealed', () => {
    const names = callsOf([{ op: 'seal', target: '/' }]).map(({ name, label }) => `${name} ${label}`);
    expect(names.indexOf('unlinkat discard masks')).toBeLessThan(names.indexOf('mount_setattr seal /'));
  });

  test('show the terminal only where there is one', () => {
    const steps: MountStep[] = [{ op: 'console', target: '/dev/console' }];
    const host = { '/dev/pts/3': 'file' } as const;
    expect(callsOf(steps, host).filter(({ label }) => label === 'console /dev/console')).toEqual([]);
    const shown = callsOf(steps, host, { terminal: '/dev/pts/3' });
    expect(shown.filter(({ label }) => label === 'console /dev/console').map(({ name }) => name)).toContain(
      'mknodat',
    );
  });

  test('are the same on both architectures but for their numbers', () => {
    const steps: MountStep[] = [
      bind('/usr'),
      { op: 'proc', target: '/proc' },
      { op: 'devpts', target: '/dev/pts' },
    ];
    const host = { '/usr': 'directory' } as const;
    const names = (arch: 'x64' | 'arm64') => callsOf(steps, host, { arch }).map(({ name }) => name);
    expect(names('arm64')).toEqual(names('x64'));
  });

  test('refuse a path with NUL, which C would cut short', () => {
    expect(() => callsOf([bind('/a\0b')])).toThrow(expect.objectContaining({ code: 'ERR_PATH_INVALID' }));
  });
});

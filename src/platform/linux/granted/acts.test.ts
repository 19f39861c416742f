import { describe, expect, test } from 'vitest';
import type { Making } from '../plan.ts';
import { ARCH_TABLES, type Arch } from '../seccomp/tables.ts';
import { WATCHED_CALLS, watchedRows } from '../watched-calls.ts';
import { type GrantedAct, grantedAct, keptFlags } from './acts.ts';

/** What a call with these registers asks for, with a name for each thing that it names. */
function actOf(arch: Arch, call: string, args: readonly (number | bigint)[]): GrantedAct | undefined {
  const rows = watchedRows(arch);
  const names = rows.flatMap((row, index): Making[] =>
    row.call === call
      ? [
          {
            row: index,
            path: Buffer.from(row.arrives ? '/to' : '/from'),
            directory: false,
            bringsMore: false,
            refused: 'ground',
            present: true,
          },
        ]
      : [],
  );
  return grantedAct({ names, args: args.map(BigInt) }, rows, arch);
}

const path = Buffer.from('/from');

describe.each(Object.keys(ARCH_TABLES) as Arch[])('on %s', (arch) => {
  test.each([
    ['openat', [3, 0x1000, 0x80241, 0o7777], { kind: 'open', path, flags: 0x80241, mode: 0o1777 }],
    ['openat', [3, 0x1000, 0x10000000002n, 0o777], { kind: 'open', path, flags: 2, mode: 0 }],
    ['openat', [3, 0x1000, 0x410002, 0o600], { kind: 'none', errno: 95 }],
    ['openat', [3, 0x1000, 3], { kind: 'none', errno: 22 }],
    ['mkdirat', [3, 0x1000, 0o2755], { kind: 'make-directory', path, mode: 0o755 }],
    ['unlinkat', [3, 0x1000, 0x200], { kind: 'remove', path, directory: true }],
    ['unlinkat', [3, 0x1000, 0], { kind: 'remove', path, directory: false }],
    ['renameat2', [3, 1, 4, 2, 2], { kind: 'rename', from: path, path: Buffer.from('/to'), flags: 2 }],
    ['renameat2', [3, 1, 4, 2, 4], { kind: 'none', errno: 22 }],
    ['linkat', [3, 1, 4, 2, 0], { kind: 'none', errno: 18 }],
    ['mknodat', [3, 1, 0o10644, 0], { kind: 'none', errno: 1 }],
    ['setxattr', [1, 2, 3, 4, 0], { kind: 'none', errno: 95 }],
    ['truncate', [1, 2n ** 63n - 1n], { kind: 'truncate', path, length: 2n ** 63n - 1n }],
    ['fchmod', [3, 0o6711], { kind: 'mode', path, mode: 0o711 }],
    ['fchownat', [3, 1, 2n ** 64n - 1n, 7, 0], { kind: 'owner', path, uid: 2 ** 32 - 1, gid: 7 }],
    ['utimensat', [3, 1, 0, 0], { kind: 'times', path, memory: undefined }],
    [
      'utimensat',
      [3, 1, 9, 0],
      { kind: 'times', path, memory: { kind: 'times', address: 9n, unit: 'nanoseconds' } },
    ],
    ['execve', [1, 2, 3], undefined],
  ] as const)('%s, case %#', (call, args, expected) => {
    if (expected === undefined) expect(actOf(arch, call, args)).toBeUndefined();
    else expect(actOf(arch, call, args)).toMatchObject(expected);
  });

  test('every call that is watched is done, refused with a reason, or none that writes', () => {
    const rows = watchedRows(arch);
    const calls = Object.keys(WATCHED_CALLS).filter((call) => rows.some((row) => row.call === call));
    const undone = calls.filter((call) => actOf(arch, call, Array(6).fill(0)) === undefined);
    expect(undone.sort()).toEqual(['connect', 'execve', 'execveat']);
  });

  test('something that is moved to or from elsewhere is named alone', () => {
    const rows = watchedRows(arch);
    const row = rows.findIndex(({ call }) => call === 'renameat2');
    const name = {
      row,
      path,
      directory: false,
      bringsMore: false,
      refused: 'ground',
      present: true,
    } as const;
    expect(grantedAct({ names: [name], args: Array(6).fill(0n) }, rows, arch)).toEqual({ kind: 'apart' });
  });

  test('flags that are taken over are none by which a path is only named, followed or made nameless', () => {
    const [O_PATH, O_TMPFILE, O_DIRECTORY] = [0x200000, 0x400000, arch === 'arm64' ? 0x4000 : 0x10000];
    expect(keptFlags(arch) & (O_PATH | O_TMPFILE | O_DIRECTORY)).toBe(0);
  });
});

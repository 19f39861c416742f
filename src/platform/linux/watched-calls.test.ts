import { describe, expect, test } from 'vitest';
import { BASELINE } from './seccomp/baseline.ts';
import { ARCH_TABLES, type Arch } from './seccomp/tables.ts';
import { encodeWatched, WATCHED_CALLS, watchedRows } from './watched-calls.ts';

const NOTIFYING = ['notify', 'watch'];
/** Those of the network name no path. */
const ADDRESSED = ['bind', 'listen', 'sendto', 'sendmsg', 'sendmmsg'];

test('every call that notifies says what it names, and no other does', () => {
  const grouped = BASELINE.groups
    .filter(({ action }) => NOTIFYING.includes(action))
    .flatMap(({ calls }) => Object.keys(calls));
  const checked = Object.entries(BASELINE.checked).flatMap(([name, { rules, otherwise }]) =>
    [...rules.map(({ action }) => action), otherwise].some((action) => NOTIFYING.includes(action))
      ? [name]
      : [],
  );
  const named = [...grouped, ...checked].filter((name) => !ADDRESSED.includes(name));
  expect(Object.keys(WATCHED_CALLS).sort()).toEqual(named.sort());
});

test('a call that may make a guarded name is asked about whatever is seen', () => {
  const making = Object.entries(WATCHED_CALLS)
    .filter(([, things]) => things.some(({ absent, leaves }) => absent !== undefined && !leaves))
    .map(([name]) => name);
  const always = BASELINE.groups
    .filter(({ action }) => action === 'notify')
    .flatMap(({ calls }) => Object.keys(calls));
  const rest = making.filter((name) => !always.includes(name));
  expect(rest).toEqual(['open', 'openat']);
  for (const name of rest) {
    expect(BASELINE.checked[name]?.rules[0]).toMatchObject({
      when: [{ anyBit: { O_CREAT: '0x40' } }],
      action: 'notify',
    });
  }
});

describe.each(Object.keys(ARCH_TABLES) as Arch[])('on %s', (arch) => {
  test('rows are written as struct watched', () => {
    const rows = watchedRows(arch);
    const { count, bytes } = encodeWatched(arch, true);
    expect([count, bytes.length]).toEqual([rows.length + ADDRESSED.length, 36 * count]);
    const at = rows.findIndex(
      ({ number, arrives }) => number === ARCH_TABLES[arch].numbers.renameat2 && arrives,
    );
    const words = Array.from({ length: 7 }, (_, index) => bytes.readUInt32LE(36 * at + 4 * index));
    const { numbers } = ARCH_TABLES[arch];
    expect(words).toEqual([numbers.renameat2, 8, 0x80000000, 0x80000000, 0, 0x80000000, 1]);
    expect([...bytes.subarray(36 * at + 28, 36 * at + 36)]).toEqual([3, 4, 5, 1, 2, 0, 0, 0]);
  });

  test('flags are those of the processor', () => {
    const at = watchedRows(arch).findIndex(({ number }) => number === ARCH_TABLES[arch].numbers.openat);
    const { bytes } = encodeWatched(arch, false);
    const words = Array.from({ length: 7 }, (_, index) => bytes.readUInt32LE(36 * at + 4 * index));
    const nofollow = arch === 'arm64' ? 0x8080 : 0x20080;
    expect(words).toEqual([ARCH_TABLES[arch].numbers.openat, 3, 0x40, 0x203, 0x400080, nofollow, 0]);
  });
});

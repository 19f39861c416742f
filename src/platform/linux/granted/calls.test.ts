import { describe, expect, test } from 'vitest';
import { readCalls } from '../call-list.fixture.ts';
import type { DoableAct } from './acts.ts';
import { grantedCalls, stillWaiting, THE_ACT } from './calls.ts';

const path = Buffer.from('/srv/data/sub/name');
const from = Buffer.from('/srv/data/old');
const place = { mount: '/srv/data', file: false };
const caller = { id: 7n, umask: 0o27, fileSize: undefined };

const callsOf = (act: DoableAct, { at = place, memory }: { at?: typeof place; memory?: Buffer } = {}) =>
  readCalls(grantedCalls(act, at, caller, { arch: 'x64', memory }));

const ACTS: readonly DoableAct[] = [
  { kind: 'open', path, flags: 0x80441, mode: 0o666 },
  { kind: 'make-directory', path, mode: 0o777 },
  { kind: 'remove', path, directory: true },
  { kind: 'rename', from, path, flags: 1 },
  { kind: 'link', path, memory: { kind: 'text', address: 9n } },
  { kind: 'truncate', path, length: 3n },
  { kind: 'mode', path, mode: 0o600 },
  { kind: 'owner', path, uid: 1, gid: 2 },
  { kind: 'times', path, memory: undefined },
];

describe.each(ACTS.map((act) => [act.kind, act] as const))('%s', (_kind, act) => {
  const calls = callsOf(act, { memory: Buffer.from('target\0') });
  const names = calls.map(({ name }) => name);

  test('is done in a copy of the sandbox’s mounts, one of them writable, without capabilities', () => {
    expect(names.slice(0, 7)).toEqual([
      ...['setns', 'setns', 'unshare', 'openat2', 'mount_setattr', 'capset', 'umask'],
    ]);
    expect(calls[6]!.args[0]).toBe(0o27);
    // What fails before is no answer to the caller.
    expect(calls.slice(0, 7).map(({ label }) => label)).not.toContain(THE_ACT);
    expect(new Set(calls.slice(7).map(({ label }) => label))).toEqual(new Set([THE_ACT]));
  });

  test('starts beneath that mount, by names that no call takes for a whole path', () => {
    const after = calls.slice(7);
    expect(after[0]!.args.slice(0, 2)).toEqual([32, 'sub']);
    for (const { args } of after) for (const arg of args) expect(String(arg)).not.toMatch(/^\//);
  });
});

test('every open goes beneath the mount, across no link and no other mount', () => {
  const list = grantedCalls(ACTS[0]!, place, caller, { arch: 'x64', memory: undefined });
  const { data } = list.encode();
  // struct open_how of the directory and of the file: its last field is RESOLVE_BENEATH, NO_SYMLINKS, NO_MAGICLINKS, NO_XDEV.
  const confined = Buffer.alloc(8);
  confined.writeBigUInt64LE(0xfn);
  expect(data.toString('latin1').split(confined.toString('latin1')).length - 1).toBeGreaterThanOrEqual(2);
});

test('an open waits for nobody, and is the answer to the call', () => {
  const calls = callsOf(ACTS[0]!);
  expect(calls.slice(-4).map(({ name, args }) => [name, ...args.slice(0, 2)])).toEqual([
    ['openat2', 33, 'name'],
    ['lseek', 35, 0],
    ['fcntl', 35, 4],
    ['ioctl', 27, 0x40182103],
  ]);
  expect(calls.at(-2)!.args[2]).toBe(0x400);
});

test('a file alone is opened by its path', () => {
  const calls = callsOf(
    { kind: 'open', path: Buffer.from('/srv/file'), flags: 2, mode: 0 },
    {
      at: { mount: '/srv/file', file: true },
    },
  );
  expect(calls.filter(({ name }) => name === 'openat2').map(({ args }) => args.slice(0, 2))).toEqual([
    [-100, '/srv/file'],
    [-100, '/srv/file'],
  ]);
});

test('a limit of the session holds for what is done for it', () => {
  const limited = readCalls(
    grantedCalls(ACTS[5]!, place, { ...caller, fileSize: 4096n }, { arch: 'x64', memory: undefined }),
  );
  expect(limited.find(({ name }) => name === 'prlimit64')?.args.slice(0, 2)).toEqual([0, 1]);
  expect(callsOf(ACTS[5]!).some(({ name }) => name === 'prlimit64')).toBe(false);
});

test('whether a call still waits is asked of the kernel', () => {
  expect(readCalls(stillWaiting('x64', 7n)).map(({ name, args }) => [name, ...args.slice(0, 2)])).toEqual([
    ['ioctl', 27, 0x40082102],
  ]);
});

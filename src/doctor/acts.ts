/** Forbidden acts in system calls, in the forms that several guarantees share. None does harm where it is let through. */
import { type Attempt, payload, type Side } from './guarantee.ts';
import type { FileActs } from './guarantees/files.ts';
import { type Argument, type Call, call } from './system-call.ts';

/** fcntl.h of asm-generic; the same on x86-64 and arm64. */
export const AT_FDCWD = -100;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_NOCTTY = 0o400;
const O_APPEND = 0o2000;

const ROOM = 65_536;

export function text(value: string): Argument {
  return { text: value };
}

/** Little-endian, as both processors are. */
export function packed(...words: readonly (readonly [bytes: 2 | 4 | 8, value: number | bigint])[]): Argument {
  const parts = words.map(([size, value]) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
    return buffer.subarray(0, size);
  });
  return { bytes: Buffer.concat(parts) };
}

export function readCalls(path: string): Call[] {
  return [
    call('openat', AT_FDCWD, text(path), O_RDONLY),
    call('read', { resultOf: 0 }, { room: ROOM }, ROOM),
  ];
}

/** Reads what must not be readable; reached when `token` is in it. */
export function readAttempt(act: string, path: string, token: string): Attempt {
  return {
    act,
    calls: () => readCalls(path),
    evidence: { kind: 'content', shows: (bytes) => bytes.includes(token) },
  };
}

/** Lists a directory; reached when `name` is among its entries (struct linux_dirent64 ends each with NUL). */
export function listAttempt(act: string, path: string, name: string): Attempt {
  return {
    act,
    calls: () => [
      call('openat', AT_FDCWD, text(path), O_RDONLY),
      call('getdents64', { resultOf: 0 }, { room: ROOM }, ROOM),
    ],
    evidence: { kind: 'content', shows: (bytes) => bytes.includes(`${name}\0`) },
  };
}

function writeCalls(path: string, flags: number, side: Side): Call[] {
  const words = payload(side);
  return [
    call('openat', AT_FDCWD, text(path), flags, 0o600),
    call('write', { resultOf: 0 }, text(words), words.length),
  ];
}

/** Adds to a file that exists; what stood in it is still there for others to find. */
export function writeAttempt(act: string, path: string, unchanged: 'private' | 'undone'): Attempt {
  return {
    act,
    calls: (side) => writeCalls(path, O_WRONLY | O_APPEND, side),
    evidence: { kind: 'file', path, unchanged },
  };
}

export function createAttempt(act: string, path: string, unchanged: 'private' | 'undone'): Attempt {
  return {
    act,
    calls: (side) => writeCalls(path, O_WRONLY | O_CREAT, side),
    evidence: { kind: 'file', path, unchanged },
  };
}

/** Makes a file of a harmless name and gives it the forbidden one. */
export function renameAttempt(act: string, from: string, to: string): Attempt {
  return {
    act,
    calls: (side) => [
      ...writeCalls(from, O_WRONLY | O_CREAT, side),
      call('renameat', AT_FDCWD, text(from), AT_FDCWD, text(to)),
    ],
    evidence: { kind: 'file', path: to, unchanged: 'undone' },
  };
}

const CLONE_NEWNS = 0x00020000;
const CLONE_NEWUSER = 0x10000000;
export const NAMESPACE_OF_ITS_OWN = CLONE_NEWUSER | CLONE_NEWNS;

/**
 * A single call. Only root of the host may make it if `asRoot`; so that the control is one for everybody, it is made there
 * in a user namespace of its own.
 */
export function callAttempt(
  act: string,
  one: Call,
  options: {
    readonly refused?: readonly string[];
    readonly reached?: readonly string[];
    readonly hostRefuses?: readonly string[];
    readonly asRoot?: boolean;
  } = {},
): Attempt {
  const { refused = ['EPERM', 'ENOSYS'], reached, hostRefuses, asRoot = false } = options;
  return {
    act,
    calls: (side) => (asRoot && side === 'outside' ? [call('unshare', NAMESPACE_OF_ITS_OWN), one] : [one]),
    evidence: { kind: 'answer', refused, ...(reached && { reached }) },
    ...(hostRefuses && { hostRefuses }),
  };
}

/** Opens without reading or writing: enough to know that it could be. */
export function openAttempt(
  act: string,
  path: string,
  flags: number,
  hostRefuses: readonly string[],
): Attempt {
  return {
    act,
    calls: () => [call('openat', AT_FDCWD, text(path), flags)],
    evidence: { kind: 'answer', refused: ['ENOENT', 'EACCES', 'EPERM', 'EROFS'] },
    hostRefuses,
  };
}

/** The acts on files that every system has, in system calls. */
export const FILE_ACTS: FileActs<Call> = {
  read: readAttempt,
  list: listAttempt,
  write: writeAttempt,
  create: createAttempt,
  rename: renameAttempt,
  openForWriting: (act, path, hostRefuses) => openAttempt(act, path, O_WRONLY, hostRefuses),
};

/** proc_pid_environ(5): entries end with NUL. */
function hasVariable(environment: Buffer, name: string): boolean {
  return `\0${environment.toString('latin1')}`.includes(`\0${name}=`);
}

/** Finds a variable of this name. */
export function variableAttempt(act: string, name: string): Attempt {
  return {
    act,
    calls: () => readCalls('/proc/self/environ'),
    evidence: {
      kind: 'content',
      shows: (bytes) => hasVariable(bytes, name),
      legible: (bytes) => hasVariable(bytes, 'HOME'),
    },
  };
}

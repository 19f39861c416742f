/**
 * Says in system calls how an act is done in the place of whoever asked for it, where a path was opened to write. They are
 * made among the sandbox's own mounts, of which one, in a copy that nobody else has, is made writable: whatever a name led
 * to, nothing else could be changed. Pure.
 */
import { CallList, struct } from '../call-list.ts';
import { JOINED } from '../live-mounts.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  attributes,
  MOUNT,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_NO_SYMLINKS,
} from '../mount-api.ts';
import { NAMESPACE } from '../plan.ts';
import type { Arch } from '../seccomp/tables.ts';
import { type DoableAct, keptFlags, O_CLOEXEC, O_CREAT, statusFlags } from './acts.ts';

/** Where it is done. */
export interface GrantedPlace {
  /** The mount that is opened: the one that the names of the act lie on. */
  readonly mount: string;
  /** It is a file: the act is on itself. */
  readonly file: boolean;
}

/** The caller, and what the kernel would have taken from it. */
export interface Caller {
  /** Of the call that waits. */
  readonly id: bigint;
  readonly umask: number;
  /** RLIMIT_FSIZE in bytes; undefined: none. */
  readonly fileSize: bigint | undefined;
}

/** The label of the calls whose errno is the caller's; what fails under another one was never tried. */
export const THE_ACT = 'do what was asked for';

const ROOT = 32;
const DIRECTORY = 33;
const OTHER = 34;
const FILE = 35;

/** linux/openat2.h. */
const RESOLVE_NO_XDEV = 1;
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_BENEATH = 8;
const CONFINED = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
const O_WRONLY = 1;
const O_NOCTTY = 0x100;
const O_NONBLOCK = 0x800;
const O_NOFOLLOW: Readonly<Record<Arch, number>> = { x64: 0x20000, arm64: 0x8000 };
const F_SETFL = 4;
const AT_SYMLINK_NOFOLLOW = 0x100;
const RLIMIT_FSIZE = 1;
/** Of _LINUX_CAPABILITY_VERSION_3. */
const CAPABILITY_VERSION = 0x20080522;
/** linux/seccomp.h: SECCOMP_IOW(2, __u64), SECCOMP_IOW(3, struct seccomp_notif_addfd), SECCOMP_ADDFD_FLAG_SEND (Linux 5.14). */
const NOTIF_ID_VALID = 0x40082102;
const NOTIF_ADDFD = 0x40182103;
const ADDFD_SEND = 2;

/**
 * `memory`: what the act's `memory` held, as the kernel takes it: a text with its NUL, or two `struct timespec`. An open gives the
 * caller its descriptor, and with it the answer; of the others the answer is left to give.
 */
export function grantedCalls(
  act: DoableAct,
  place: GrantedPlace,
  caller: Caller,
  { arch, memory }: { readonly arch: Arch; readonly memory: Uint8Array | undefined },
): CallList {
  const calls = new CallList(arch);
  calls.step = 'grant';
  enter(calls, place, caller);
  const [at, name] = nameOf(calls, act.path, place, DIRECTORY);
  const [leftAt, left] = act.kind === 'rename' ? nameOf(calls, act.from, place, OTHER) : [AT_FDCWD, name];
  calls.label = THE_ACT;
  switch (act.kind) {
    case 'open':
      open(calls, act.flags, act.mode, { at, name, place });
      give(calls, act.flags, caller.id);
      break;
    case 'truncate':
      open(calls, O_WRONLY, 0, { at, name, place });
      calls.add('ftruncate', [FILE, act.length]);
      break;
    case 'make-directory':
      calls.add('mkdirat', [at, name, act.mode]);
      break;
    case 'remove':
      calls.add('unlinkat', [at, name, act.directory ? AT_REMOVEDIR : 0]);
      break;
    case 'rename':
      calls.add('renameat2', [leftAt, left, at, name, act.flags]);
      break;
    case 'link':
      calls.add('symlinkat', [memory ?? Buffer.from('\0'), at, name]);
      break;
    case 'mode':
      calls.add('fchmodat', [at, name, act.mode]);
      break;
    case 'owner':
      calls.add('fchownat', [at, name, act.uid, act.gid, AT_SYMLINK_NOFOLLOW]);
      break;
    case 'times':
      calls.add('utimensat', [at, name, memory ?? 0, AT_SYMLINK_NOFOLLOW]);
      break;
  }
  return calls;
}

/** Succeeds while the call still waits: then its process is the one that made it. */
export function stillWaiting(arch: Arch, id: bigint): CallList {
  const calls = new CallList(arch);
  calls.step = 'grant';
  calls.label = 'see whether the call still waits';
  calls.add('ioctl', [JOINED.listener, NOTIF_ID_VALID, struct([id, 8])]);
  return calls;
}

/**
 * SECURITY: from here on nothing but one mount differs from what the caller sees, and there are no capabilities, by which a
 * person's own read-only files would be written.
 */
function enter(calls: CallList, { mount }: GrantedPlace, { umask, fileSize }: Caller): void {
  calls.label = 'copy the mounts of the sandbox';
  calls.add('setns', [JOINED.user, NAMESPACE.user]);
  calls.add('setns', [JOINED.mounts, NAMESPACE.mount]);
  calls.add('unshare', [NAMESPACE.mount]);
  calls.label = `open ${mount} to write`;
  const how = openHow(O_PATH, 0, RESOLVE_NO_SYMLINKS);
  calls.add('openat2', [AT_FDCWD, mount, how, how.length], { place: ROOT });
  // EINVAL where it is no mount any more.
  calls.add('mount_setattr', [ROOT, '', AT_EMPTY_PATH, attributes(0, 0, MOUNT.rdonly), 32]);
  calls.label = 'take the rights of the caller';
  calls.add('capset', [struct([CAPABILITY_VERSION, 4], [0, 4]), Buffer.alloc(24)]);
  calls.add('umask', [umask]);
  if (fileSize !== undefined)
    calls.add('prlimit64', [0, RLIMIT_FSIZE, struct([fileSize, 8], [fileSize, 8]), 0]);
}

/** The directory that `path` lies in, opened as `number`, and its name there. */
function nameOf(
  calls: CallList,
  path: Uint8Array,
  { mount, file }: GrantedPlace,
  number: number,
): readonly [at: number, name: Uint8Array] {
  const bytes = Buffer.from(path);
  if (file || bytes.equals(Buffer.from(mount))) return [AT_FDCWD, text(bytes)];
  const within = bytes.subarray(Buffer.byteLength(mount) + 1);
  const slash = within.lastIndexOf('/');
  const how = openHow(O_PATH | O_DIRECTORY[calls.arch], 0, CONFINED);
  calls.label = THE_ACT;
  const directory = slash < 0 ? Buffer.from('.') : within.subarray(0, slash);
  calls.add('openat2', [ROOT, text(directory), how, how.length], { place: number });
  return [number, text(within.subarray(slash + 1))];
}

function open(
  calls: CallList,
  flags: number,
  mode: number,
  { at, name, place }: { readonly at: number; readonly name: Uint8Array; readonly place: GrantedPlace },
): void {
  // Without waiting: what is there may be a pipe by now, which has no place to seek to (ESPIPE).
  const wanted = (flags & keptFlags(calls.arch)) | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW[calls.arch];
  const resolve = place.file ? RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS : CONFINED;
  const how = openHow(wanted, (flags & O_CREAT) === 0 ? 0 : mode, resolve);
  calls.add('openat2', [at, name, how, how.length], { place: FILE });
  calls.add('lseek', [FILE, 0, 1]);
}

/** The caller gets the descriptor as the answer to its call, in one step, so that no other answer can come between. */
function give(calls: CallList, flags: number, id: bigint): void {
  calls.add('fcntl', [FILE, F_SETFL, flags & statusFlags(calls.arch)]);
  const closing = flags & O_CLOEXEC;
  calls.add('ioctl', [
    JOINED.listener,
    NOTIF_ADDFD,
    struct([id, 8], [ADDFD_SEND, 4], [FILE, 4], [0, 4], [closing, 4]),
  ]);
}

function openHow(flags: number, mode: number, resolve: number): Buffer {
  return struct([(flags | O_CLOEXEC) >>> 0, 8], [mode, 8], [resolve, 8]);
}

function text(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}

/** What a call on a name asks for, in a form in which it can be done in the caller's place: its registers, and the names found. Pure. */
import type { Making, MakingRecord } from '../plan.ts';
import type { Arch } from '../seccomp/tables.ts';
import type { WatchedRow } from '../watched-calls.ts';

/** Bytes in the caller's memory that the act needs as well. */
export type Memory =
  | { readonly kind: 'text'; readonly address: bigint }
  | { readonly kind: 'times'; readonly address: bigint; readonly unit: Unit };

/** How two times are written: struct timespec, struct timeval, or whole seconds (struct utimbuf). */
export type Unit = 'nanoseconds' | 'microseconds' | 'seconds';

export type GrantedAct =
  | { readonly kind: 'open'; readonly path: Uint8Array; readonly flags: number; readonly mode: number }
  | { readonly kind: 'make-directory'; readonly path: Uint8Array; readonly mode: number }
  | { readonly kind: 'remove'; readonly path: Uint8Array; readonly directory: boolean }
  | {
      readonly kind: 'rename';
      readonly from: Uint8Array;
      readonly path: Uint8Array;
      /** RENAME_NOREPLACE or RENAME_EXCHANGE. */
      readonly flags: number;
    }
  | { readonly kind: 'link'; readonly path: Uint8Array; readonly memory: Memory }
  | { readonly kind: 'truncate'; readonly path: Uint8Array; readonly length: bigint }
  | { readonly kind: 'mode'; readonly path: Uint8Array; readonly mode: number }
  | { readonly kind: 'owner'; readonly path: Uint8Array; readonly uid: number; readonly gid: number }
  /** Without memory: now. */
  | { readonly kind: 'times'; readonly path: Uint8Array; readonly memory: Memory | undefined }
  /** Something is moved to or from another mount (EXDEV). */
  | { readonly kind: 'apart' }
  /** It is not done here. `errno`: one with which programs take another way. */
  | { readonly kind: 'none'; readonly errno: number; readonly why: string };

export type DoableAct = Exclude<GrantedAct, { kind: 'none' | 'apart' }>;

/** errno(3). */
const EPERM = 1;
const EXDEV = 18;
const ENOTDIR = 20;
const EINVAL = 22;
const EOPNOTSUPP = 95;

/** asm-generic/fcntl.h. */
const O_ACCMODE = 3;
export const O_CREAT = 0x40;
const O_TRUNC = 0x200;
const O_APPEND = 0x400;
const O_NONBLOCK = 0x800;
const O_SYNC = 0x101000;
const O_EXCL = 0x80;
const O_NOATIME = 0x40000;
export const O_CLOEXEC = 0x80000;
const O_TMPFILE = 0x400000;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;
const AT_REMOVEDIR = 0x200;
/** A file that is made is no way to another person's rights: no S_ISUID, no S_ISGID. */
const PERMISSIONS = 0o1777;

/** arm64 has numbers of its own. */
const OF_ARCH: Readonly<Record<Arch, { readonly directory: number; readonly direct: number }>> = {
  x64: { directory: 0x10000, direct: 0x4000 },
  arm64: { directory: 0x4000, direct: 0x10000 },
};

/** Flags of open(2) that are taken over; the others are refused or mean nothing here. */
export function keptFlags(arch: Arch): number {
  const always = O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_NOATIME;
  return always | O_CLOEXEC | OF_ARCH[arch].direct;
}

/** Those that an open file keeps, of fcntl(F_SETFL). */
export function statusFlags(arch: Arch): number {
  return O_APPEND | O_NONBLOCK | O_NOATIME | OF_ARCH[arch].direct;
}

function none(errno: number, why: string): GrantedAct {
  return { kind: 'none', errno, why };
}

type Registers = (index: number) => number;
type Maker = (path: Uint8Array, register: Registers, args: readonly bigint[]) => (arch: Arch) => GrantedAct;

const opening =
  (flagsAt: number | undefined, modeAt: number): Maker =>
  (path, register) =>
  (arch) => {
    const flags = flagsAt === undefined ? O_CREAT | O_TRUNC | 1 : register(flagsAt);
    if ((flags & O_TMPFILE) !== 0) return none(EOPNOTSUPP, 'a file without a name is not made there');
    if ((flags & OF_ARCH[arch].directory) !== 0) return none(ENOTDIR, 'a directory is not opened to write');
    if ((flags & O_ACCMODE) === O_ACCMODE) return none(EINVAL, 'it is opened neither to read nor to write');
    const mode = (flags & O_CREAT) === 0 ? 0 : register(modeAt) & PERMISSIONS;
    return { kind: 'open', path, flags: flags & keptFlags(arch), mode };
  };

const makingDirectory =
  (modeAt: number): Maker =>
  (path, register) =>
  () => ({ kind: 'make-directory', path, mode: register(modeAt) & PERMISSIONS });

const removing =
  (directory: boolean | { readonly flagsAt: number }): Maker =>
  (path, register) =>
  () => ({
    kind: 'remove',
    path,
    directory:
      typeof directory === 'boolean' ? directory : (register(directory.flagsAt) & AT_REMOVEDIR) !== 0,
  });

const linking =
  (textAt: number): Maker =>
  (path, _register, args) =>
  () => ({ kind: 'link', path, memory: { kind: 'text', address: args[textAt]! } });

const changingMode =
  (modeAt: number): Maker =>
  (path, register) =>
  () => ({ kind: 'mode', path, mode: register(modeAt) & PERMISSIONS });

const changingOwner =
  (uidAt: number): Maker =>
  (path, register) =>
  () => ({ kind: 'owner', path, uid: register(uidAt), gid: register(uidAt + 1) });

const changingTimes =
  (timesAt: number, unit: Unit): Maker =>
  (path, _register, args) =>
  () => {
    const address = args[timesAt]!;
    return { kind: 'times', path, memory: address === 0n ? undefined : { kind: 'times', address, unit } };
  };

const hardLink: Maker = () => () =>
  none(EXDEV, 'a hard link is not made in what was opened while the session runs');
const node: Maker = () => () =>
  none(EPERM, 'a pipe, socket or device is not made in what was opened while the session runs');
const attribute: Maker = () => () =>
  none(EOPNOTSUPP, 'extended attributes are not changed in what was opened while the session runs');

/** By call; arguments are counted from 0. Renames are apart: they name two things. */
const MAKERS: Readonly<Record<string, Maker>> = {
  open: opening(1, 2),
  openat: opening(2, 3),
  creat: opening(undefined, 1),
  mkdir: makingDirectory(1),
  mkdirat: makingDirectory(2),
  unlink: removing(false),
  rmdir: removing(true),
  unlinkat: removing({ flagsAt: 2 }),
  symlink: linking(0),
  symlinkat: linking(0),
  truncate: (path, _register, args) => () => ({ kind: 'truncate', path, length: args[1]! }),
  chmod: changingMode(1),
  fchmod: changingMode(1),
  fchmodat: changingMode(2),
  fchmodat2: changingMode(2),
  chown: changingOwner(1),
  lchown: changingOwner(1),
  fchown: changingOwner(1),
  fchownat: changingOwner(2),
  utime: changingTimes(1, 'seconds'),
  utimes: changingTimes(1, 'microseconds'),
  futimesat: changingTimes(2, 'microseconds'),
  utimensat: changingTimes(2, 'nanoseconds'),
  link: hardLink,
  linkat: hardLink,
  mknod: node,
  mknodat: node,
  setxattr: attribute,
  lsetxattr: attribute,
  fsetxattr: attribute,
  setxattrat: attribute,
  removexattr: attribute,
  lremovexattr: attribute,
  fremovexattr: attribute,
  removexattrat: attribute,
  file_setattr: attribute,
};

/**
 * `rows`: those of the processor (`watchedRows`). Undefined: nothing that a grant to write is about, such as the execution of
 * a program. The names of the record are those that the supervisor found, with no link in them.
 */
export function grantedAct(
  { names, args }: Pick<MakingRecord, 'names' | 'args'>,
  rows: readonly WatchedRow[],
  arch: Arch,
): GrantedAct | undefined {
  const [first] = names;
  const call = first === undefined ? undefined : rows[first.row]?.call;
  if (first === undefined || call === undefined) return undefined;
  const register = (index: number) => Number(BigInt.asUintN(32, args[index] ?? 0n));
  if (call.startsWith('rename')) return renaming(names, rows, call === 'renameat2' ? register(4) : 0);
  return MAKERS[call]?.(first.path, register, args)(arch);
}

function renaming(names: readonly Making[], rows: readonly WatchedRow[], flags: number): GrantedAct {
  const to = names.find(({ row }) => rows[row]?.arrives !== undefined);
  const from = names.find(({ row }) => rows[row]?.arrives === undefined);
  // The other one lies on a mount of its own, between which nothing is moved.
  if (to === undefined || from === undefined) return { kind: 'apart' };
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0)
    return none(EINVAL, 'a name is not covered there by leaving a whiteout');
  return { kind: 'rename', from: from.path, path: to.path, flags };
}

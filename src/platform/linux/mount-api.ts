/** Numbers and structures of the new mount API and of the calls around it. Data. */
import { struct } from './call-list.ts';
import type { Arch } from './seccomp/tables.ts';

/** errno(3). */
export const ENOENT = 2;
export const EBADF = 9;
export const EEXIST = 17;
export const EINVAL = 22;
export const EROFS = 30;
/** fcntl.h, linux/mount.h, linux/openat2.h. */
export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export const O_WRONLY_CREAT_EXCL = 0o301;
export const O_DIRECTORY: Readonly<Record<Arch, number>> = { x64: 0o200000, arm64: 0o40000 };
export const F_SETLEASE = 1024;
export const F_RDLCK = 0;
export const F_UNLCK = 2;
export const S_IFREG = 0o100000;
export const RESOLVE_NO_SYMLINKS = 4;
export const RESOLVE_IN_ROOT = 0x10;
export const OPEN_TREE_CLONE = 1;
/** move_mount(2): the mount by its descriptor alone, and with EMPTY_PATHS the place as well. */
export const EMPTY_SOURCE = 0x04;
export const EMPTY_PATHS = 0x44;
export const FSCONFIG = { flag: 0, string: 1, create: 6 } as const;
export const MOUNT = { rdonly: 1, nosuid: 2, nodev: 4, noexec: 8 } as const;
export const BARE = MOUNT.nosuid | MOUNT.nodev | MOUNT.noexec;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;
export const AT_REMOVEDIR = 0x200;
export const MS_PRIVATE = 1 << 18;

/** struct mount_attr. */
export function attributes(set: number, propagation: number, clear = 0): Buffer {
  return struct([set, 8], [clear, 8], [propagation, 8], [0, 8]);
}

/** struct open_how. */
export function openHow(flags: number, resolve: number): Buffer {
  return struct([flags | O_CLOEXEC, 8], [0, 8], [resolve, 8]);
}

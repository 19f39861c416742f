/** Says in system calls how a waiting open(2) is answered with a file of ours in the place of the one that it names. Pure. */
import { CallList, struct } from './call-list.ts';
import { JOINED } from './live-mounts.ts';
import { AT_FDCWD, O_CLOEXEC } from './mount-api.ts';
import type { Arch } from './seccomp/tables.ts';

/** asm-generic/fcntl.h. What is no file any more is not waited for. */
const O_RDWR = 2;
const O_TRUNC = 0o1000;
const O_NONBLOCK = 0o4000;
/** arm64 has a number of its own. */
const O_NOFOLLOW = { x64: 0o400000, arm64: 0o100000 } as const;
/** _IOW('!', 3, struct seccomp_notif_addfd); the descriptor is the call's result (linux/seccomp.h). */
const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103;
const SECCOMP_ADDFD_FLAG_SEND = 2;

const FILE = 33;

/**
 * The call `id` gives a descriptor of `path`, a file of the host's that exists, emptied. SECURITY: whatever the call names, by a
 * path or by a directory that was opened long ago, nothing else is opened: the kernel does not go on with it.
 */
export function standInCalls(id: bigint, path: string, arch: Arch): CallList {
  const calls = new CallList(arch);
  calls.step = 'open';
  calls.label = `open ${path}`;
  const flags = O_RDWR | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW[arch];
  calls.add('openat', [AT_FDCWD, path, flags, 0], { place: FILE });
  calls.label = 'hand it over';
  const added = struct([id, 8], [SECCOMP_ADDFD_FLAG_SEND, 4], [FILE, 4], [0, 4], [O_CLOEXEC, 4]);
  calls.add('ioctl', [JOINED.listener, SECCOMP_IOCTL_NOTIF_ADDFD, added]);
  return calls;
}

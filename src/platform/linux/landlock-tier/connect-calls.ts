/** Says in system calls how the supervisor connects in the place of a program that may not connect by itself. Pure. */
import { parseAddress } from '../../../policy/ip-address.ts';
import { CallList, struct } from '../call-list.ts';
import { JOINED } from '../live-mounts.ts';
import type { AskedRecord, SocketAddress } from '../plan.ts';
import type { Arch } from '../seccomp/tables.ts';

/** Numbers that x86-64 and arm64 share (asm-generic/fcntl.h, linux/socket.h, linux/seccomp.h). */
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const AF = { 4: 2, 6: 10 } as const;
const SOCK_STREAM_CLOEXEC = 1 | O_CLOEXEC;
/** _IOW('!', 3, struct seccomp_notif_addfd) */
const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103;
/** The caller's descriptor of that number is replaced, as by dup3(2). */
const SECCOMP_ADDFD_FLAG_SETFD = 1;

const SOCKET = 33;

/** `struct sockaddr_in` or `sockaddr_in6`. */
function socketName({ address, port }: SocketAddress): { readonly family: number; readonly bytes: Buffer } {
  const { family, value } = parseAddress(address)!;
  const bytes = Buffer.alloc(family === 6 ? 28 : 16);
  bytes.writeUInt16LE(AF[family], 0);
  bytes.writeUInt16BE(port, 2);
  bytes.write(value.toString(16).padStart(family === 6 ? 32 : 8, '0'), family === 6 ? 8 : 4, 'hex');
  return { family: AF[family], bytes };
}

/**
 * Connects a socket of ours to `at` and puts it in the place of the caller's, which waits. `flags`: the caller's, as
 * /proc/PID/fdinfo has them. What the caller had set on its own socket is lost with it; programs that watch for readiness
 * begin with that after connect(2), which gives 0 here.
 */
export function connectCalls(
  { id, descriptor }: Pick<AskedRecord, 'id' | 'descriptor'>,
  at: SocketAddress,
  flags: number,
  arch: Arch,
): CallList {
  const calls = new CallList(arch);
  const { family, bytes } = socketName(at);
  calls.step = 'network';
  calls.label = `connect to ${at.address} port ${at.port}`;
  calls.add('socket', [family, SOCK_STREAM_CLOEXEC, 0], { place: SOCKET });
  calls.add('connect', [SOCKET, bytes, bytes.length]);
  calls.add('fcntl', [SOCKET, F_SETFL, flags & O_NONBLOCK]);
  const added = struct(
    [id, 8],
    [SECCOMP_ADDFD_FLAG_SETFD, 4],
    [SOCKET, 4],
    [descriptor, 4],
    [flags & O_CLOEXEC, 4],
  );
  calls.label = 'hand the connection over';
  calls.add('ioctl', [JOINED.listener, SECCOMP_IOCTL_NOTIF_ADDFD, added]);
  return calls;
}

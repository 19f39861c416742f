/**
 * Says in system calls that the sandbox's network takes addresses for its own (AnyIP), as by
 * `ip route add local ADDRESS/BITS dev lo`. To addresses that nobody asked for there is no way, whatever call names them. Pure.
 */
import { parseAddress } from '../../policy/ip-address.ts';
import { CallList } from './call-list.ts';
import { JOINED } from './live-mounts.ts';
import { NAMESPACE } from './plan.ts';
import type { Arch } from './seccomp/tables.ts';

/** linux/netlink.h and linux/rtnetlink.h. */
const RTM_NEWROUTE = 24;
const NLMSG_ERROR = 2;
/** NLM_F_REQUEST, ACK, REPLACE and CREATE: what is there already is no error. */
const FLAGS = 0x1 | 0x4 | 0x100 | 0x400;
const NLM_F_CAPPED = 0x100;
const RTA_DST = 1;
const RTA_OIF = 4;
const LOOPBACK_INDEX = 1;
/** Of `struct rtmsg`: RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL. */
const LOCAL = [255, 3, 254, 2] as const;

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0o2000003;
/** A name of the socket's own, so that every byte of the answer is known. */
const PORT = 0x70696e;
const HEADER = 16;
const SOCKET = 30;

function header(length: number, type: number, flags: number, port: number): Buffer {
  const out = Buffer.alloc(HEADER);
  out.writeUInt32LE(length, 0);
  out.writeUInt16LE(type, 4);
  out.writeUInt16LE(flags, 6);
  out.writeUInt32LE(port, 12);
  return out;
}

function attribute(type: number, value: Buffer): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt16LE(4 + value.length, 0);
  out.writeUInt16LE(type, 2);
  return Buffer.concat([out, value]);
}

function request(address: string, bits: number): Buffer {
  const { family, value } = parseAddress(address)!;
  const index = Buffer.alloc(4);
  index.writeUInt32LE(LOOPBACK_INDEX, 0);
  const bytes = Buffer.from(value.toString(16).padStart(family === 6 ? 32 : 8, '0'), 'hex');
  const route = Buffer.from([family === 6 ? AF_INET6 : AF_INET, bits, 0, 0, ...LOCAL, 0, 0, 0, 0]);
  const body = Buffer.concat([route, attribute(RTA_OIF, index), attribute(RTA_DST, bytes)]);
  return Buffer.concat([header(HEADER + body.length, RTM_NEWROUTE, FLAGS, 0), body]);
}

/** `address`: the first of them, in canonical spelling; `bits` of it are common to all. */
export function routeCalls(arch: Arch, address: string, bits: number): CallList {
  const calls = new CallList(arch);
  calls.step = 'network';
  calls.label = `take ${address}/${bits} for the network’s own`;
  calls.add('setns', [JOINED.user, NAMESPACE.user]);
  calls.add('setns', [JOINED.network, NAMESPACE.net]);
  calls.add('socket', [AF_NETLINK, SOCK_RAW_CLOEXEC, 0], { place: SOCKET });
  const name = Buffer.alloc(12); // struct sockaddr_nl
  name.writeUInt16LE(AF_NETLINK, 0);
  name.writeUInt32LE(PORT, 4);
  calls.add('bind', [SOCKET, name, name.length]);
  const asked = request(address, bits);
  calls.add('sendto', [SOCKET, asked, asked.length, 0, 0, 0]);
  // An acknowledgement is the error, 0, with the header of the request; only an error brings all of the request back.
  const done = Buffer.concat([header(2 * HEADER + 4, NLMSG_ERROR, NLM_F_CAPPED, PORT), Buffer.alloc(4)]);
  const answer = Buffer.alloc(256);
  calls.add('recvfrom', [SOCKET, answer, answer.length, 0, 0, 0]);
  calls.add('compare', [answer, done, done.length]);
  return calls;
}

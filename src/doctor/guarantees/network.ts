/** Guarantees about the network, as the policy's network access has them; and sockets of the host. */
import { readFileSync, readlinkSync } from 'node:fs';
import { AT_FDCWD, callAttempt, packed, readCalls, text } from '../acts.ts';
import type { Attempt, Guarantee } from '../guarantee.ts';
import type { Listener } from '../listeners.ts';
import { call } from '../system-call.ts';
import type { Ground } from './ground.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_PACKET = 17;
const AF_ALG = 38;
const AF_VSOCK = 40;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_SEQPACKET = 5;

/** `struct sockaddr_in`: the port and the address in network order. */
export function internetAddress(address: string, port: number): Uint8Array {
  const parts = address.split('.').map(Number);
  return Buffer.from([AF_INET, 0, port >> 8, port & 0xff, ...parts, 0, 0, 0, 0, 0, 0, 0, 0]);
}

function connectCalls(family: number, type: number, address: Uint8Array) {
  return [
    call('socket', family, type, 0),
    call('connect', { resultOf: 0 }, { bytes: address }, address.length),
  ];
}

/** Lines of proc_pid_net(5) `dev` after the heading: `  eth0: 12 …`. */
export function interfacesIn(table: string): string[] {
  return [...table.matchAll(/^\s*([^\s:]+):/gm)].map((match) => match[1]!).filter((name) => name !== 'lo');
}

const INTERFACES = '/proc/self/net/dev';

/** Reads which interfaces there are; also asked before anything is tried that could leave. */
export function interfacesCalls() {
  return readCalls(INTERFACES);
}

/** The host has none but its loopback in some containers: then there is nothing to see, nor any way out. */
function interfaces(): Attempt[] {
  const ofHost = interfacesIn(readFileSync(INTERFACES, 'utf8'));
  if (ofHost.length === 0) return [];
  return [
    {
      act: 'see a network interface of the host',
      calls: interfacesCalls,
      evidence: {
        kind: 'content',
        shows: (bytes) => interfacesIn(bytes.toString('latin1')).length > 0,
        legible: (bytes) => bytes.includes(' lo:'),
      },
    },
  ];
}

function namespace(): Attempt {
  const ofHost = readlinkSync('/proc/self/ns/net');
  return {
    act: "be in the host's network namespace",
    calls: () => [call('readlinkat', AT_FDCWD, text('/proc/self/ns/net'), { room: 64 }, 64)],
    evidence: {
      kind: 'content',
      shows: (bytes) => bytes.toString('latin1') === ofHost,
      legible: (bytes) => bytes.toString('latin1').startsWith('net:['),
    },
  };
}

export const FIND_ROUTE = 'find a route to 192.0.2.1';

/** connect(2) of a datagram socket looks for a route and sends nothing. 192.0.2.1 is nobody's (RFC 5737). */
/** Where no socket can be made at all, the first call is the one that is refused. */
function route(closed: boolean): Attempt {
  return {
    act: FIND_ROUTE,
    calls: () => connectCalls(AF_INET, SOCK_DGRAM, internetAddress('192.0.2.1', 9)),
    evidence: {
      kind: 'answer',
      refused: ['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EPERM'],
      ...(closed && { deciding: 2 }),
    },
    hostRefuses: ['ENETUNREACH', 'EHOSTUNREACH'],
  };
}

function noWayOut({ policy, weaker }: Ground): Guarantee {
  const closed = weaker !== undefined;
  return {
    id: 'no-way-out',
    group: 'network',
    claim: "No packet leaves by the host's network",
    short: 'no interface',
    // With `local` and `filtered` every address may be made local inside, so that a route tells nothing there.
    attempts: [
      ...(closed ? [] : [namespace()]),
      ...interfaces(),
      ...(closed || policy.network.access.value === 'none' ? [route(closed)] : []),
    ],
  };
}

function visit(act: string, type: number, { name, port }: Listener): Attempt {
  return {
    act,
    calls: () => [
      ...connectCalls(AF_INET, type, internetAddress('127.0.0.1', port)),
      call('write', { resultOf: 0 }, text('x'), 1),
    ],
    evidence: { kind: 'visit', listener: name },
  };
}

function loopback({ stream, datagram }: Ground): Guarantee {
  return {
    id: 'loopback',
    group: 'network',
    claim: "Services on the host's loopback cannot be reached",
    short: "host's loopback closed",
    attempts: [
      visit("connect to a service on the host's loopback", SOCK_STREAM, stream),
      visit("send a datagram to the host's loopback", SOCK_DGRAM, datagram),
    ],
  };
}

/** With `local` the host's loopback is open, except for what would run code for whoever asks. */
function dangerousPorts({ dangerous }: Ground): Guarantee {
  return {
    id: 'dangerous-ports',
    group: 'network',
    claim: 'Ports of the host on which services run code for whoever asks cannot be reached',
    short: 'debuggers closed',
    attempts:
      dangerous === undefined
        ? []
        : [visit(`connect to port ${dangerous.port} of the host`, SOCK_STREAM, dangerous)],
  };
}

function hostSockets({ victim, weaker }: Ground): Guarantee {
  const attempt = (act: string, address: Uint8Array): Attempt => ({
    act,
    calls: () => connectCalls(AF_UNIX, SOCK_STREAM, address),
    evidence: {
      kind: 'answer',
      refused: ['ENOENT', 'ECONNREFUSED', 'EACCES', 'EPERM'],
      // Without namespaces such a socket cannot even be made.
      ...(weaker && { deciding: 2 }),
    },
  });
  return {
    id: 'host-sockets',
    group: 'network',
    claim: "Unix sockets of the host's programs cannot be reached, by path or by abstract name",
    short: "host's sockets hidden",
    attempts: [
      attempt('connect to a socket file in /tmp', victim.pathSocket),
      attempt('connect to an abstract socket', victim.abstractSocket),
    ],
  };
}

function rawSockets(): Guarantee {
  const refused = ['EPERM', 'EACCES', 'EAFNOSUPPORT'];
  const socket = (act: string, family: number, type: number, hostRefuses: readonly string[]) =>
    callAttempt(act, call('socket', family, type, 0), { refused, hostRefuses });
  return {
    id: 'raw-sockets',
    group: 'network',
    claim: 'Sockets below or beside IP cannot be made',
    short: 'no raw sockets',
    attempts: [
      socket('make a packet socket', AF_PACKET, SOCK_RAW, ['EPERM', 'EAFNOSUPPORT']),
      socket("make a socket of the kernel's crypto interface", AF_ALG, SOCK_SEQPACKET, [
        'EAFNOSUPPORT',
        'EPERM',
      ]),
      socket('make a socket to the hypervisor', AF_VSOCK, SOCK_STREAM, ['EAFNOSUPPORT', 'ENODEV', 'EPERM']),
    ],
  };
}

const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SECONDS = 2;

/** Asks the name server at `server`; the kernel lets the question out only where there is a way. */
export function resolveCalls(server: { readonly address: string; readonly port: number }, query: Uint8Array) {
  return [
    ...connectCalls(AF_INET, SOCK_DGRAM, internetAddress(server.address, server.port)),
    call('setsockopt', { resultOf: 0 }, SOL_SOCKET, SO_RCVTIMEO, packed([8, SECONDS], [8, 0]), 16),
    call('write', { resultOf: 0 }, { bytes: query }, query.length),
    call('read', { resultOf: 0 }, { room: 512 }, 512),
  ];
}

export function networkGuarantees(ground: Ground): Guarantee[] {
  const { value } = ground.policy.network.access;
  return [
    noWayOut(ground),
    value === 'local' ? dangerousPorts(ground) : loopback(ground),
    hostSockets(ground),
    rawSockets(),
  ];
}

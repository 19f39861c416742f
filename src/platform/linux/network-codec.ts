/** The part of the wire format that is about the sandbox's network: `native/launcher/destinations.c` and `network.c`. */
import { formatAddress, parseAddress } from '../../policy/ip-address.ts';
import type { AskedRecord, SocketAddress } from './plan.ts';

/** AF_INET and AF_INET6 of Linux. */
const FAMILY = { four: 2, six: 10 } as const;
/** SOCK_STREAM and SOCK_DGRAM of Linux. */
const TRANSPORT: Readonly<Record<number, AskedRecord['transport']>> = { 1: 'tcp', 2: 'udp' };
const ACT: Readonly<Record<number, AskedRecord['act']>> = { 1: 'connect', 2: 'send', 3: 'bind' };

/** `listening` and `connected` are TCP, `datagrams` is a bound UDP socket. */
export type SocketKind = 'listening' | 'datagrams' | 'connected';
const SOCKET_KIND = { listening: 1, datagrams: 2, connected: 3 } as const satisfies Record<
  SocketKind,
  number
>;

/** Bytes of `struct destination`. */
const ADDRESS_BYTES = 24;
/** Bytes of an `asked` record. */
export const ASKED_BYTES = 20 + ADDRESS_BYTES + 4;

/** What further calls to a destination meet; `enum remember`. With `telling` each that passes is told of, without `id`. */
const REMEMBER = { nothing: 0, passing: 1, telling: 2 } as const;
type Remember = keyof typeof REMEMBER;

export interface Settlement {
  /** Of the call that waits; absent: this is only about what is to be known. */
  readonly id?: bigint;
  /** 0 lets the call pass, else a positive errno; `done`: it was carried out in the caller's place, and gives 0. */
  readonly errno: number | 'done';
  /** Absent: the call is about no destination. */
  readonly at?: SocketAddress;
  /** Whether further calls to `at` pass without being asked about. Default `nothing`. */
  readonly remember?: Remember;
}

function writeAddress(out: Buffer, at: number, { address, port }: SocketAddress): void {
  const { family, value } = parseAddress(address)!;
  out.writeUInt32LE(family === 6 ? FAMILY.six : FAMILY.four, at);
  out.writeUInt32LE(port, at + 4);
  out.write(value.toString(16).padStart(family === 6 ? 32 : 8, '0'), at + 8, 'hex');
}

/** Decodes an `asked` record. */
export function decodeAsked(payload: Buffer): AskedRecord {
  const family = payload.readUInt32LE(20) === FAMILY.four ? 4 : 6;
  return {
    kind: 'asked',
    id: payload.readBigUInt64LE(0),
    pid: payload.readUInt32LE(8),
    act: ACT[payload.readUInt32LE(12)] ?? 'connect',
    transport: TRANSPORT[payload.readUInt32LE(16)],
    port: payload.readUInt32LE(24),
    descriptor: payload.readInt32LE(44),
    address: formatAddress({
      family,
      value: BigInt(`0x${payload.toString('hex', 28, family === 4 ? 32 : 44)}`),
    }),
  };
}

/** `struct verdict`. */
export function verdictPayload({ id, errno, at, remember }: Settlement): Buffer {
  const out = Buffer.alloc(16 + ADDRESS_BYTES);
  out.writeBigUInt64LE(id ?? 0n, 0);
  out.writeInt32LE(errno === 'done' ? 1 : -errno, 8);
  out.writeUInt32LE(REMEMBER[remember ?? 'nothing'], 12);
  if (at) writeAddress(out, 16, at);
  return out;
}

export function socketPayload(token: number, kind: SocketKind, at: SocketAddress): Buffer {
  const out = Buffer.alloc(8 + ADDRESS_BYTES);
  out.writeUInt32LE(token, 0);
  out.writeUInt32LE(SOCKET_KIND[kind], 4);
  writeAddress(out, 8, at);
  return out;
}

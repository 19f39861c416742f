/**
 * The bytes of the FUSE protocol, as far as a read-only tree of names needs them: include/uapi/linux/fuse.h, version 7.31
 * (Linux 5.4). Numbers are little-endian, as on the processors that a launcher exists for.
 */

/** enum fuse_opcode. What is not here is answered ENOSYS, which tells the kernel never to ask again. */
export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  readlink: 5,
  open: 14,
  read: 15,
  statfs: 17,
  release: 18,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  access: 34,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  readdirplus: 44,
} as const;

/** Acts that would change something. A read-only mount refuses them before they get here. */
const CHANGES: ReadonlySet<number> = new Set([4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45, 47, 51]);

/** errno(3) of asm-generic, the same on x86-64 and arm64. */
export const ERRNO = {
  ENOENT: 2,
  EIO: 5,
  EACCES: 13,
  ENOTDIR: 20,
  EINVAL: 22,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ESTALE: 116,
} as const;

const IN_HEADER = 40;
/** A request is a header, at most two names of NAME_MAX (255) bytes or a list of forgotten nodes: the relay's buffer bounds it. */
export const MAX_REQUEST = 1 << 16;
/** Longest listing in one answer, whatever the kernel's buffer would hold. */
const MAX_LISTING = 8192;

interface Head {
  readonly unique: bigint;
  readonly node: bigint;
  /** Thread that asks, in the PID namespace of who made the mount; 0 when it is not to be seen from there. */
  readonly pid: number;
}

export interface Forgotten {
  readonly node: bigint;
  readonly lookups: bigint;
}

export type Request = Head &
  (
    | { readonly kind: 'init'; readonly major: number; readonly minor: number; readonly flags: number }
    | { readonly kind: 'lookup'; readonly name: Buffer }
    | { readonly kind: 'getattr' | 'readlink' | 'open' | 'opendir' | 'statfs' | 'done' }
    | { readonly kind: 'read'; readonly handle: bigint; readonly offset: bigint; readonly size: number }
    | { readonly kind: 'release'; readonly handle: bigint }
    | { readonly kind: 'access'; readonly mask: number }
    | { readonly kind: 'readdir' | 'readdirplus'; readonly offset: number; readonly size: number }
    | { readonly kind: 'forget'; readonly forgotten: readonly Forgotten[] }
    /** Not to be answered with anything but this errno. */
    | { readonly kind: 'refused'; readonly errno: number }
  );

const PLAIN: Readonly<Record<number, 'getattr' | 'readlink' | 'open' | 'opendir' | 'statfs' | 'done'>> = {
  [OPCODE.getattr]: 'getattr',
  [OPCODE.readlink]: 'readlink',
  [OPCODE.open]: 'open',
  [OPCODE.opendir]: 'opendir',
  [OPCODE.statfs]: 'statfs',
  [OPCODE.releasedir]: 'done',
  [OPCODE.destroy]: 'done',
};

/** One request, header included. A body that is too short is refused with EINVAL: nothing is guessed. */
export function decodeRequest(bytes: Buffer): Request {
  const opcode = bytes.readUInt32LE(4);
  const head = {
    unique: bytes.readBigUInt64LE(8),
    node: bytes.readBigUInt64LE(16),
    pid: bytes.readUInt32LE(32),
  };
  const body = bytes.subarray(IN_HEADER);
  const kind = PLAIN[opcode];
  if (kind !== undefined) return { ...head, kind };
  return { ...head, ...decodeBody(opcode, head.node, body) };
}

type Bodied = Exclude<Request, { kind: 'getattr' | 'readlink' | 'open' | 'opendir' | 'statfs' | 'done' }>;
type Body<T = Bodied> = T extends unknown ? Omit<T, keyof Head> : never;

const TOO_SHORT: Body = { kind: 'refused', errno: ERRNO.EINVAL };

function decodeBody(opcode: number, node: bigint, body: Buffer): Body {
  switch (opcode) {
    case OPCODE.init:
      if (body.length < 16) return TOO_SHORT;
      return {
        kind: 'init',
        major: body.readUInt32LE(0),
        minor: body.readUInt32LE(4),
        flags: body.readUInt32LE(12),
      };
    case OPCODE.lookup: {
      const end = body.indexOf(0);
      return end < 0 ? TOO_SHORT : { kind: 'lookup', name: body.subarray(0, end) };
    }
    case OPCODE.read:
      if (body.length < 20) return TOO_SHORT;
      return {
        kind: 'read',
        handle: body.readBigUInt64LE(0),
        offset: body.readBigUInt64LE(8),
        size: body.readUInt32LE(16),
      };
    case OPCODE.release:
      return body.length < 8 ? TOO_SHORT : { kind: 'release', handle: body.readBigUInt64LE(0) };
    case OPCODE.access:
      return body.length < 4 ? TOO_SHORT : { kind: 'access', mask: body.readUInt32LE(0) };
    case OPCODE.readdir:
    case OPCODE.readdirplus:
      if (body.length < 20) return TOO_SHORT;
      return {
        kind: opcode === OPCODE.readdir ? 'readdir' : 'readdirplus',
        offset: Number(BigInt.asUintN(53, body.readBigUInt64LE(8))),
        size: Math.min(body.readUInt32LE(16), MAX_LISTING),
      };
    case OPCODE.forget:
      if (body.length < 8) return { kind: 'forget', forgotten: [] };
      return { kind: 'forget', forgotten: [{ node, lookups: body.readBigUInt64LE(0) }] };
    case OPCODE.batchForget:
      return { kind: 'forget', forgotten: decodeForgotten(body) };
    default:
      return { kind: 'refused', errno: CHANGES.has(opcode) ? ERRNO.EROFS : ERRNO.ENOSYS };
  }
}

function decodeForgotten(body: Buffer): Forgotten[] {
  if (body.length < 8) return [];
  const count = Math.min(body.readUInt32LE(0), Math.floor((body.length - 8) / 16));
  return Array.from({ length: count }, (_, index) => ({
    node: body.readBigUInt64LE(8 + 16 * index),
    lookups: body.readBigUInt64LE(16 + 16 * index),
  }));
}

/** Cuts the relay's stream into requests: each begins with its own length. Throws RangeError for what no kernel sends. */
export class RequestReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Request[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const requests: Request[] = [];
    let at = 0;
    while (this.#pending.length - at >= IN_HEADER) {
      const length = this.#pending.readUInt32LE(at);
      if (length < IN_HEADER || length > MAX_REQUEST)
        throw new RangeError(`a FUSE request of ${length} bytes`);
      if (this.#pending.length - at < length) break;
      requests.push(decodeRequest(this.#pending.subarray(at, at + length)));
      at += length;
    }
    this.#pending = this.#pending.subarray(at);
    return requests;
  }
}

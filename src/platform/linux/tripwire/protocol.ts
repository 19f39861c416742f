/**
 * The bytes of the FUSE protocol, as far as a read-only tree of names needs them: include/uapi/linux/fuse.h, version 7.31
 * (Linux 5.4). Numbers are little-endian, as on the processors that a launcher exists for.
 */

/** The version that is answered; a newer kernel keeps to it (fuse.h: "the minor version of the other side is used"). */
export const FUSE_VERSION = { major: 7, minor: 31 } as const;

/** enum fuse_opcode. What is not here is answered ENOSYS, which tells the kernel never to ask again. */
export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  readlink: 5,
  open: 14,
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
  EACCES: 13,
  ENOTDIR: 20,
  EINVAL: 22,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ESTALE: 116,
} as const;

/** Seconds for which the kernel may answer from its own memory: longer than any session. */
const LONG = 10n * 365n * 86400n;

const IN_HEADER = 40;
const OUT_HEADER = 16;
const ATTR = 88;
const ENTRY = 40 + ATTR;
/** A request is a header, at most two names of NAME_MAX (255) bytes or a list of forgotten nodes: the relay's buffer bounds it. */
export const MAX_REQUEST = 1 << 16;
/** FUSE_MIN_READ_BUFFER is 8192: writes never come, so the kernel needs no larger buffer. */
const MAX_WRITE = 4096;
/** Longest listing in one answer, whatever the kernel's buffer would hold. */
const MAX_LISTING = 8192;

/** FUSE_PARALLEL_DIROPS, FUSE_CACHE_SYMLINKS, FUSE_DO_READDIRPLUS, FUSE_READDIRPLUS_AUTO. */
const WANTED_FLAGS = (1 << 18) | (1 << 23) | (1 << 13) | (1 << 14);

/** S_IFMT of inode(7). */
export const FILE_TYPE = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

export interface Attributes {
  readonly inode: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** `long`: the kernel may keep them; `never`: it asks each time, and so each look is seen. */
  readonly keep: 'long' | 'never';
}

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
  [OPCODE.release]: 'done',
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

function reply(unique: bigint, errno: number, payload: number): Buffer {
  const bytes = Buffer.alloc(OUT_HEADER + payload);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeInt32LE(-errno, 4);
  bytes.writeBigUInt64LE(unique, 8);
  return bytes;
}

export function errorReply(unique: bigint, errno: number): Buffer {
  return reply(unique, errno, 0);
}

export function emptyReply(unique: bigint): Buffer {
  return reply(unique, 0, 0);
}

export function bytesReply(unique: bigint, content: Uint8Array): Buffer {
  const bytes = reply(unique, 0, content.length);
  bytes.set(content, OUT_HEADER);
  return bytes;
}

/** struct fuse_init_out. A kernel of another major version asks again after this answer, with ours. */
export function initReply(unique: bigint, { minor, flags }: { minor: number; flags: number }): Buffer {
  const bytes = reply(unique, 0, 64);
  bytes.writeUInt32LE(FUSE_VERSION.major, 16);
  bytes.writeUInt32LE(Math.min(minor, FUSE_VERSION.minor), 20);
  bytes.writeUInt32LE((flags & WANTED_FLAGS) >>> 0, 28);
  bytes.writeUInt16LE(16, 32);
  bytes.writeUInt16LE(12, 34);
  bytes.writeUInt32LE(MAX_WRITE, 36);
  bytes.writeUInt32LE(1, 40);
  return bytes;
}

function writeAttributes(bytes: Buffer, at: number, { inode, mode, uid, gid, size }: Attributes): void {
  bytes.writeBigUInt64LE(inode, at);
  bytes.writeBigUInt64LE(BigInt(size), at + 8);
  bytes.writeUInt32LE(mode, at + 60);
  // One link: programs that walk trees take it for "unknown" and do not count on `..` of sub-directories.
  bytes.writeUInt32LE(1, at + 64);
  bytes.writeUInt32LE(uid, at + 68);
  bytes.writeUInt32LE(gid, at + 72);
  bytes.writeUInt32LE(4096, at + 80);
}

function writeEntry(bytes: Buffer, at: number, attributes: Attributes): void {
  bytes.writeBigUInt64LE(attributes.inode, at);
  bytes.writeBigUInt64LE(LONG, at + 16);
  bytes.writeBigUInt64LE(attributes.keep === 'long' ? LONG : 0n, at + 24);
  writeAttributes(bytes, at + 40, attributes);
}

export function entryReply(unique: bigint, attributes: Attributes): Buffer {
  const bytes = reply(unique, 0, ENTRY);
  writeEntry(bytes, OUT_HEADER, attributes);
  return bytes;
}

/** Node 0: there is no such name, and the kernel may remember that. */
export function absentReply(unique: bigint): Buffer {
  const bytes = reply(unique, 0, ENTRY);
  bytes.writeBigUInt64LE(LONG, OUT_HEADER + 16);
  return bytes;
}

export function attributesReply(unique: bigint, attributes: Attributes): Buffer {
  const bytes = reply(unique, 0, 16 + ATTR);
  bytes.writeBigUInt64LE(attributes.keep === 'long' ? LONG : 0n, OUT_HEADER);
  writeAttributes(bytes, OUT_HEADER + 16, attributes);
  return bytes;
}

/** A directory whose listing never changes: FOPEN_KEEP_CACHE, FOPEN_CACHE_DIR. */
export function openedReply(unique: bigint): Buffer {
  const bytes = reply(unique, 0, 16);
  bytes.writeUInt32LE((1 << 1) | (1 << 3), OUT_HEADER + 8);
  return bytes;
}

/** struct fuse_kstatfs: nothing in it, nothing free, names of up to NAME_MAX bytes. */
export function statfsReply(unique: bigint): Buffer {
  const bytes = reply(unique, 0, 80);
  bytes.writeUInt32LE(4096, OUT_HEADER + 40);
  bytes.writeUInt32LE(255, OUT_HEADER + 44);
  bytes.writeUInt32LE(4096, OUT_HEADER + 48);
  return bytes;
}

export interface Listed {
  readonly name: Buffer;
  readonly attributes: Attributes;
}

/** As many of `entries` from `offset` on as fit into `size` bytes; with `plus`, what a look-up of each would say. */
export function listingReply(
  unique: bigint,
  entries: readonly Listed[],
  { offset, size, plus }: { readonly offset: number; readonly size: number; readonly plus: boolean },
): Buffer {
  const parts: Buffer[] = [];
  let left = size;
  for (let index = offset; index < entries.length; index++) {
    const { name, attributes } = entries[index]!;
    const before = plus ? ENTRY : 0;
    const bytes = Buffer.alloc(before + ((24 + name.length + 7) & ~7));
    if (bytes.length > left) break;
    left -= bytes.length;
    if (plus) writeEntry(bytes, 0, attributes);
    bytes.writeBigUInt64LE(attributes.inode, before);
    bytes.writeBigUInt64LE(BigInt(index + 1), before + 8);
    bytes.writeUInt32LE(name.length, before + 16);
    bytes.writeUInt32LE(attributes.mode >> 12, before + 20);
    bytes.set(name, before + 24);
    parts.push(bytes);
  }
  return bytesReply(unique, Buffer.concat(parts));
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

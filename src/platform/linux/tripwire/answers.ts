/** What the tripwire file system answers, as bytes: include/uapi/linux/fuse.h, version 7.31 (Linux 5.4). */

/** The version that is answered; a newer kernel keeps to it (fuse.h: "the minor version of the other side is used"). */
export const FUSE_VERSION = { major: 7, minor: 31 } as const;

/** Seconds for which the kernel may answer from its own memory: longer than any session. */
const LONG = 10n * 365n * 86400n;

const OUT_HEADER = 16;
const ATTR = 88;
const ENTRY = 40 + ATTR;
/** FUSE_MIN_READ_BUFFER is 8192: writes never come, so the kernel needs no larger buffer. */
const MAX_WRITE = 4096;
/** FUSE_PARALLEL_DIROPS, FUSE_CACHE_SYMLINKS, FUSE_DO_READDIRPLUS: a listing spares the look-up of each name in it. */
const WANTED_FLAGS = (1 << 18) | (1 << 23) | (1 << 13);

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

/** A file that is read by asking each time (FOPEN_DIRECT_IO): what others see of its size does not cut it short. */
export function openedFileReply(unique: bigint, handle: bigint): Buffer {
  const bytes = reply(unique, 0, 16);
  bytes.writeBigUInt64LE(handle, OUT_HEADER);
  bytes.writeUInt32LE(1, OUT_HEADER + 8);
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

/**
 * FUSE_NOTIFY_INVAL_INODE: the kernel asks anew for what is in this directory, or how big this file is. It is no answer: its number is 0. (INVAL_ENTRY,
 * which is for names, takes the directory's lock, which a look-up may hold that waits for the very process that sends it.)
 */
const INVAL_INODE = 2;

export function forgetInode(inode: bigint): Buffer {
  const bytes = reply(0n, 0, 24);
  bytes.writeInt32LE(INVAL_INODE, 4);
  bytes.writeBigUInt64LE(inode, OUT_HEADER);
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

/** Requests as the kernel writes them (struct fuse_in_header and what follows it), for the tests of the tripwire. */

export interface Asked {
  readonly opcode: number;
  readonly node?: bigint;
  readonly pid?: number;
  readonly unique?: bigint;
  readonly body?: Uint8Array;
}

export function requestBytes({
  opcode,
  node = 1n,
  pid = 4711,
  unique = 7n,
  body = new Uint8Array(),
}: Asked): Buffer {
  const head = Buffer.alloc(40);
  head.writeUInt32LE(40 + body.length, 0);
  head.writeUInt32LE(opcode, 4);
  head.writeBigUInt64LE(unique, 8);
  head.writeBigUInt64LE(node, 16);
  head.writeUInt32LE(pid, 32);
  return Buffer.concat([head, body]);
}

export function u32s(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

export function u64s(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(value, 8 * index);
  return bytes;
}

export function nameBytes(name: string | Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(name as string), Buffer.from([0])]);
}

/** Body of READDIR and READDIRPLUS: file handle, offset, size. */
export function readBody(offset: bigint, size: number): Buffer {
  return Buffer.concat([u64s(0n, offset), u32s(size, 0), Buffer.alloc(16)]);
}

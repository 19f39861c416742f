/** DNS messages for tests: queries as a client writes them, replies read by other code than what wrote them. */

export const TYPE = { A: 1, MX: 15, TXT: 16, AAAA: 28, SRV: 33, PTR: 12, HTTPS: 65, ANY: 255 } as const;

const short = (value: number) => [value >> 8, value & 0xff];

export interface QueryParts {
  readonly name: string;
  readonly type?: number;
  readonly class?: number;
  readonly id?: number;
  readonly flags?: number;
  readonly edns?: number;
}

export function queryBytes(parts: QueryParts): Uint8Array {
  const { name, type = TYPE.A, id = 0x1234, flags = 0x0100, edns } = parts;
  const labels = name === '' ? [] : name.split('.').map((label) => Buffer.from(label, 'latin1'));
  return Uint8Array.from([
    ...short(id),
    ...short(flags),
    ...short(1),
    ...short(0),
    ...short(0),
    ...short(edns === undefined ? 0 : 1),
    ...labels.flatMap((label) => [label.length, ...label]),
    0,
    ...short(type),
    ...short(parts.class ?? 1),
    ...(edns === undefined ? [] : [0, ...short(41), ...short(4096), 0, edns, 0, 0, 0, 0]),
  ]);
}

export interface ReadReply {
  readonly id: number;
  readonly code: number;
  readonly questions: number;
  /** TTL and data of each record, the data as it came. */
  readonly records: readonly { readonly type: number; readonly ttl: number; readonly data: Buffer }[];
}

/** Throws (by reading past the end) for a reply that is cut off; asserts nothing. */
export function readReply(bytes: Uint8Array): ReadReply {
  const buffer = Buffer.from(bytes);
  let at = 12;
  if (buffer.readUInt16BE(4) === 1) {
    while (buffer.readUInt8(at) !== 0) at += buffer.readUInt8(at) + 1;
    at += 5;
  }
  const records = Array.from({ length: buffer.readUInt16BE(6) }, () => {
    const length = buffer.readUInt16BE(at + 10);
    const record = { type: buffer.readUInt16BE(at + 2), ttl: buffer.readUInt32BE(at + 6) };
    const data = buffer.subarray(at + 12, at + 12 + length);
    at += 12 + length;
    return { ...record, data };
  });
  const opt = buffer.readUInt16BE(10) === 1 ? buffer.readUInt8(at + 5) << 4 : 0;
  return {
    id: buffer.readUInt16BE(0),
    code: opt | (buffer.readUInt8(3) & 15),
    questions: buffer.readUInt16BE(4),
    records,
  };
}

/** DNS messages, RFC 1035: reads a query that may be hostile, writes the answer to it. Pure; never throws. */

/** IANA's numbers of the types that get an answer. */
export const DNS_TYPES = { A: 1, PTR: 12, AAAA: 28 } as const;
export type AnswerType = keyof typeof DNS_TYPES;

/** RFC 1035 §4.1.1; BADVERS is EDNS's, RFC 6891 §6.1.3. */
export const RESPONSE_CODES = {
  NOERROR: 0,
  FORMERR: 1,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
export type ResponseCode = keyof typeof RESPONSE_CODES;

export interface DnsQuery {
  readonly kind: 'query';
  readonly id: number;
  readonly recursionDesired: boolean;
  /** As text, RFC 1035 §5.1: bytes that are no printable ASCII, and dots within a label, as `\DDD`. No dot at the end. */
  readonly name: string;
  /** Every label is letters, digits, `-` and `_`: `name` is the name, with nothing escaped. */
  readonly plain: boolean;
  readonly type: number;
  readonly class: number;
  /** The question section as it came: it is echoed byte by byte, since clients hide random bits in the case of letters. */
  readonly question: Uint8Array;
  /** Version of EDNS (RFC 6891) if the query speaks it. */
  readonly edns?: number;
}

/** `id` absent: not even a header, or an answer instead of a query; it gets no reply. */
export interface Malformed {
  readonly kind: 'malformed';
  readonly id?: number;
  readonly code: ResponseCode;
  readonly why: string;
}

/** One record of an answer. `data`: 4 bytes for A, 16 for AAAA, a plain name for PTR. */
export interface DnsAnswer {
  readonly type: AnswerType;
  readonly data: Uint8Array | string;
}

const HEADER = 12;
const OPT = 41;
/** What a reply of ours fits into many times; told to EDNS clients. RFC 6891 §6.2.5 and the DNS flag day's number. */
const UDP_PAYLOAD = 1232;

interface ReadName {
  readonly name: string;
  readonly plain: boolean;
  /** Offset behind the name. */
  readonly end: number;
}

function labelText(label: Uint8Array): string {
  return Array.from(label, (byte) => {
    const visible = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
    return visible ? String.fromCharCode(byte) : `\\${byte.toString().padStart(3, '0')}`;
  }).join('');
}

/** A name without compression: a query's only name has nothing to point at, so there is no pointer to follow or to loop. */
function readName(message: Uint8Array, start: number): ReadName | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    // Above 63 the two high bits are set: a pointer, or a kind of label that was never defined.
    if (length === undefined || length > 63 || at + 1 + length > message.length) return undefined;
    // RFC 1035 §2.3.4: 255 bytes with all lengths, the root's included.
    if (at + 1 + length - start > 255) return undefined;
    at += 1 + length;
    if (length === 0) break;
    labels.push(labelText(message.subarray(at - length, at)));
  }
  const plain = labels.every((label) => /^[A-Za-z0-9_-]+$/.test(label));
  return { name: labels.join('.'), plain, end: at };
}

/** The version of an OPT record that is the first of the additional section. Undefined: there is none, or it is cut off. */
function readEdns(message: Uint8Array, view: DataView, at: number): number | undefined {
  const isOpt = at + 11 <= message.length && message[at] === 0 && view.getUint16(at + 1) === OPT;
  return isOpt ? message[at + 6] : undefined;
}

/**
 * Reads one message. Bytes behind the question are not looked at, but for EDNS: nothing that is decided depends on them.
 * A query whose only question is cut off, compressed or too long is malformed.
 */
export function readQuery(message: Uint8Array): DnsQuery | Malformed {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < HEADER) return { kind: 'malformed', code: 'FORMERR', why: 'shorter than a header' };
  const flags = view.getUint16(2);
  if (flags & 0x8000) return { kind: 'malformed', code: 'FORMERR', why: 'an answer, not a query' };
  const id = view.getUint16(0);
  const bad = (why: string, code: ResponseCode = 'FORMERR') =>
    ({ kind: 'malformed', id, code, why }) as const;
  if (flags & 0x7800) return bad(`operation ${(flags >> 11) & 15} instead of a query`, 'NOTIMP');
  if (view.getUint16(4) !== 1) return bad(`${view.getUint16(4)} questions instead of one`);
  if (view.getUint16(6) !== 0 || view.getUint16(8) !== 0) return bad('a query that brings answers');
  const read = readName(message, HEADER);
  if (read === undefined) return bad('its name is cut off, compressed or too long');
  if (read.end + 4 > message.length) return bad('its question is cut off');
  const edns = view.getUint16(10) === 0 ? undefined : readEdns(message, view, read.end + 4);
  return {
    kind: 'query',
    id,
    recursionDesired: (flags & 0x0100) !== 0,
    name: read.name,
    plain: read.plain,
    type: view.getUint16(read.end),
    class: view.getUint16(read.end + 2),
    question: message.slice(HEADER, read.end + 4),
    ...(edns !== undefined && { edns }),
  };
}

function nameBytes(name: string): number[] {
  const labels = name.split('.').map((label) => [label.length, ...Buffer.from(label, 'latin1')]);
  return [...labels.flat(), 0];
}

/** A record about the name of the question: 0xc00c points back at it. */
function recordBytes({ type, data }: DnsAnswer, ttlSeconds: number): number[] {
  const bytes = typeof data === 'string' ? nameBytes(data) : [...data];
  return [
    0xc0,
    HEADER,
    ...short(DNS_TYPES[type]),
    ...short(1),
    ...short(0),
    ...short(ttlSeconds),
    ...short(bytes.length),
    ...bytes,
  ];
}

const short = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

export interface Reply {
  readonly code: ResponseCode;
  readonly answers: readonly DnsAnswer[];
  /** At most 65,535. */
  readonly ttlSeconds: number;
}

/**
 * The reply to a query: its id and its question, authoritative, never truncated: it is shorter than the 512 bytes that
 * every client takes (RFC 1035 §4.2.1). Without an SOA record, so that nobody keeps a "no" (RFC 2308 §5): a host that is allowed a moment later works at once.
 */
export function writeReply(query: DnsQuery, { code, answers, ttlSeconds }: Reply): Uint8Array {
  const rcode = RESPONSE_CODES[code];
  const flags = 0x8480 | (query.recursionDesired ? 0x0100 : 0) | (rcode & 15);
  const opt =
    query.edns === undefined ? [] : [0, ...short(OPT), ...short(UDP_PAYLOAD), rcode >> 4, 0, 0, 0, 0, 0];
  return Uint8Array.from([
    ...short(query.id),
    ...short(flags),
    ...short(1),
    ...short(answers.length),
    ...short(0),
    ...short(opt.length > 0 ? 1 : 0),
    ...query.question,
    ...answers.flatMap((answer) => recordBytes(answer, ttlSeconds)),
    ...opt,
  ]);
}

/** The reply to what cannot be read: a bare header. Undefined for what deserves none, or two resolvers would talk for ever. */
export function writeMalformedReply({ id, code }: Malformed): Uint8Array | undefined {
  if (id === undefined) return undefined;
  return Uint8Array.from([
    ...short(id),
    ...short(0x8080 | RESPONSE_CODES[code]),
    ...new Array<number>(8).fill(0),
  ]);
}

/** Reads the server name from a TLS ClientHello, however it is cut into records and segments. */
import { readHost } from './authority.ts';

/**
 * - `more`: at least `needed` bytes in all must have come before it is worth looking again
 * - `hello`: `serverName` is normalised, and absent where the client sent none. With Encrypted Client Hello (RFC 9849)
 *   it is the outer name, which is the one the network routes by; `encrypted` says that an inner one may differ
 */
export type ClientHello =
  | { readonly kind: 'more'; readonly needed: number }
  | { readonly kind: 'hello'; readonly serverName?: string; readonly encrypted: boolean }
  | { readonly kind: 'malformed'; readonly why: string };

/** RFC 8446, section 5.1 and appendix B. */
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEAD = 5;
const HANDSHAKE_HEAD = 4;
const LARGEST_RECORD = 2 ** 14;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;

/** Bytes of a ClientHello with all its records. Post-quantum key shares and GREASE make some 2 KiB; browsers stay below 4. */
export const LARGEST_HELLO = 32 * 1024;

const malformed = (why: string): ClientHello => ({ kind: 'malformed', why });

/** Whether the first bytes can only be a TLS record: type 22, major version 3 (TLS 1.0 to 1.3 all say so). */
export function looksLikeTls(bytes: Buffer): boolean | undefined {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE) return false;
  return bytes.length < 2 ? undefined : bytes[1] === 3;
}

/** Walks length-prefixed fields; every read is checked, and `undefined` means that it does not fit. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(width: 1 | 2): number | undefined {
    const at = this.#at;
    if (at + width > this.#bytes.length) return undefined;
    this.#at += width;
    return width === 1 ? this.#bytes.readUInt8(at) : this.#bytes.readUInt16BE(at);
  }

  take(length: number | undefined): Buffer | undefined {
    if (length === undefined || this.#at + length > this.#bytes.length) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  vector(width: 1 | 2): Buffer | undefined {
    return this.take(this.number(width));
  }
}

/**
 * `bytes` is all that the client has sent so far, beginning with what `looksLikeTls`. What is judged is decided by the
 * lengths that the records declare, not by how much has come, so that segments make no difference.
 */
export function readClientHello(bytes: Buffer): ClientHello {
  const parts: Buffer[] = [];
  let declared = 0;
  let wanted: number | undefined;
  for (let at = 0; ; ) {
    if (bytes.length < at + RECORD_HEAD) return { kind: 'more', needed: at + RECORD_HEAD };
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3) {
      return malformed('its records are not all of the handshake');
    }
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > LARGEST_RECORD) return malformed('a record has an impossible length');
    const start = at + RECORD_HEAD;
    const end = start + length;
    if (end > LARGEST_HELLO) return malformed(`it is larger than ${LARGEST_HELLO} bytes`);
    parts.push(bytes.subarray(start, end));
    declared += length;
    if (wanted === undefined && declared >= HANDSHAKE_HEAD) {
      const head = Buffer.concat(parts);
      if (head.length < HANDSHAKE_HEAD)
        return { kind: 'more', needed: bytes.length + HANDSHAKE_HEAD - head.length };
      if (head[0] !== CLIENT_HELLO) return malformed('it does not begin with a ClientHello');
      wanted = HANDSHAKE_HEAD + head.readUIntBE(1, 3);
    }
    if (wanted !== undefined && declared > wanted) {
      return malformed('something follows the ClientHello before any answer');
    }
    if (bytes.length < end) return { kind: 'more', needed: end };
    if (declared === wanted) return readBody(Buffer.concat(parts).subarray(HANDSHAKE_HEAD));
    at = end;
  }
}

function readBody(body: Buffer): ClientHello {
  const fields = new Fields(body);
  const fixed = fields.take(2 + 32);
  const session = fields.vector(1);
  const suites = fields.vector(2);
  const compression = fields.vector(1);
  if (!fixed || !session || session.length > 32 || !suites || !compression) {
    return malformed('its fields do not fit');
  }
  // Extensions are optional up to TLS 1.2.
  if (fields.atEnd) return { kind: 'hello', encrypted: false };
  const extensions = fields.vector(2);
  if (extensions === undefined || !fields.atEnd) return malformed('its extensions do not fit');
  return readExtensions(new Fields(extensions));
}

function readExtensions(fields: Fields): ClientHello {
  const seen = new Set<number>();
  let name: string | undefined;
  while (!fields.atEnd) {
    const type = fields.number(2);
    const value = fields.vector(2);
    if (type === undefined || value === undefined) return malformed('an extension does not fit');
    // RFC 8446, 4.2: not twice. Two server names could be read as either.
    if (seen.has(type)) return malformed('an extension comes twice');
    seen.add(type);
    if (type !== SERVER_NAME) continue;
    name = readServerName(new Fields(value));
    if (name === undefined) return malformed('its server name is not a host name');
  }
  const encrypted = seen.has(ENCRYPTED_CLIENT_HELLO);
  return name === undefined ? { kind: 'hello', encrypted } : { kind: 'hello', serverName: name, encrypted };
}

/** RFC 6066, section 3: a list of exactly one entry in practice, and of one type ever. */
function readServerName(fields: Fields): string | undefined {
  const list = fields.vector(2);
  if (list === undefined || !fields.atEnd) return undefined;
  const entries = new Fields(list);
  const type = entries.number(1);
  const name = entries.vector(2);
  if (type !== HOST_NAME || name === undefined || !entries.atEnd) return undefined;
  return readHost(name.toString('latin1'));
}

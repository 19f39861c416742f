/** Tells from a client's first bytes which protocol it speaks, without ever making a server that speaks first wait. */
import { looksLikeTls } from './tls-client-hello.ts';

/**
 * - `tls`, `http`: hold everything until the ClientHello or the head has been judged
 * - `postgres`: a request of eight bytes for encryption; pass it, and what follows it is sniffed anew
 * - `text`: passes as it comes, but its first line is still watched (`FirstLine`)
 * - `other`: nothing in it names a host
 * - `refused`: it names another sender, and whoever believes it is lied to
 */
export type Sniffed = 'tls' | 'http' | 'postgres' | 'text' | 'other' | 'refused';

/** RFC 9110, WebDAV and its kin (IANA's registry of HTTP methods), and the few that are used without being there. */
const METHODS = (
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PRI QUERY SEARCH ACL BIND REBIND UNBIND LINK UNLINK ' +
  'BASELINE-CONTROL CHECKIN CHECKOUT UNCHECKOUT COPY MOVE LABEL LOCK UNLOCK MERGE MKACTIVITY MKCALENDAR MKCOL ' +
  'MKREDIRECTREF MKWORKSPACE ORDERPATCH PROPFIND PROPPATCH REPORT UPDATE UPDATEREDIRECTREF VERSION-CONTROL ' +
  'PURGE NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH SOURCE'
)
  .split(' ')
  .map((method) => `${method} `);
const LONGEST_METHOD = Math.max(...METHODS.map(({ length }) => length));

/** SSLRequest and GSSENCRequest of PostgreSQL (its manual, "Message Formats"). */
const POSTGRES = [Buffer.from('0000000804d2162f', 'hex'), Buffer.from('0000000804d21630', 'hex')];
/** The PROXY protocol, versions 1 and 2: a front server that took it would read another host behind it. */
const PROXIED = [Buffer.from('PROXY '), Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')];

type Match = 'whole' | 'part' | 'none';

function match(bytes: Buffer, signature: Buffer): Match {
  const length = Math.min(bytes.length, signature.length);
  if (signature.compare(bytes, 0, length, 0, length) !== 0) return 'none';
  return length === signature.length ? 'whole' : 'part';
}

function matchAny(bytes: Buffer, signatures: readonly Buffer[]): Match {
  const found = signatures.map((signature) => match(bytes, signature));
  return found.includes('whole') ? 'whole' : found.includes('part') ? 'part' : 'none';
}

export const POSTGRES_REQUEST = 8;

/** Undefined while the bytes may still become two things of which one must be held. */
export function sniff(bytes: Buffer): Sniffed | undefined {
  if (bytes.length === 0) return undefined;
  const tls = looksLikeTls(bytes);
  if (tls !== false) return tls === true ? 'tls' : undefined;
  for (const [signatures, kind] of [
    [POSTGRES, 'postgres'],
    [PROXIED, 'refused'],
  ] as const) {
    const found = matchAny(bytes, signatures);
    if (found !== 'none') return found === 'whole' ? kind : undefined;
  }
  const start = bytes.toString('latin1', 0, LONGEST_METHOD);
  if (METHODS.some((method) => start.startsWith(method))) return 'http';
  if (METHODS.some((method) => method.startsWith(start))) return undefined;
  return isText(bytes[0]!) ? 'text' : 'other';
}

function isText(byte: number): boolean {
  return (byte >= 0x20 && byte !== 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

const LONGEST_LINE = 64 * 1024;

/**
 * Watches the first line of a client that speaks text but no HTTP method we know (redis, smtp, a chat). Nothing is held:
 * such a protocol may wait for an answer to half a line. SECURITY: servers differ in the methods they take, in case, and
 * in blank lines before a request. None can act on a request before its Host field, which comes after the first line; so
 * it is enough to end the connection when that line turns out to be HTTP's.
 */
export class FirstLine {
  #line = '';
  #ended = false;

  get ended(): boolean {
    return this.#ended;
  }

  /** How many octets of `chunk` may pass: all of them, or those before the end of a line that is HTTP's. */
  write(chunk: Buffer): { readonly http: boolean } {
    for (let at = 0; at < chunk.length && !this.#ended; at++) {
      const byte = chunk[at]!;
      // A line that is no text, or that has no end, is no request line.
      if (!isText(byte) || this.#line.length >= LONGEST_LINE) this.#ended = true;
      else if (byte !== 0x0a) this.#line += String.fromCharCode(byte);
      else if (/HTTP\/[0-9]/i.test(this.#line)) return { http: true };
      else if (this.#line.trim() === '') this.#line = '';
      else this.#ended = true;
    }
    return { http: false };
  }
}

/** A first line that begins with a method of HTTP and is another protocol's all the same: RTSP and SIP share its methods. */
export function isForeignRequest(line: string): boolean {
  return /^[A-Z-]+ [^ ]+ (?:RTSP|SIP)\/[0-9]\.[0-9]$/.test(line);
}

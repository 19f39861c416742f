/** Reads the head of an HTTP/1.x request so strictly that no server can find another host or another end in it. */
import { type Authority, readAuthority } from './authority.ts';

/** Octets of a head, the empty line included. Node's servers take 16 KiB, nginx 32 KiB. */
export const LARGEST_HEAD = 32 * 1024;
/** Apache's LimitRequestFields. */
const MOST_FIELDS = 100;

/** How the end of the message is found (RFC 9112, section 6). */
export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

export interface RequestHead {
  readonly kind: 'request';
  readonly method: string;
  /** As sent: `/path`, `http://host/path`, `host:port` (CONNECT) or `*`. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** In their order; names in lower case, values trimmed, as Latin-1. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Of the absolute-form target, else of the Host field, which agree; absent in HTTP/1.0 without Host, and in CONNECT. */
  readonly authority?: Authority;
  readonly body: Body;
  /** Protocols that the client offers to go on with, in lower case: `websocket`, `h2c`. */
  readonly upgrade: readonly string[];
}

export interface MalformedHead {
  readonly kind: 'malformed';
  readonly why: string;
}

const malformed = (why: string): MalformedHead => ({ kind: 'malformed', why });

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
export const isToken = (text: string): boolean => TOKEN.test(text);
// No NUL, bare CR or LF, other control or DEL: RFC 9110, section 5.5, lets a recipient replace or refuse them.
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/;

/** `bytes` is one head, up to and with the empty line. */
export function readHead(bytes: Buffer): RequestHead | MalformedHead {
  const lines = bytes.toString('latin1').slice(0, -4).split('\r\n');
  const first = REQUEST_LINE.exec(lines[0]!);
  if (first === null) return malformed('its first line is no HTTP/1.x request line');
  if (lines.length - 1 > MOST_FIELDS) return malformed(`it has more than ${MOST_FIELDS} fields`);
  const fields: [string, string][] = [];
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    // Also refuses a folded line, and a blank before the colon: both have been read as part of the line above.
    if (!TOKEN.test(name)) return malformed('a field has no proper name');
    const value = line.slice(colon + 1);
    if (!FIELD_VALUE.test(value)) return malformed('a field holds a control character');
    fields.push([name.toLowerCase(), value.replace(/^[\t ]+|[\t ]+$/g, '')]);
  }
  const [, method, target, minor] = first as unknown as [string, string, string, string];
  return readMeaning({ method, target, version: minor === '0' ? '1.0' : '1.1', fields });
}

type Parts = Pick<RequestHead, 'method' | 'target' | 'version' | 'fields'>;

function valuesOf(fields: RequestHead['fields'], name: string): readonly string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value);
}

function readMeaning(parts: Parts): RequestHead | MalformedHead {
  const body = readBody(parts);
  if (body.kind === 'malformed') return body;
  const authority = readAuthorities(parts);
  if (authority.kind === 'malformed') return authority;
  const options = valuesOf(parts.fields, 'connection').flatMap(tokens);
  const upgrade = options.includes('upgrade') ? valuesOf(parts.fields, 'upgrade').flatMap(tokens) : [];
  return {
    kind: 'request',
    ...parts,
    body,
    upgrade,
    ...(authority.authority !== undefined && { authority: authority.authority }),
  };
}

function tokens(list: string): readonly string[] {
  return list
    .toLowerCase()
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/**
 * SECURITY: request smuggling. Servers differ in which of two lengths they believe, in how they read `xchunked`, and in
 * whether HTTP/1.0 has chunks. Where they might differ the request is refused (RFC 9112, section 6.1 and 11.2).
 */
function readBody({ version, fields }: Parts): Body | MalformedHead {
  const lengths = valuesOf(fields, 'content-length');
  const codings = valuesOf(fields, 'transfer-encoding');
  if (codings.length > 0) {
    if (lengths.length > 0) return malformed('it has both Transfer-Encoding and Content-Length');
    if (codings.length > 1 || codings[0]!.toLowerCase() !== 'chunked' || version === '1.0') {
      return malformed('its Transfer-Encoding is not plainly "chunked"');
    }
    return { kind: 'chunked' };
  }
  if (lengths.length === 0) return { kind: 'none' };
  if (lengths.length > 1 || !/^[0-9]{1,15}$/.test(lengths[0]!)) {
    return malformed('its Content-Length is not one number');
  }
  return { kind: 'length', bytes: Number(lengths[0]) };
}

function readAuthorities({
  method,
  target,
  version,
  fields,
}: Parts): { readonly kind: 'read'; readonly authority?: Authority } | MalformedHead {
  const hosts = valuesOf(fields, 'host');
  if (hosts.length > 1) return malformed('it has more than one Host field');
  if (hosts.length === 0 && version === '1.1') return malformed('it has no Host field');
  if (method === 'CONNECT') return { kind: 'read' };
  const host = hosts.length === 0 ? undefined : readAuthority(hosts[0]!);
  if (hosts.length > 0 && host === undefined) return malformed('its Host field names no host');
  if (target.startsWith('/') || (target === '*' && method === 'OPTIONS')) {
    return host === undefined ? { kind: 'read' } : { kind: 'read', authority: host };
  }
  const authority = readAbsolute(target);
  if (authority === undefined) return malformed('its target is neither a path nor an http address');
  if (host !== undefined && (host.host !== authority.host || portOf(host) !== portOf(authority))) {
    return malformed('its address and its Host field name different hosts');
  }
  return { kind: 'read', authority };
}

function portOf({ port }: Authority): number {
  return port ?? 80;
}

/** `http://host:port` up to the path; no user information, no backslash, nothing that URL parsers read in two ways. */
function readAbsolute(target: string): Authority | undefined {
  const match = /^http:\/\/([^/?#@\\]+)(?:[/?][^#\\]*)?$/i.exec(target);
  return match === null ? undefined : readAuthority(match[1]!);
}

/** The path and query of an absolute-form target. */
export function pathOf(target: string): string {
  const rest = target.slice('http://'.length);
  const start = rest.search(/[/?]/);
  if (start === -1) return '/';
  return rest[start] === '?' ? `/${rest.slice(start)}` : rest.slice(start);
}

/** A head as bytes again, for the few requests that must not go on as they came. */
export function writeHead(head: Pick<RequestHead, 'method' | 'target' | 'version' | 'fields'>): Buffer {
  const lines = [
    `${head.method} ${head.target} HTTP/${head.version}`,
    ...head.fields.map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

const LF = 10;
const CR = 13;

/**
 * The length of the head that begins at `from`, its empty line included. `searched`: up to there no line ends that was not
 * looked at. A line that ends without CR is refused at once: servers differ in whether it ends.
 */
export function findHeadEnd(
  bytes: Buffer,
  from: number,
  searched = from,
): { readonly kind: 'found'; readonly length: number } | { readonly kind: 'more' } | MalformedHead {
  for (let at = searched; ; ) {
    const end = bytes.indexOf(LF, at);
    const reached = (end === -1 ? bytes.length : end + 1) - from;
    if (reached > LARGEST_HEAD) return malformed(`it is larger than ${LARGEST_HEAD} bytes`);
    if (end === -1) return { kind: 'more' };
    if (end === from || bytes[end - 1] !== CR) return malformed('a line of its head ends without CR LF');
    if (end - from >= 3 && bytes[end - 2] === LF) return { kind: 'found', length: reached };
    if (end - from === 1) return malformed('it begins with an empty line');
    at = end + 1;
  }
}

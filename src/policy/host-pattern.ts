/** How a host is written, in settings and by programs inside, and the one form in which hosts are compared. */
import { formatAddress, parseIpv4, parseIpv6 } from './ip-address.ts';

/** RFC 1035 §2.3.4. */
const LABEL_LENGTH = 63;
const NAME_LENGTH = 253;

/** `port` undefined: none was written. It is as written, not yet checked. */
export interface WrittenHost {
  readonly host: string;
  readonly port: string | undefined;
}

/** Splits `name:port` and `[address]:port`. A bare IPv6 address comes apart at its first colon: write brackets. */
export function splitPort(text: string): WrittenHost {
  const bracket = text.startsWith('[') ? text.indexOf(']') : 0;
  // An address whose bracket is never closed has no port that could be told from it.
  const colon = bracket === -1 ? -1 : text.indexOf(':', bracket);
  return colon === -1
    ? { host: text, port: undefined }
    : { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

/** 1 to 65535 in plain decimal digits: no sign, no zero in front, no space. */
export function parsePort(text: string): number | undefined {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

/**
 * A name in ASCII (UTS 46, as URLs have it), with a dot at its end if it had one. An IPv4 address in any spelling comes out
 * in its canonical one. Empty when it cannot be a name.
 */
export function toAscii(name: string): string {
  // Whatever the URL parser would take for something else than the host, or decode.
  if (/[\s/\\?#@:%[\]<>^|]/u.test(name) || name === '') return '';
  try {
    const ascii = new URL(`http://${name}/`).hostname;
    // From Node 24 on a name of ASCII alone is left as it is, also where "xn--" begins no Punycode; beside a label of other letters it is looked at.
    return ascii.includes('xn--') && !URL.canParse(`http://é.${ascii}/`) ? '' : ascii;
  } catch {
    // The only reason to throw is that this is no host.
    return '';
  }
}

function isName(name: string): boolean {
  return (
    name.length <= NAME_LENGTH &&
    name
      .split('.')
      .every((label) => label.length <= LABEL_LENGTH && /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(label))
  );
}

/** Names that hold no alphabet but ASCII and no punycode need none of Unicode's tables: nearly all. */
const PLAIN = /^[A-Za-z0-9._-]+$/;

/**
 * The one form of a host without its port: a name in lower case and ASCII without a dot at its end; an IPv4 address in any
 * spelling, also mapped into IPv6, as four decimal numbers; an IPv6 address (written in brackets) as RFC 5952, without them.
 * Undefined for what is none of these: a name whose last label is a number and which is no address, a zone, an empty label.
 */
export function normaliseHost(text: string): string | undefined {
  if (text.length > 1024) return undefined;
  if (text.startsWith('[')) {
    const address = text.endsWith(']') && text.includes(':') ? parseIpv6(text.slice(1, -1)) : undefined;
    return address && formatAddress(address);
  }
  const plain = PLAIN.test(text) && !/(^|\.)xn--/i.test(text);
  const name = (plain ? text.toLowerCase() : toAscii(text)).replace(/\.$/, '');
  if (!isName(name)) return undefined;
  // URL standard, "ends in a number": such a host is an address or nothing, since resolvers try it as an address.
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/.test(name)) {
    const address = parseIpv4(name);
    return address && formatAddress(address);
  }
  return name;
}

export interface HostPattern {
  /** `subdomains`: every name beneath `host`, at any depth, and not `host` itself. */
  readonly kind: 'name' | 'subdomains' | 'address';
  readonly host: string;
  /** Absent: every port. */
  readonly port?: number;
}

const isAddress = (host: string): boolean => host.includes(':') || /^\d+(\.\d+){3}$/.test(host);

/** An entry of allowedDomains or deniedDomains. Undefined for one that the settings would not have taken. */
export function parseHostPattern(text: string): HostPattern | undefined {
  const written = splitPort(text);
  const port = written.port === undefined ? undefined : parsePort(written.port);
  if (written.port !== undefined && port === undefined) return undefined;
  const wildcard = written.host.startsWith('*.');
  const host = normaliseHost(wildcard ? written.host.slice(2) : written.host);
  if (host === undefined || (wildcard && isAddress(host))) return undefined;
  const kind = wildcard ? 'subdomains' : isAddress(host) ? 'address' : 'name';
  return { kind, host, ...(port !== undefined && { port }) };
}

/** The pattern in its one spelling, for comparing and for messages. */
export function formatHostPattern({ kind, host, port }: HostPattern): string {
  const shown = kind === 'subdomains' ? `*.${host}` : host.includes(':') ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}

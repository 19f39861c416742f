/** Owns how a host is read from what a client sends (Host, CONNECT, SNI, SOCKS): one strict spelling, or none. */
import { isIP, isIPv6 } from 'node:net';
import { normaliseHost, parsePort, splitPort } from '../policy/host-pattern.ts';
import type { Destination } from './types.ts';

/** A host in its normal form and, where one was written, a port. */
export interface Authority {
  readonly host: string;
  readonly port?: number;
}

/**
 * Undefined for everything on which two parsers might differ: other alphabets (a client sends punycode), `127.1`,
 * `0x7f000001`, `127.0.0.1.`. What is left has one meaning, and `normaliseHost` gives its one form.
 */
export function readHost(text: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(text)) return undefined;
  const host = normaliseHost(text);
  if (host === undefined || text.startsWith('[')) return host;
  return isIP(host) === 0 || host === text ? host : undefined;
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`. An IPv6 address needs its brackets. */
export function readAuthority(text: string): Authority | undefined {
  const written = splitPort(text);
  const host = readHost(written.host);
  if (host === undefined) return undefined;
  if (written.port === undefined) return { host };
  const port = parsePort(written.port);
  return port === undefined ? undefined : { host, port };
}

/** A target of CONNECT: host and port, both said. */
export function readDestination(text: string): Destination | undefined {
  const authority = readAuthority(text);
  return authority?.port === undefined ? undefined : { host: authority.host, port: authority.port };
}

export function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}

/** As it stands in a Host header or a CONNECT line. */
export function writeAuthority({ host, port }: Authority): string {
  const shown = isIPv6(host) ? `[${host}]` : host;
  return port === undefined ? shown : `${shown}:${port}`;
}

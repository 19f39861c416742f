/** Owns how a host is written in settings: name, `*.` wildcard, address, port. Says what is wrong, changes nothing. */
import { isIPv4, isIPv6 } from 'node:net';
import { parsePort, splitPort, toAscii } from '../policy/host-pattern.ts';

export interface HostComplaint {
  readonly message: string;
  readonly suggestion?: string;
}

/** An allowing pattern may not cover a whole public suffix; a denying one may. */
export type HostUse = 'allow' | 'deny';

/** Second-level labels under which country registries sell names; `*.co.uk` would be half of a country. */
const REGISTRY_LABELS = new Set([
  'ac',
  'co',
  'com',
  'edu',
  'gob',
  'gov',
  'mil',
  'ne',
  'net',
  'nom',
  'or',
  'org',
]);

function complain(message: string, suggestion?: string): HostComplaint {
  return suggestion === undefined ? { message } : { message, suggestion };
}

/** Scripts whose letters look alike: `аllowed.test` with a Cyrillic а is not the host it seems to be. */
function mixesScripts(label: string): boolean {
  const scripts = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u];
  return scripts.filter((script) => script.test(label)).length > 1;
}

function checkAddress(host: string): HostComplaint | undefined {
  if (!host.endsWith(']') || !isIPv6(host.slice(1, -1)) || host.includes('%')) {
    return complain(`${host} is not an IPv6 address in brackets`);
  }
  return undefined;
}

function checkWildcard(name: string, use: HostUse): HostComplaint | undefined {
  if (isIPv4(name)) {
    return complain('a wildcard covers names, not addresses');
  }
  const labels = name.replace(/\.$/, '').toLowerCase().split('.');
  const registry = labels.length === 2 && labels[1]!.length === 2 && REGISTRY_LABELS.has(labels[0]!);
  if (use === 'allow' && (labels.length < 2 || registry)) {
    return complain(`*.${name} would allow every site under a public suffix`);
  }
  return undefined;
}

function checkName(name: string): HostComplaint | undefined {
  const labels = name.replace(/\.$/, '').split('.');
  if (labels.some((label) => label === '')) {
    return complain('a label of the name is empty');
  }
  if (name.includes('*')) {
    return complain('"*" stands only for all subdomains, at the front: "*.example.com"');
  }
  const mixed = labels.find(mixesScripts);
  const ascii = toAscii(name);
  if (mixed !== undefined) {
    return complain(
      `"${mixed}" mixes alphabets that look alike; write the name in its ASCII form`,
      ascii || undefined,
    );
  }
  if (ascii === '' || !/^[a-z0-9._-]+$/.test(ascii)) {
    return complain('this is not a host name');
  }
  if (isIPv4(ascii) && ascii !== name.replace(/\.$/, '')) {
    return complain('an IPv4 address is written with four decimal numbers', ascii);
  }
  const wrong = ascii
    .replace(/\.$/, '')
    .split('.')
    .find((label) => label.length > 63 || /^-|-$/.test(label));
  if (wrong !== undefined || ascii.length > 253) {
    return complain('a label has at most 63 characters and no "-" at its ends, a name at most 253');
  }
  return undefined;
}

function checkShape(text: string): HostComplaint | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0020\u007f-\u009f]/.test(text)) {
    return complain('a host holds no space or control character');
  }
  const scheme = /^[a-z][a-z0-9+.-]*:\/\/([^/?#@]*@)?([^/?#]*)/i.exec(text);
  if (scheme !== null) {
    return complain('a host is expected, not an address with "://"', scheme[2] || undefined);
  }
  if (/[/\\?#]/.test(text)) {
    return complain('a host is expected: no path, no address range');
  }
  if (text.includes('@')) {
    return complain(
      'a host is expected, without a user name',
      text.slice(text.lastIndexOf('@') + 1) || undefined,
    );
  }
  if (isIPv6(text)) {
    return complain('an IPv6 address is written in brackets', `[${text}]`);
  }
  return undefined;
}

/** What is wrong with `text` as an entry of allowedDomains or deniedDomains; undefined when nothing is. */
export function checkHost(text: string, use: HostUse): HostComplaint | undefined {
  if (text === '') {
    return complain('an empty string names no host');
  }
  if (text === '*') {
    return complain('"*" would match every host; name the hosts, or use networkAccess');
  }
  const misshapen = checkShape(text);
  if (misshapen !== undefined) {
    return misshapen;
  }
  const { host, port } = splitPort(text);
  if (port !== undefined && parsePort(port) === undefined) {
    return complain(`":${port}" is not a port between 1 and 65535`);
  }
  if (host.startsWith('[')) {
    return checkAddress(host);
  }
  const name = host.startsWith('*.') ? host.slice(2) : host;
  return checkName(name) ?? (name === host ? undefined : checkWildcard(name, use));
}

/** Which hosts are reached past the upstream proxy: NO_PROXY as curl reads it. Pure. */
import { normaliseHost } from '../policy/host-pattern.ts';
import { parseAddress } from '../policy/ip-address.ts';

type Exception = (host: string) => boolean;

function addressRange(text: string): Exception | undefined {
  const [base, length, ...more] = text.replace(/^\[(.*)\]/, '$1').split('/');
  const address = parseAddress(base!);
  const width = address?.family === 4 ? 32 : 128;
  const bits = length === undefined ? width : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (address === undefined || bits < 0 || bits > width || more.length > 0) return undefined;
  const shift = BigInt(width - bits);
  return (host) => {
    const other = parseAddress(host);
    return other?.family === address.family && other.value >> shift === address.value >> shift;
  };
}

function toException(entry: string): Exception {
  if (entry === '*') return () => true;
  const range = addressRange(entry);
  if (range !== undefined) return range;
  const name = normaliseHost(entry.replace(/^\./, ''));
  return (host) => name !== undefined && (host === name || host.endsWith(`.${name}`));
}

/**
 * curl(1), CURLOPT_NOPROXY(3): entries apart by commas or spaces; a name covers itself and all beneath it, with or without a dot
 * in front; an address covers itself, with `/bits` its range; `*` covers all. An entry that is none of these covers nothing, so
 * that its host goes through the proxy: whoever wrote it sees that it does not work, and nothing is opened.
 */
export function exceptionsOf(noProxy: string): (host: string) => boolean {
  const exceptions = noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(toException);
  return (host) => exceptions.some((covers) => covers(host));
}

/** Owns the one way in which an HTTP/1.1 connection may become something else (RFC 9110, section 7.8). */
import type { RequestHead } from './http-head.ts';

/**
 * Without its offer to change protocols, which a server may always decline. SECURITY: in h2c each stream names its own
 * host, out of our sight; and on a connection that is in use we cannot tell which answer agrees.
 */
export function withoutUpgrade(head: RequestHead): RequestHead {
  const fields = head.fields.flatMap(([name, value]): [string, string][] => {
    if (name === 'upgrade' || name === 'http2-settings') return [];
    if (name !== 'connection') return [[name, value]];
    const left = value
      .split(',')
      .filter((option) => !/^[\t ]*(?:upgrade|http2-settings)[\t ]*$/i.test(option));
    return left.length === 0 ? [] : [[name, left.join(',').trim()]];
  });
  return { ...head, upgrade: [], fields };
}

/** Whether the first final status of `bytes` is 101; undefined when it has not come yet. */
export function upgradeAgreed(bytes: Buffer): boolean | undefined {
  for (let at = 0; ; ) {
    const start = bytes.toString('latin1', at, at + 12);
    if (start.length < 12) return undefined;
    const status = /^HTTP\/1\.[01] ([0-9]{3})$/.exec(start)?.[1];
    if (status === '101') return true;
    if (status === undefined || !status.startsWith('1')) return false;
    const end = bytes.indexOf('\r\n\r\n', at, 'latin1');
    if (end === -1) return undefined;
    at = end + 4;
  }
}

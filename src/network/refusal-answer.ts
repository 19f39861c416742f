/** What a refused client is told, in the protocol that it speaks, so that it fails at once and says why. */
import type { Socket } from 'node:net';
import type { Origin } from '../policy/types.ts';
import { writeAuthority } from './authority.ts';
import { breakOff } from './break-off.ts';
import type { Spoken } from './inspection.ts';
import type { Refusal, RefusalReason } from './types.ts';

const STATUS: Readonly<Partial<Record<RefusalReason, string>>> = {
  protocol: '400 Bad Request',
  unresolvable: '502 Bad Gateway',
  unreachable: '502 Bad Gateway',
  capacity: '503 Service Unavailable',
};

/** Where no rule decided. */
const UNRULED: Readonly<Partial<Record<RefusalReason, string>>> = {
  'not-allowed': 'none names this host',
  literal: 'none names this address',
  address: 'none opens the address that it leads to; a rule for its name does not',
};

/** SECURITY: hosts, rules and file names may hold what moves a cursor or hides text; only printable ASCII is passed on. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

function place({ file, line, text }: Origin): string {
  if (file === undefined) return text;
  return line === undefined ? `${text} (${file})` : `${text} (${file}:${line})`;
}

/** The body of a refusal: host, reason, rule and event, one a line, plain ASCII whatever they hold. */
export function refusalText(refusal: Refusal, eventId: string): string {
  const { destination, rule, detail } = refusal;
  const lines = [
    'Pinfold refused this connection.',
    `Host: ${writeAuthority(destination)}`,
    `Why: ${detail}`,
    rule === undefined
      ? `Rule: ${UNRULED[refusal.reason] ?? 'none, it is not refused by one'}`
      : `Rule: ${rule.access} ${rule.pattern}, from ${place(rule.origin)}`,
    `Event: ${eventId}`,
  ];
  return `${lines.map(plain).join('\n')}\n`;
}

/** A whole response. `fields` are added to its head. */
export function httpRefusal(refusal: Refusal, eventId: string, fields: readonly string[] = []): Buffer {
  const body = refusalText(refusal, eventId);
  const head = [
    `HTTP/1.1 ${STATUS[refusal.reason] ?? '403 Forbidden'}`,
    'Content-Type: text/plain; charset=us-ascii',
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...fields,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

/**
 * A fatal alert, access_denied (49): RFC 8446, section 6.2, "a valid certificate or PSK was received, but when access
 * control was applied, the sender decided not to proceed". curl, Node and Python name it in their message and do not try
 * again, as they do after a reset.
 */
export const TLS_ACCESS_DENIED = Buffer.from([21, 3, 3, 0, 2, 2, 49]);

/** How long a client may go on sending after its answer: closing at once would turn the answer into a reset. */
const LINGER_MS = 2_000;

/** Sends a last word and closes. What the client still sends is thrown away. */
export function sayAndClose(client: Socket, words: Buffer): void {
  client.removeAllListeners('data');
  client.on('data', () => {});
  client.end(words);
  client.resume();
  const timer = setTimeout(() => client.destroy(), LINGER_MS);
  timer.unref();
  client.once('end', () => client.destroySoon());
  client.once('close', () => clearTimeout(timer));
}

/** Answers in the client's own protocol; a reset where it has none to be told in. */
export function answerRefusal(
  client: Socket,
  spoken: Spoken | undefined,
  refusal: Refusal,
  eventId: string,
): void {
  if (client.destroyed) return;
  if (spoken === 'http') sayAndClose(client, httpRefusal(refusal, eventId));
  else if (spoken === 'tls') sayAndClose(client, TLS_ACCESS_DENIED);
  else breakOff(client);
}

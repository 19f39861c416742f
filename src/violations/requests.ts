/** What the inside may ask for: one access to one thing, with a reason. Asking opens nothing; a person reads it. */
import { parsePort, splitPort } from '../policy/host-pattern.ts';
import { textWithoutSecrets } from '../policy/secrets.ts';
import { boundSubject, cut } from './bounds.ts';
import type { Subject } from './types.ts';

export interface AccessRequest {
  /** `r1`: unique in its session, in the order of arrival. */
  readonly id: string;
  readonly want: 'read' | 'write' | 'connect';
  readonly subject: Subject;
  /** In the words of whoever asks, cut, and without the secrets that can be told. */
  readonly reason?: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

type Wanted = Omit<AccessRequest, 'id' | 'time'>;

/** Different ones of one session; more would only hide the few that a person should read. */
const MAX_REQUESTS = 20;
/** Bytes of one message. */
export const MAX_REQUEST_BYTES = 5000;
const PATH = 4095;
const HOST = 255;
const REASON = 300;

function subjectOf(want: unknown, text: string): Subject | undefined {
  if (want === 'read' || want === 'write') {
    return text.startsWith('/') && text.length <= PATH && !text.includes('\0')
      ? { kind: 'path', path: text }
      : undefined;
  }
  if (want !== 'connect' || text === '' || text.length > HOST) return undefined;
  const { host, port: written } = splitPort(text);
  const port = written === undefined ? undefined : parsePort(written);
  if (written !== undefined && port === undefined) return undefined;
  return { kind: 'host', host: host.replace(/^\[(.*)\]$/, '$1'), ...(port !== undefined && { port }) };
}

/** `{"want":"read","subject":"/data","reason":"…"}`; undefined for anything else, which is not worth an answer. */
export function parseRequest(text: string): Wanted | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    // Whoever sends something else than JSON asks for nothing.
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const { want, subject: written, reason } = said as Record<string, unknown>;
  const subject = typeof written === 'string' ? subjectOf(want, written) : undefined;
  if (subject === undefined) return undefined;
  return {
    want: want as Wanted['want'],
    subject: boundSubject(subject),
    ...(typeof reason === 'string' && reason !== '' && { reason: cut(textWithoutSecrets(reason), REASON) }),
  };
}

/** Keeps what was asked for, each thing once. */
export class RequestBook {
  readonly #known = new Map<string, AccessRequest>();

  get requests(): readonly AccessRequest[] {
    return [...this.#known.values()];
  }

  /** The request if it is a new one. */
  take(text: string, time: number): AccessRequest | undefined {
    const wanted = parseRequest(text);
    if (wanted === undefined || this.#known.size >= MAX_REQUESTS) return undefined;
    const key = JSON.stringify([wanted.want, wanted.subject]);
    if (this.#known.has(key)) return undefined;
    const request = { id: `r${this.#known.size + 1}`, ...wanted, time };
    this.#known.set(key, request);
    return request;
  }
}

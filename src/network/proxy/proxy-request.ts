/** What an HTTP request asks of a proxy: a tunnel, one request passed on, or nothing that it may have. */
import { readDestination, writeAuthority } from '../authority.ts';
import { pathOf, type RequestHead, writeHead } from '../http-head.ts';
import { type Passage, RequestFollower } from '../http-requests.ts';
import type { ClientInspection } from '../inspection.ts';
import type { Destination } from '../types.ts';

export type ProxyRequest =
  | { readonly kind: 'tunnel'; readonly destination: Destination }
  | { readonly kind: 'forward'; readonly destination: Destination }
  | { readonly kind: 'bad'; readonly why: string };

/** Judges form only; whoever asks was authenticated before, and the gate decides after. */
export function readProxyRequest(head: RequestHead): ProxyRequest {
  if (head.method === 'CONNECT') {
    const destination = readDestination(head.target);
    return destination === undefined
      ? { kind: 'bad', why: 'CONNECT takes a host and a port' }
      : { kind: 'tunnel', destination };
  }
  if (head.method === 'TRACE') return { kind: 'bad', why: 'TRACE would send credentials back' };
  if (head.authority === undefined || !/^http:/i.test(head.target)) {
    return { kind: 'bad', why: 'a proxy takes a whole http address, or CONNECT' };
  }
  return { kind: 'forward', destination: { host: head.authority.host, port: head.authority.port ?? 80 } };
}

/** Between this client and this proxy only (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  ...[
    'connection',
    'keep-alive',
    'proxy-authorization',
    'proxy-authenticate',
    'proxy-connection',
    'te',
    'upgrade',
  ],
  ...['http2-settings', 'host'],
]);
/** Needed to find the end of the body or to be served at all; a client's Connection field may not take them away. */
const KEPT = new Set([
  'content-length',
  'transfer-encoding',
  'expect',
  'cookie',
  'authorization',
  'content-type',
]);

function originForm(head: RequestHead): Buffer {
  const named = new Set(
    head.fields
      .filter(([name]) => name === 'connection')
      .flatMap(([, value]) => value.toLowerCase().split(/[\t ,]+/)),
  );
  const kept = head.fields.filter(([name]) => !HOP_BY_HOP.has(name) && (!named.has(name) || KEPT.has(name)));
  const host = writeAuthority(head.authority!);
  return writeHead({
    method: head.method,
    target: pathOf(head.target),
    version: head.version,
    fields: [['host', host], ...kept, ['connection', 'close']],
  });
}

/**
 * Passes on exactly one request, in origin form and with `Connection: close`, so that the server's answer ends the
 * connection. A client may name another host in each request to a proxy; following the answers to switch servers between
 * them would be a second parser, and a second chance to disagree. Tunnels, and so all of TLS, keep their connections.
 */
export class ForwardedRequest implements ClientInspection {
  readonly open = false;
  readonly awaitsAnswer = false;
  readonly spoken = 'http';
  readonly #follower: RequestFollower;
  #heads = 0;

  constructor() {
    this.#follower = new RequestFollower(
      () => (this.#heads++ === 0 ? undefined : { reason: 'protocol', detail: 'it is a second request' }),
      originForm,
    );
  }

  get pending(): boolean {
    return this.#heads < 2 && this.#follower.pending;
  }

  write(chunk: Buffer): Passage {
    const { pass, complaint } = this.#follower.write(chunk);
    // What comes after the request is not passed on; the client sends it again once the connection is closed, and a server
    // that goes on although it was told to close hears so once more.
    if (this.#heads > 1) return { pass, over: true };
    return complaint === undefined ? { pass } : { pass, complaint };
  }

  answer(): Passage {
    return { pass: [] };
  }

  end(): Passage {
    return { pass: [] };
  }
}

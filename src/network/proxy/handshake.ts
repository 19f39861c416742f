/** One client of the proxy until it is known where it wants to go: HTTP or SOCKS by its first byte, bounded in size and time. */
import type { Socket } from 'node:net';
import { breakOff } from '../break-off.ts';
import { findHeadEnd, isToken, readHead } from '../http-head.ts';
import { sayAndClose } from '../refusal-answer.ts';
import type { Destination } from '../types.ts';
import { type Credentials, matches, readBasic } from './credentials.ts';
import { readProxyRequest } from './proxy-request.ts';
import { SOCKS4, SOCKS4_REJECTED, SOCKS5, SocksHandshake } from './socks-handshake.ts';

export interface ProxyAsk {
  readonly kind: 'socks' | 'tunnel' | 'forward';
  readonly destination: Destination;
  /** To go to the relay as the client's first bytes; for `forward` the request itself. */
  readonly first: Buffer;
}

const NOTHING = Buffer.alloc(0);

function answer(status: string, why: string, fields: readonly string[] = []): Buffer {
  const body = `Pinfold's proxy: ${why}.\n`;
  const head = [
    `HTTP/1.1 ${status}`,
    ...fields,
    'Content-Type: text/plain; charset=us-ascii',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

type Speech = 'http' | 'socks' | 'socks4' | 'other';

/** By the first octet, so that nobody waits for the end of a head that is none. A method is a token (RFC 9110, section 9.1). */
function speechOf(first: number): Speech {
  if (first === SOCKS5) return 'socks';
  if (first === SOCKS4) return 'socks4';
  return isToken(String.fromCharCode(first)) ? 'http' : 'other';
}

export interface HandshakeOptions {
  readonly client: Socket;
  readonly credentials: Credentials;
  /** Whether the client is certainly a program of the session. */
  readonly isOurs: () => boolean;
  /** Milliseconds for all of it. */
  readonly timeMs: number;
  /** Called at most once; the client is paused and has no listener then. */
  readonly asked: (ask: ProxyAsk) => void;
}

/** Answers and closes by itself whoever has no right to ask or asks for what no proxy gives. */
export class ProxyHandshake {
  readonly #options: HandshakeOptions;
  readonly #client: Socket;
  readonly #socks: SocksHandshake;
  readonly #timer: NodeJS.Timeout;
  #held: Buffer = NOTHING;
  #speech: Speech | undefined;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onGone = (): void => this.#abandon();

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#socks = new SocksHandshake(options.credentials, options.isOurs);
    this.#timer = setTimeout(() => this.#abandon(), options.timeMs);
    this.#timer.unref();
    this.#client.on('data', this.#onData);
    for (const event of ['error', 'end', 'close']) this.#client.on(event, this.#onGone);
  }

  #abandon(): void {
    clearTimeout(this.#timer);
    breakOff(this.#client);
  }

  #read(chunk: Buffer): void {
    this.#speech ??= speechOf(chunk[0]!);
    if (this.#speech === 'socks') this.#readSocks(chunk);
    else if (this.#speech === 'http') this.#readHttp(chunk);
    else if (this.#speech === 'socks4') this.#close(SOCKS4_REJECTED);
    else this.#close(answer('400 Bad Request', 'it speaks neither HTTP nor SOCKS 5'));
  }

  #readSocks(chunk: Buffer): void {
    const step = this.#socks.write(chunk);
    if (step.kind === 'failed') this.#close(step.reply);
    else if (step.reply.length > 0) this.#client.write(step.reply);
    if (step.kind === 'request')
      this.#ask({ kind: 'socks', destination: step.destination, first: step.rest });
  }

  #readHttp(chunk: Buffer): void {
    const searched = this.#held.length;
    this.#held = searched === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = findHeadEnd(this.#held, 0, searched);
    if (end.kind === 'more') return;
    const head = end.kind === 'found' ? readHead(this.#held.subarray(0, end.length)) : end;
    if (end.kind === 'malformed' || head.kind === 'malformed') {
      this.#close(answer('400 Bad Request', head.kind === 'malformed' ? head.why : 'it cannot be read'));
      return;
    }
    const given = head.fields.filter(([name]) => name === 'proxy-authorization');
    const guess = given.length === 1 ? readBasic(given[0]![1]) : undefined;
    if (guess === undefined || !matches(guess, this.#options.credentials)) {
      const fields = ['Proxy-Authenticate: Basic realm="pinfold"'];
      this.#close(
        answer('407 Proxy Authentication Required', 'the user name and password are wrong', fields),
      );
      return;
    }
    const request = readProxyRequest(head);
    if (request.kind === 'bad') this.#close(answer('400 Bad Request', request.why));
    else
      this.#ask({
        ...request,
        first: request.kind === 'tunnel' ? this.#held.subarray(end.length) : this.#held,
      });
  }

  #close(reply: Buffer): void {
    this.#letGo();
    this.#client.on('error', () => this.#client.destroy());
    sayAndClose(this.#client, reply);
  }

  #ask(ask: ProxyAsk): void {
    this.#client.pause();
    this.#letGo();
    this.#options.asked(ask);
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#client.off('data', this.#onData);
    for (const event of ['error', 'end', 'close']) this.#client.off(event, this.#onGone);
  }
}

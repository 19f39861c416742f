/** Decides which bytes of a client may go on: those before which every name it gave was found to be the one it resolved. */
import { isAddress, writeAuthority } from './authority.ts';
import { LARGEST_HEAD, type RequestHead } from './http-head.ts';
import { type Complaint, type Passage, RequestFollower } from './http-requests.ts';
import { FirstLine, isForeignRequest, POSTGRES_REQUEST, type Sniffed, sniff } from './sniff.ts';
import { readClientHello } from './tls-client-hello.ts';
import type { Destination, Gate } from './types.ts';

/** What the client was found to speak, which says how it can be told of a refusal. */
export type Spoken = 'tls' | 'http' | 'other';

/** What looks at a client's bytes before they go on. */
export interface ClientInspection {
  /** Nothing that follows needs to be looked at. */
  readonly open: boolean;
  /** A hello or a head has begun and not ended. */
  readonly pending: boolean;
  /** The server's next bytes are to be shown to `answer`. */
  readonly awaitsAnswer: boolean;
  /** Undefined until it can be told. */
  readonly spoken: Spoken | undefined;
  write(chunk: Buffer): Passage;
  answer(chunk: Buffer): Passage;
  /** The client has said all it will. */
  end(): Passage;
}

type Stage = 'sniffing' | 'tls' | 'http' | 'text' | 'open' | 'refused';

const NOTHING = Buffer.alloc(0);

/**
 * One client's bytes, from its first. Holds no timer and no socket: the same bytes give the same passages however they are
 * cut. Nothing that a server sends is ever held, so protocols in which it speaks first are not slowed.
 */
export class Inspection implements ClientInspection {
  readonly #named: Destination;
  readonly #gate: Pick<Gate, 'judge'>;
  readonly #http: RequestFollower;
  readonly #firstLine = new FirstLine();
  #stage: Stage = 'sniffing';
  #held: Buffer = NOTHING;
  #needed = 0;
  #spoken: Spoken | undefined;

  constructor(named: Destination, gate: Pick<Gate, 'judge'>) {
    this.#named = named;
    this.#gate = gate;
    this.#http = new RequestFollower((head) => this.#judgeHead(head));
  }

  get open(): boolean {
    return this.#stage === 'open' || (this.#stage === 'http' && this.#http.open);
  }

  get pending(): boolean {
    return this.#held.length > 0 || (this.#stage === 'http' && this.#http.pending);
  }

  get awaitsAnswer(): boolean {
    return this.#stage === 'http' && this.#http.awaitsAnswer;
  }

  get spoken(): Spoken | undefined {
    return this.#spoken;
  }

  answer(chunk: Buffer): Passage {
    return this.#http.answer(chunk);
  }

  write(chunk: Buffer): Passage {
    switch (this.#stage) {
      case 'open':
        return { pass: [chunk] };
      case 'refused':
        return { pass: [] };
      case 'http':
        return this.#http.write(chunk);
      case 'text':
        return this.#watch(chunk);
      default:
        this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
        return this.#stage === 'tls' ? this.#readHello() : this.#begin();
    }
  }

  /** What is too short to be a hello or a request may go, the rest is dropped. */
  end(): Passage {
    return this.#stage === 'sniffing' && this.#held.length > 0 ? { pass: [this.#release()] } : { pass: [] };
  }

  #begin(): Passage {
    const sniffed = sniff(this.#held);
    if (sniffed === undefined) return { pass: [] };
    if (sniffed === 'postgres') return this.#passPostgres();
    return this.#enter(sniffed);
  }

  #enter(sniffed: Exclude<Sniffed, 'postgres'>): Passage {
    if (sniffed === 'tls') {
      this.#spoken = 'tls';
      this.#stage = 'tls';
      return this.#readHello();
    }
    if (sniffed === 'http') return this.#beginHttp();
    this.#spoken = 'other';
    if (sniffed === 'refused')
      return this.#refuse('protocol', 'it claims by the PROXY protocol to come from elsewhere');
    const held = this.#release();
    this.#stage = sniffed === 'text' ? 'text' : 'open';
    return this.#stage === 'text' ? this.#watch(held) : { pass: [held] };
  }

  /** The server says whether it will encrypt; the client's next bytes are a ClientHello or the protocol itself. */
  #passPostgres(): Passage {
    const request = this.#held.subarray(0, POSTGRES_REQUEST);
    const rest = this.#held.subarray(POSTGRES_REQUEST);
    this.#held = NOTHING;
    this.#spoken = 'other';
    if (rest.length === 0) return { pass: [request] };
    const { pass, complaint } = this.write(rest);
    return { pass: [request, ...pass], ...(complaint && { complaint }) };
  }

  /** A first line without `HTTP/` is HTTP 0.9, or a protocol that borrowed the method. */
  #beginHttp(): Passage {
    const end = this.#held.indexOf(10);
    if (end === -1 && this.#held.length <= LARGEST_HEAD) return { pass: [] };
    const line = this.#held.toString('latin1', 0, end === -1 ? 0 : end).replace(/\r$/, '');
    if (isForeignRequest(line)) return this.#enter('other');
    this.#spoken = 'http';
    if (end !== -1 && !/ HTTP\/[0-9]/i.test(line))
      return this.#refuse('protocol', 'it speaks HTTP/0.9, which names no host');
    this.#stage = 'http';
    const held = this.#held;
    this.#held = NOTHING;
    return this.#http.write(held);
  }

  #readHello(): Passage {
    if (this.#held.length < this.#needed) return { pass: [] };
    const hello = readClientHello(this.#held);
    if (hello.kind === 'more') {
      this.#needed = hello.needed;
      return { pass: [] };
    }
    if (hello.kind === 'malformed') return this.#refuse('protocol', `its TLS ClientHello: ${hello.why}`);
    const complaint = hello.serverName === undefined ? undefined : this.#judgeName('TLS', hello.serverName);
    if (complaint !== undefined) return this.#refuse(complaint.reason, complaint.detail);
    this.#stage = 'open';
    return { pass: [this.#release()] };
  }

  #watch(chunk: Buffer): Passage {
    if (this.#firstLine.write(chunk).http) {
      return this.#refuse('protocol', 'its HTTP request does not begin with a method that is known');
    }
    if (this.#firstLine.ended) this.#stage = 'open';
    return { pass: [chunk] };
  }

  #release(): Buffer {
    const held = this.#held;
    this.#held = NOTHING;
    return held;
  }

  #refuse(reason: Complaint['reason'], detail: string): Passage {
    this.#stage = 'refused';
    this.#held = NOTHING;
    return { pass: [], complaint: { reason, detail } };
  }

  #judgeHead({ method, authority }: RequestHead): Complaint | undefined {
    if (method === 'CONNECT')
      return { reason: 'protocol', detail: 'it asks a server for a tunnel, as only a proxy gives' };
    // Sends back what it was sent, credentials that were added on the way included (RFC 9110, section 9.3.8).
    if (method === 'TRACE') return { reason: 'protocol', detail: 'it uses the method TRACE' };
    return authority === undefined ? undefined : this.#judgeName('HTTP', authority.host);
  }

  /**
   * Whoever dialled an address has no name to agree with; the address itself is what was allowed. A name that the policy
   * denies is refused all the same.
   */
  #judgeName(where: string, host: string): Complaint | undefined {
    const { host: named, port } = this.#named;
    if (host === named) return undefined;
    if (isAddress(named)) {
      const verdict = this.#gate.judge({ host, port });
      if (verdict.kind === 'allowed' || verdict.reason !== 'denied') return undefined;
    }
    const resolved = writeAuthority({ host: named });
    return {
      reason: 'name-mismatch',
      detail: `${where} asks for ${host} on a connection that was made to ${resolved}`,
    };
  }
}

/** Follows the requests of one client on an HTTP/1.x connection: every head is judged before a byte of it goes on. */
import { findHeadEnd, LARGEST_HEAD, type RequestHead, readHead, writeHead } from './http-head.ts';
import { upgradeAgreed, withoutUpgrade } from './http-upgrade.ts';

/** What is wrong with what a client sent. */
export interface Complaint {
  readonly reason: 'name-mismatch' | 'protocol';
  readonly detail: string;
}

/** What may go on now, in order; with a complaint nothing after it ever may. */
export interface Passage {
  readonly pass: readonly Buffer[];
  readonly complaint?: Complaint;
  /** The client asks for more than it gets here: the server is told that no more comes, so that it closes and the client asks anew. */
  readonly over?: true;
}

/** `open`: an upgrade was agreed to, and what follows is no HTTP. */
type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'trailer' | 'upgrading' | 'open' | 'refused';

/** Octets of a chunk's size with its extensions, or of one trailer field. */
const LONGEST_LINE = 4096;
const CHUNK_SIZE = /^([0-9a-f]{1,13})(?:;[\t\x20-\x7e]*)?$/i;
const TRAILER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t\x20-\x7e\x80-\xff]*$/;
const NEVER_A_TRAILER = new Set(['host', 'content-length', 'transfer-encoding']);
const NOTHING = Buffer.alloc(0);

const CR = 13;
const LF = 10;

/**
 * The client's side of the framing (RFC 9112), followed for as long as the connection lives. SECURITY: a second request on
 * a connection that was checked may name another host, so each is judged; and a body is only what both ends must agree
 * that it is (`readHead` refuses the rest), so no request hides in one. Forcing `Connection: close` instead would cost
 * every keep-alive client a new connection per request.
 */
export class RequestFollower {
  readonly #judge: (head: RequestHead) => Complaint | undefined;
  readonly #rewrite: ((head: RequestHead) => Buffer) | undefined;
  #state: State = 'head';
  #held: Buffer = NOTHING;
  /** Octets left of a body or a chunk, its CR LF included. */
  #left = 0;
  /** Octets of `#held` that are known to hold no line break of interest. */
  #scanned = 0;
  #requests = 0;
  #answer: Buffer = NOTHING;

  /** `rewrite` gives what goes on in the place of each head; by default the head itself. */
  constructor(judge: (head: RequestHead) => Complaint | undefined, rewrite?: (head: RequestHead) => Buffer) {
    this.#judge = judge;
    this.#rewrite = rewrite;
  }

  /** Nothing needs to be looked at any more. */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** The server's next bytes decide whether the connection stays HTTP: hand them to `answer`. */
  get awaitsAnswer(): boolean {
    return this.#state === 'upgrading';
  }

  /** Something has begun and not ended; a client that leaves it so is slow on purpose. */
  get pending(): boolean {
    return this.#held.length > 0;
  }

  /** Whether the last request that began has ended. */
  get betweenRequests(): boolean {
    return this.#state === 'head';
  }

  write(chunk: Buffer): Passage {
    if (this.#state === 'open') return { pass: [chunk] };
    if (this.#state === 'refused') return { pass: [] };
    if (this.#state === 'length' && chunk.length < this.#left) {
      this.#left -= chunk.length;
      return { pass: [chunk] };
    }
    return this.#advance(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]));
  }

  /** Bytes of the server, while `awaitsAnswer`. They go on to the client whatever they are. */
  answer(chunk: Buffer): Passage {
    this.#answer = Buffer.concat([this.#answer, chunk]);
    const agreed = upgradeAgreed(this.#answer);
    if (agreed === undefined && this.#answer.length <= LARGEST_HEAD) return { pass: [] };
    this.#answer = NOTHING;
    const held = this.#held;
    this.#held = NOTHING;
    this.#state = agreed === true ? 'open' : 'head';
    return held.length === 0 ? { pass: [] } : this.write(held);
  }

  #advance(bytes: Buffer): Passage {
    const pass: Buffer[] = [];
    let passed = 0;
    for (;;) {
      const step = this.#step(bytes, passed);
      if (typeof step === 'object' && 'reason' in step) {
        this.#state = 'refused';
        this.#held = NOTHING;
        return { pass, complaint: step };
      }
      if (step === undefined) break;
      const piece = step.instead ?? bytes.subarray(passed, passed + step.length);
      if (piece.length > 0) pass.push(piece);
      passed += step.length;
      this.#scanned = 0;
    }
    this.#held = bytes.subarray(passed);
    return { pass: joined(pass, bytes, passed) };
  }

  /** The next element that is whole, `undefined` when more must come. */
  #step(bytes: Buffer, from: number): Element | Complaint | undefined {
    const rest = bytes.length - from;
    switch (this.#state) {
      case 'head':
        return this.#head(bytes, from);
      case 'length':
      case 'chunk-data':
        return rest === 0 ? undefined : this.#data(bytes, from);
      case 'chunk-size':
      case 'trailer':
        return this.#line(bytes, from);
      case 'upgrading':
        return rest > LARGEST_HEAD
          ? protocol('more was sent than fits before the server agreed to the upgrade')
          : undefined;
      default:
        return rest === 0 ? undefined : { length: rest };
    }
  }

  #data(bytes: Buffer, from: number): Element | Complaint {
    const length = Math.min(this.#left, bytes.length - from);
    // The last two octets of a chunk are its line break; a server that does not check them sees other chunks than we do.
    if (this.#state === 'chunk-data') {
      for (let index = 0; index < length; index++) {
        const left = this.#left - index;
        if (left > 2) index += Math.min(left - 2, length - index) - 1;
        else if (bytes[from + index] !== (left === 2 ? CR : LF))
          return protocol('a chunk does not end with its size');
      }
    }
    this.#left -= length;
    if (this.#left === 0) this.#state = this.#state === 'length' ? 'head' : 'chunk-size';
    return { length };
  }

  #line(bytes: Buffer, from: number): Element | Complaint | undefined {
    const end = bytes.indexOf(LF, from);
    const length = (end === -1 ? bytes.length : end + 1) - from;
    if (length > LONGEST_LINE) return protocol('a line of a chunked body is too long');
    if (end === -1) return undefined;
    const line = bytes.toString('latin1', from, end - 1);
    if (bytes[end - 1] !== CR || end === from) return protocol('a line of a chunked body ends without CR LF');
    const complaint = this.#state === 'trailer' ? this.#trailer(line) : this.#chunk(line);
    return complaint ?? { length };
  }

  #chunk(line: string): Complaint | undefined {
    const size = CHUNK_SIZE.exec(line);
    if (size === null) return protocol('the size of a chunk is not a plain number');
    const bytes = Number.parseInt(size[1]!, 16);
    this.#state = bytes === 0 ? 'trailer' : 'chunk-data';
    this.#left = bytes + 2;
    return undefined;
  }

  #trailer(line: string): Complaint | undefined {
    if (line === '') {
      this.#state = 'head';
      return undefined;
    }
    const field = TRAILER.exec(line);
    return field === null || NEVER_A_TRAILER.has(field[1]!.toLowerCase())
      ? protocol('a trailer is not a field that may come last')
      : undefined;
  }

  #head(bytes: Buffer, from: number): Element | Complaint | undefined {
    const end = findHeadEnd(bytes, from, from + this.#scanned);
    if (end.kind === 'malformed') return protocol(end.why);
    if (end.kind === 'more') {
      this.#scanned = bytes.length - from;
      return undefined;
    }
    const { length } = end;
    const head = readHead(bytes.subarray(from, from + length));
    if (head.kind === 'malformed') return protocol(head.why);
    const complaint = this.#judge(head);
    if (complaint !== undefined) return complaint;
    const first = this.#requests++ === 0;
    const mayUpgrade =
      first && head.body.kind === 'none' && head.upgrade.every((each) => each === 'websocket');
    this.#begin(head);
    if (this.#rewrite !== undefined) return { length, instead: this.#rewrite(head) };
    if (head.upgrade.length === 0) return { length };
    if (!mayUpgrade) return { length, instead: writeHead(withoutUpgrade(head)) };
    this.#state = 'upgrading';
    return { length };
  }

  #begin({ body }: RequestHead): void {
    this.#state = body.kind === 'chunked' ? 'chunk-size' : 'head';
    if (body.kind === 'length' && body.bytes > 0) {
      this.#state = 'length';
      this.#left = body.bytes;
    }
  }
}

interface Element {
  readonly length: number;
  /** Goes on in its place. */
  readonly instead?: Buffer;
}

function protocol(detail: string): Complaint {
  return { reason: 'protocol', detail };
}

/** The pieces as one, where they lie side by side: one write costs one system call. */
function joined(pass: readonly Buffer[], bytes: Buffer, passed: number): readonly Buffer[] {
  const untouched = pass.every((piece) => piece.buffer === bytes.buffer);
  return pass.length > 1 && untouched && pass.reduce((sum, { length }) => sum + length, 0) === passed
    ? [bytes.subarray(0, passed)]
    : pass;
}

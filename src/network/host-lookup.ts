/** Resolves names on the host: once for many who ask together, a few at a time, and never for longer than a limit. */
import { lookup } from 'node:dns/promises';
import { type IpAddress, parseAddress } from '../policy/ip-address.ts';

/** All addresses of a name, best first, as text; rejects when there is none. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/** getaddrinfo(3): /etc/hosts, DNS and whatever else the host's nsswitch.conf says, sorted by RFC 6724. */
const askSystem: ResolveName = async (name) => {
  const found = await lookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

export type LookupResult =
  | { readonly kind: 'found'; readonly addresses: readonly IpAddress[] }
  | { readonly kind: 'failed'; readonly why: string };

export interface LookupOptions {
  readonly resolve?: ResolveName;
  /** Default 10,000: two tries of five seconds, as resolv.conf(5) has them. */
  readonly timeoutMs?: number;
  /** How long an answer serves those who ask again. Default 5,000; 0 keeps none. Failures are never kept. */
  readonly keepMs?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** Node resolves on four threads, which file access shares: one is left to it. */
const AT_ONCE = 3;
/** Names that may wait for a turn. Only allowed names come here, but a wildcard allows any number of them. */
const WAITING_LIMIT = 512;
const KEPT_LIMIT = 1024;
/** More addresses of one name than any site has; a hostile answer may hold thousands. */
const ADDRESS_LIMIT = 16;

interface Kept {
  readonly result: LookupResult;
  readonly until: number;
}

export class HostLookup {
  readonly #resolve: ResolveName;
  readonly #timeoutMs: number;
  readonly #keepMs: number;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #underway = new Map<string, Promise<LookupResult>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: LookupOptions = {}) {
    this.#resolve = options.resolve ?? askSystem;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#keepMs = options.keepMs ?? 5_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /** At most 16 addresses, as the host's resolver sorts them. Never rejects. */
  addressesOf(name: string): Promise<LookupResult> {
    const kept = this.#kept.get(name);
    if (kept !== undefined && kept.until > this.#now()) return Promise.resolve(kept.result);
    const before = this.#underway.get(name);
    if (before !== undefined) return before;
    const asked = this.#ask(name).finally(() => this.#underway.delete(name));
    this.#underway.set(name, asked);
    return asked;
  }

  async #ask(name: string): Promise<LookupResult> {
    if (this.#waiting.length >= WAITING_LIMIT) {
      return { kind: 'failed', why: 'too many names are being looked up' };
    }
    const { promise: timeout, cancel } = failAfter(this.#timeoutMs);
    const result = await Promise.race([this.#inTurn(name), timeout]);
    cancel();
    if (result.kind === 'found') this.#keep(name, result);
    return result;
  }

  /** A look-up that takes too long keeps its place: its thread is busy until the system gives up. */
  async #inTurn(name: string): Promise<LookupResult> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      const addresses = (await this.#resolve(name)).slice(0, ADDRESS_LIMIT).map((text) => parseAddress(text));
      const understood = addresses.filter((address) => address !== undefined);
      return understood.length > 0
        ? { kind: 'found', addresses: understood }
        : { kind: 'failed', why: 'it has no address' };
    } catch (error) {
      return { kind: 'failed', why: reasonOf(error) };
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #keep(name: string, result: LookupResult): void {
    if (this.#keepMs <= 0) return;
    this.#kept.delete(name);
    if (this.#kept.size >= KEPT_LIMIT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(name, { result, until: this.#now() + this.#keepMs });
  }
}

function failAfter(ms: number): { promise: Promise<LookupResult>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<LookupResult>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'failed', why: `no answer within ${ms / 1000} s` }), ms);
  });
  return { promise, cancel: () => clearTimeout(timer) };
}

/** The resolver's own code; its message repeats the name. */
function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND') return 'the host does not know the name';
  if (code === 'EAI_AGAIN') return 'the name servers of the host do not answer';
  return typeof code === 'string' ? code : 'the look-up failed';
}

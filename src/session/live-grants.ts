/** Hosts that were opened while a session runs: how long each is open, and when it was used. Loaded at the first grant. */
import { SandboxError } from '../errors.ts';
import type { Connected } from '../network/types.ts';
import { judgeLiveHost } from '../policy/live-host.ts';
import { namesLoopback } from '../policy/loopback-reach.ts';
import type { DomainRule, Policy } from '../policy/types.ts';
import { riskOf } from '../violations/risk.ts';
import type { Risk } from '../violations/types.ts';
import type { SessionEvent } from './event-log.ts';
import type { SandboxNetwork } from './sandbox-network.ts';

/** Who gave a grant: a person's `pinfold allow`, their answer to a question, or the program that holds the session. */
export type GrantSource = 'allow' | 'ask' | 'library';

export type Lasting =
  | { readonly kind: 'session' }
  /** Until one connection was made with it. */
  | { readonly kind: 'once' }
  /** Milliseconds; its connections are closed then. */
  | { readonly kind: 'for'; readonly ms: number };

export interface GrantedHost {
  /** In its one spelling. */
  readonly host: string;
  /** `already`: the rule of the settings that opens it. */
  readonly state: 'opened' | 'already';
  readonly lasts: Lasting['kind'];
  /** ISO 8601. */
  readonly until?: string;
  readonly risk: Risk;
}

export interface RevokedHost {
  readonly host: string;
  /** Open connections that this closed. */
  readonly closed: number;
}

interface Held {
  readonly rule: DomainRule & { readonly access: 'allow' };
  readonly lasts: Lasting['kind'];
  readonly until?: string;
  readonly timer?: NodeJS.Timeout;
  used: boolean;
}

/** What opens and closes hosts in a session that runs. */
export type GrantableNetwork = Pick<SandboxNetwork, 'allow' | 'revoke' | 'retire'>;

export interface LiveGrantsOptions {
  readonly policy: Policy;
  readonly network: () => Promise<GrantableNetwork>;
  /** Its loopback is its own, and no connection to it is asked about: a grant of a place there would change nothing. */
  readonly deafLoopback?: boolean;
  readonly append: (event: SessionEvent) => void;
}

/** Node's setTimeout takes 31 bits of milliseconds: 24 days. */
export const LONGEST_MS = 2 ** 31 - 1;
/** Each costs a look at every connection that is judged by name. */
const MOST = 1000;

function refused(what: string, why: string, fix: string): SandboxError {
  return new SandboxError('ERR_GRANT_REFUSED', { what, why, fix });
}

export function refuseLasting(what: string, lasting: Lasting): void {
  if (lasting.kind !== 'for' || (lasting.ms >= 1 && lasting.ms <= LONGEST_MS)) return;
  throw new SandboxError('ERR_USAGE', {
    what: `Cannot open ${what} for ${lasting.ms} milliseconds`,
    why: 'a grant lasts between one millisecond and 24 days',
  });
}

export class LiveGrants {
  readonly #options: LiveGrantsOptions;
  readonly #held = new Map<string, Held>();
  /** Patterns of the settings that were revoked: they are not open any more. */
  readonly #revoked = new Set<string>();
  #network: GrantableNetwork | undefined;

  constructor(options: LiveGrantsOptions) {
    this.#options = options;
  }

  get hosts(): readonly Omit<GrantedHost, 'risk' | 'state'>[] {
    return [...this.#held].map(([host, { lasts, until }]) => ({ host, lasts, ...(until && { until }) }));
  }

  /**
   * Opens a host for programs that run already. Granted again, the newer word counts. Throws ERR_GRANT_REFUSED for what somebody
   * denied on purpose, ERR_USAGE for what is no host or no time.
   */
  async allow(text: string, lasting: Lasting, by: GrantSource): Promise<GrantedHost> {
    const { policy, append } = this.#options;
    const host = this.#check(text);
    refuseLasting(host, lasting);
    const ms = lasting.kind === 'for' ? lasting.ms : undefined;
    const risk = riskOf(
      { act: 'connect', subject: subjectOf(host), observer: 'gate', outcome: 'refused' },
      policy,
    );
    if (this.#isOpen(host)) return { host, state: 'already', lasts: 'session', risk };
    if (this.#held.size >= MOST && !this.#held.has(host)) {
      throw refused(
        `Cannot open ${host}`,
        `${MOST} hosts are open already`,
        'Revoke some: pinfold revoke HOST',
      );
    }
    const network = await this.#reach();
    clearTimeout(this.#held.get(host)?.timer);
    const until = ms === undefined ? undefined : new Date(Date.now() + ms).toISOString();
    const rule = {
      pattern: host,
      access: 'allow',
      origin: { scope: 'flag', text: `pinfold allow ${host}` },
    } as const;
    const timer = ms === undefined ? undefined : setTimeout(() => void this.#expire(host), ms);
    timer?.unref();
    this.#held.set(host, {
      rule,
      lasts: lasting.kind,
      used: false,
      ...(until && { until }),
      ...(timer && { timer }),
    });
    this.#revoked.delete(host);
    // Not revoked: what is open by the older word goes on under the newer one.
    network.retire(host);
    network.allow(rule);
    append({ kind: 'grant', host, by, lasts: lasting.kind, ...(until && { until }), risk });
    return { host, state: 'opened', lasts: lasting.kind, ...(until && { until }), risk };
  }

  /**
   * Closes a host: what was granted, and what the settings open by exactly this pattern; its connections end. Throws
   * ERR_GRANT_UNKNOWN where nothing opens it so.
   */
  async revoke(text: string): Promise<RevokedHost> {
    const judged = judgeLiveHost(text, this.#options.policy);
    if (judged.kind === 'no-host') throw noHost(text);
    const host = judged.pattern;
    const network = await this.#reach();
    const { rules, closed } = network.revoke(host);
    clearTimeout(this.#held.get(host)?.timer);
    this.#held.delete(host);
    if (rules.length === 0) {
      const open = [...this.#held.keys(), ...this.#settings()].slice(0, 5);
      throw new SandboxError('ERR_GRANT_UNKNOWN', {
        what: `Cannot close ${host}`,
        why: 'nothing opens it by exactly this name in the session',
        fix: open.length === 0 ? 'No host is open' : `Open are: ${open.join(', ')}`,
      });
    }
    this.#revoked.add(host);
    this.#options.append({ kind: 'grant-ended', host, why: 'revoked', closed });
    return { host, closed };
  }

  /** A connection was made: the first use of a grant is told, and a grant for one connection is over. */
  connected({ rule, destination }: Pick<Connected, 'rule' | 'destination'>): void {
    const held = this.#held.get(rule.pattern);
    if (held === undefined || held.rule !== rule || held.used) return;
    held.used = true;
    const host = rule.pattern;
    this.#options.append({ kind: 'grant-used', host, to: `${destination.host}:${destination.port}` });
    if (held.lasts !== 'once') return;
    this.#held.delete(host);
    // In this very turn the gate has taken the connection over; whoever dials next finds no rule.
    this.#network?.retire(host);
    this.#options.append({ kind: 'grant-ended', host, why: 'used', closed: 0 });
  }

  close(): void {
    for (const { timer } of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
  }

  async #expire(host: string): Promise<void> {
    if (!this.#held.delete(host)) return;
    const { closed } = (await this.#reach()).revoke(host);
    this.#options.append({ kind: 'grant-ended', host, why: 'expired', closed });
  }

  async #reach(): Promise<GrantableNetwork> {
    this.#network = await this.#options.network();
    return this.#network;
  }

  #settings(): string[] {
    return this.#options.policy.network.domains.flatMap(({ access, pattern }) => {
      const judged = judgeLiveHost(pattern, { network: { ...this.#options.policy.network, domains: [] } });
      return access === 'allow' && judged.kind !== 'no-host' && !this.#revoked.has(judged.pattern)
        ? [judged.pattern]
        : [];
    });
  }

  #isOpen(host: string): boolean {
    return !this.#held.has(host) && this.#settings().includes(host);
  }

  #check(text: string): string {
    const judged = judgeLiveHost(text, this.#options.policy);
    if (judged.kind === 'no-host') throw noHost(text);
    if (judged.kind === 'may-open') return this.#heard(judged.pattern);
    const { rule } = judged;
    const where = rule?.origin.file ?? rule?.origin.text;
    throw refused(
      `Cannot open ${judged.pattern}`,
      `${judged.why}${where === undefined ? '' : ` (${where})`}`,
      rule === undefined || rule.ceiling
        ? 'Ask whoever administers this machine'
        : 'Only whoever wrote that rule can change it, in that place',
    );
  }

  /** A grant that changes nothing must not be told as one. */
  #heard(host: string): string {
    if (!this.#options.deafLoopback || !namesLoopback(host)) return host;
    throw refused(
      `Cannot open ${host}`,
      'the loopback of this session is its own, and no connection to it is asked about',
      `Start one with --net local, or with --allow-domain ${host}`,
    );
  }
}

function subjectOf(pattern: string) {
  const [, host = pattern, port] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? [];
  const plain = host.replace(/^\[(.*)\]$/, '$1');
  return { kind: 'host', host: plain, ...(port !== undefined && { port: Number(port) }) } as const;
}

function noHost(text: string): SandboxError {
  return new SandboxError('ERR_USAGE', {
    what: `Cannot use the host ${JSON.stringify(text)}`,
    why: 'it is neither a name, a "*." pattern nor an address, with an optional port',
    fix: 'Write it as in "api.example.com", "*.example.com:443" or "[2001:db8::1]"',
  });
}

/** Which rule decides about a host and port: the rules of a policy, indexed, and changed while a session lives. Pure. */
import { SandboxError } from '../errors.ts';
import { formatHostPattern, type HostPattern, parseHostPattern } from '../policy/host-pattern.ts';
import type { DomainRule } from '../policy/types.ts';
import type { Destination } from './types.ts';

interface Entry {
  readonly pattern: HostPattern;
  readonly rule: DomainRule;
  /** The pattern in its one spelling, with the origin: breaks ties so that which rule is named never depends on order. */
  readonly identity: string;
}

function toEntry(rule: DomainRule): Entry {
  const pattern = parseHostPattern(rule.pattern);
  if (pattern === undefined) {
    // A denial that is skipped would open what it was to close.
    throw new SandboxError('ERR_USAGE', {
      what: `Cannot use the host ${JSON.stringify(rule.pattern)}`,
      why: 'it is neither a name, a "*." pattern nor an address, with an optional port',
      fix: 'Write it as in "api.example.com", "*.example.com:443" or "[2001:db8::1]"',
    });
  }
  return { pattern, rule, identity: `${formatHostPattern(pattern)} ${JSON.stringify(rule.origin)}` };
}

/** An exact host is more specific than any wildcard, a longer wildcard than a shorter one. */
function depth({ kind, host }: HostPattern): number {
  return kind === 'subdomains' ? host.split('.').length : Number.POSITIVE_INFINITY;
}

/** Whether `left` decides before `right`: host, then port, then deny over allow, then nothing but a stable order. */
function outranks(left: Entry, right: Entry): boolean {
  const [leftDepth, rightDepth] = [depth(left.pattern), depth(right.pattern)];
  if (leftDepth !== rightDepth) return leftDepth > rightDepth;
  const [leftPort, rightPort] = [left.pattern.port !== undefined, right.pattern.port !== undefined];
  if (leftPort !== rightPort) return leftPort;
  if (left.rule.access !== right.rule.access) return left.rule.access === 'deny';
  return left.identity < right.identity;
}

/** Keys under which a host may be written, the most specific first: itself, then `*.` and each of its parents. */
function keysOf(host: string): string[] {
  const keys = [host];
  // An address has no parents: `*.0.0.1` is no pattern.
  if (/^[\d.]+$|:/.test(host)) return keys;
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    keys.push(`*.${host.slice(dot + 1)}`);
  }
  return keys;
}

const keyOf = ({ kind, host }: HostPattern): string => (kind === 'subdomains' ? `*.${host}` : host);

/** A port that no rule can name: stands for "every port that is not mentioned". */
const UNNAMED_PORT = 0;

/**
 * The rule whose pattern is most specific decides: an exact host before a wildcard, a longer wildcard before a shorter one,
 * with a port before without. At equal depth deny beats allow. A ceiling denial beats everything it covers. No rule: no
 * access. The order in which rules are given or added never matters.
 */
export class EgressRules {
  readonly #entries = new Map<string, Entry[]>();
  #revision = 0;

  /** Throws ERR_USAGE for a pattern that is no host. */
  constructor(rules: Iterable<DomainRule>) {
    for (const rule of rules) this.add(rule);
  }

  /** Grows with every change: an answer holds as long as this is the same. */
  get revision(): number {
    return this.#revision;
  }

  /** Throws ERR_USAGE for a pattern that is no host. A rule that is there already is not added twice. */
  add(rule: DomainRule): void {
    const entry = toEntry(rule);
    this.#revision += 1;
    const key = keyOf(entry.pattern);
    const present = this.#entries.get(key) ?? [];
    const same = present.some(
      ({ rule: other, identity }) =>
        identity === entry.identity && other.access === rule.access && other.ceiling === rule.ceiling,
    );
    if (!same) this.#entries.set(key, [...present, entry]);
  }

  /**
   * Takes away every allowance of exactly this pattern, in any spelling, and gives back what it took. Denials stay: whoever
   * wants to open what they close says so with an allowance. Throws ERR_USAGE for a pattern that is no host.
   */
  removeAllowances(pattern: string): DomainRule[] {
    const { pattern: wanted } = toEntry({
      pattern,
      access: 'allow',
      origin: { scope: 'flag', text: pattern },
    });
    this.#revision += 1;
    const key = keyOf(wanted);
    const present = this.#entries.get(key) ?? [];
    const goes = (entry: Entry) => entry.rule.access === 'allow' && entry.pattern.port === wanted.port;
    const left = present.filter((entry) => !goes(entry));
    if (left.length > 0) this.#entries.set(key, left);
    else this.#entries.delete(key);
    return present.filter(goes).map(({ rule }) => rule);
  }

  /** The rule that decides; undefined when none mentions the destination. */
  decide({ host, port }: Destination): DomainRule | undefined {
    return this.#decide(host, port);
  }

  /** Whether some port of the host may be reached: what a resolver, which is told no port, goes by. */
  reaches(host: string): boolean {
    const ports = keysOf(host).flatMap((key) =>
      (this.#entries.get(key) ?? []).map(({ pattern }) => pattern.port),
    );
    return [...new Set(ports)].some((port) => this.#decide(host, port ?? UNNAMED_PORT)?.access === 'allow');
  }

  /** The rule to name when no port of the host may be reached; undefined when none mentions it. */
  denialOf(host: string): DomainRule | undefined {
    const candidates = keysOf(host).flatMap((key) => this.#entries.get(key) ?? []);
    return strongest(candidates.filter(({ rule }) => rule.access === 'deny'))?.rule;
  }

  #decide(host: string, port: number): DomainRule | undefined {
    let winner: Entry | undefined;
    let ceiling: Entry | undefined;
    for (const key of keysOf(host)) {
      for (const entry of this.#entries.get(key) ?? []) {
        if (entry.pattern.port !== undefined && entry.pattern.port !== port) continue;
        if (winner === undefined || outranks(entry, winner)) winner = entry;
        const caps = entry.rule.ceiling === true && entry.rule.access === 'deny';
        if (caps && (ceiling === undefined || outranks(entry, ceiling))) ceiling = entry;
      }
    }
    return (ceiling ?? winner)?.rule;
  }
}

function strongest(entries: readonly Entry[]): Entry | undefined {
  return entries.reduce<Entry | undefined>(
    (best, entry) => (best === undefined || outranks(entry, best) ? entry : best),
    undefined,
  );
}

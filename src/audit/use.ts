/** What is known of the use of each grant over many sessions. Hosts are counted; a path is only ever seen. */
import { formatHostPattern, parseHostPattern } from '../policy/host-pattern.ts';
import type { Finding } from '../policy/lint.ts';
import type { DomainRule, Origin } from '../policy/types.ts';
import { historyOf } from '../violations/history.ts';
import { connectionsOf } from './connections.ts';
import type { AuditedGrant, GrantEntry, MakeHostRules, RecordedSession, Use } from './types.ts';

/** A pattern in its one spelling; what is no pattern stays as it is. */
export function hostKey(pattern: string): string {
  const parsed = parseHostPattern(pattern);
  return parsed === undefined ? pattern : formatHostPattern(parsed);
}

/** Of a host that a group stands for, what stands in the settings is the group. A rule of a log may be cut short. */
function keysOf({ pattern, origin }: Pick<DomainRule, 'pattern'> & Partial<DomainRule>): string[] {
  return [origin?.group?.name ?? hostKey(pattern)];
}

/** What one session tells of all entries. */
interface Told {
  readonly session: RecordedSession;
  readonly hosts: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
  readonly connections: ReadonlyMap<string, number>;
  /** Hosts that were asked for and not reached, for another reason than the rules. */
  readonly tried: ReadonlySet<string>;
  /** Connections were too many to be told apart. */
  readonly blurred: boolean;
  readonly seen: ReadonlyMap<string, { readonly open?: true; readonly changed?: true }>;
}

interface GrantUseRecord {
  readonly paths: readonly { readonly pattern: string; readonly open?: true; readonly changed?: true }[];
}

function tell(session: RecordedSession, makeRules: MakeHostRules): Told {
  const { policy, events } = session;
  const { domains } = policy.network;
  const rules = makeRules(domains);
  const connections = new Map<string, number>();
  const { all, blurred } = connectionsOf(events);
  for (const { way, host, port, connections: count } of all) {
    if (way === 'published') continue;
    if (way === 'socket') {
      const rule = policy.rules.find((each) => each.socket && (each.resolved ?? each.pattern) === host);
      if (rule) connections.set(rule.pattern, (connections.get(rule.pattern) ?? 0) + count);
      continue;
    }
    // A service of the host's loopback may be listed by its name or by its address.
    const names = way === 'host' ? [host, 'localhost'] : [host];
    const deciding = names.map((name) => rules.decide({ host: name, port }));
    for (const pattern of new Set(deciding.flatMap((rule) => (rule ? keysOf(rule) : [])))) {
      connections.set(pattern, (connections.get(pattern) ?? 0) + count);
    }
  }
  const tried = historyOf(events).violations.flatMap(({ denial: { rule } }) =>
    rule?.access === 'allow' ? keysOf(rule) : [],
  );
  const seen = events.flatMap(({ kind, ...rest }) =>
    kind === 'grant-use' ? (rest as unknown as GrantUseRecord).paths : [],
  );
  return {
    session,
    hosts: new Set(
      domains.flatMap(({ access, pattern, origin }) =>
        access === 'allow' ? keysOf({ pattern, origin }) : [],
      ),
    ),
    paths: new Set(
      policy.rules.flatMap(({ category, access, pattern, glob, origin }) =>
        category === 'setting' && access !== 'none' && !glob && origin.file !== undefined ? [pattern] : [],
      ),
    ),
    connections,
    tried: new Set(tried),
    blurred,
    seen: new Map(seen.map(({ pattern, ...how }) => [pattern, how])),
  };
}

function latest(told: readonly Told[]): { lastUse?: string } {
  const last = told
    .map(({ session }) => session.started)
    .sort()
    .at(-1);
  return last === undefined ? {} : { lastUse: last };
}

const NEVER_IN_FORCE = 'no recorded session had it in force';

/** Of a host or a socket. */
function countedUse({ pattern }: GrantEntry, told: readonly Told[]): Pick<AuditedGrant, 'use' | 'lastUse'> {
  const users = told.filter(({ connections }) => connections.has(pattern));
  const total = users.reduce((sum, { connections }) => sum + connections.get(pattern)!, 0);
  if (total > 0) return { use: { kind: 'counted', connections: total }, ...latest(users) };
  const unknown = (why: string) => ({ use: { kind: 'unknown', why } as const });
  if (told.length === 0) return unknown(NEVER_IN_FORCE);
  const tried = told.filter((each) => each.tried.has(pattern));
  if (tried.length > 0) return { ...unknown('it was asked for and could not be reached'), ...latest(tried) };
  if (told.some(({ blurred }) => blurred)) return unknown('a session reached too many hosts to tell apart');
  const open = told.filter(({ session }) => !session.whole).length;
  if (open > 0) return unknown(`${open} of ${told.length} sessions still run or left no whole log`);
  return { use: { kind: 'counted', connections: 0 } };
}

function pathUse({ pattern }: GrantEntry, told: readonly Told[]): Pick<AuditedGrant, 'use' | 'lastUse'> {
  const users = told.filter(({ seen }) => seen.has(pattern));
  if (users.length > 0) {
    const count = (how: 'open' | 'changed') => users.filter(({ seen }) => seen.get(pattern)![how]).length;
    const use: Use = { kind: 'seen', open: count('open'), changed: count('changed') };
    return { use, ...latest(users) };
  }
  const why = told.length === 0 ? NEVER_IN_FORCE : 'not seen, which does not prove that it is unused';
  return { use: { kind: 'unknown', why } };
}

function samePlace(a: Origin, b: Origin): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column;
}

export interface AuditInput {
  readonly projectDir: string | undefined;
  readonly entries: readonly GrantEntry[];
  /** Of every project: what stands in a person's own settings holds in all of them. */
  readonly sessions: readonly RecordedSession[];
  readonly findings: readonly Finding[];
  readonly makeRules: MakeHostRules;
}

/** In the order of the entries. */
export function auditGrants({ projectDir, entries, sessions, ...input }: AuditInput): AuditedGrant[] {
  const told = sessions.map((session) => tell(session, input.makeRules));
  return entries.map((entry): AuditedGrant => {
    const isHost = entry.key === 'allowedDomains';
    const isCounted = entry.key !== 'allowedPaths';
    const mine = told.filter(
      ({ session, hosts, paths }) =>
        (entry.origin.scope === 'user' || session.project === projectDir) &&
        (isHost ? hosts : paths).has(entry.pattern),
    );
    return {
      entry,
      sessions: mine.length,
      ...(isCounted ? countedUse(entry, mine) : pathUse(entry, mine)),
      findings: input.findings.filter(({ origin }) => samePlace(origin, entry.origin)),
    };
  });
}

/** Why an entry may go. */
export type Removable = 'expired' | 'gone' | 'never-used';

/**
 * Undefined for whatever is in use, unknown, or not in force for want of trust: nobody agreed to that file yet. `enough`:
 * sessions without a connection that count as never.
 */
export function removable({ entry, use, sessions }: AuditedGrant, enough: number): Removable | undefined {
  if (!entry.trusted) return undefined;
  if (entry.expired) return 'expired';
  if (entry.place === 'gone') return 'gone';
  const never = use.kind === 'counted' && use.connections === 0 && sessions >= enough;
  return never ? 'never-used' : undefined;
}

/** The words of looking back: entries of the settings, recorded sessions, and what is known of the use of the one in the other. */
import type { Finding } from '../policy/lint.ts';
import type { DomainRule, Origin, Policy } from '../policy/types.ts';

/** One entry of `allowedPaths`, `allowedSockets` or `allowedDomains` in a settings file. */
export interface GrantEntry {
  readonly key: 'allowedPaths' | 'allowedSockets' | 'allowedDomains';
  /** As written. */
  readonly text: string;
  /** Of a path or a socket: absolute. Of a host: in its one spelling. */
  readonly pattern: string;
  /** Of a path. */
  readonly mode?: 'read' | 'write';
  readonly expires?: string;
  readonly reason?: string;
  readonly origin: Origin;
  /** Position in its list, from 0. */
  readonly index: number;
  /** Whether it counts: a project's file that nobody has trusted grants nothing. */
  readonly trusted: boolean;
  readonly expired: boolean;
  /** Of a path: `gone`: nothing is there now; `unclear`: whether something is cannot be seen. */
  readonly place?: 'there' | 'gone' | 'unclear';
}

/** A record of a session's log; what it holds beside depends on `kind`. */
export interface LoggedEvent {
  readonly kind?: unknown;
}

export interface RecordedSession {
  readonly id: string;
  readonly project: string;
  /** ISO 8601. */
  readonly started: string;
  readonly ended?: string;
  /** It ended in order, and its log has all that it wrote. */
  readonly whole: boolean;
  readonly policy: Policy;
  readonly events: readonly LoggedEvent[];
}

/** Rules about hosts, ready to be asked: the egress gate's own (network/egress-rules.ts). */
export interface HostRules {
  decide(destination: { readonly host: string; readonly port: number }): DomainRule | undefined;
  /** Whether some port of the host may be reached. */
  reaches(host: string): boolean;
}

export type MakeHostRules = (domains: readonly DomainRule[]) => HostRules;

export type Use =
  /** By the egress gate or a socket's relay, which every connection goes through: exact. */
  | { readonly kind: 'counted'; readonly connections: number }
  /** In how many sessions something of it was seen open, or was changed meanwhile. */
  | { readonly kind: 'seen'; readonly open: number; readonly changed: number }
  /** Nothing was seen, and that proves nothing. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface AuditedGrant {
  readonly entry: GrantEntry;
  /** Recorded sessions in which it was in force. */
  readonly sessions: number;
  readonly use: Use;
  /** Start of the last session that used it, ISO 8601. */
  readonly lastUse?: string;
  /** What the linter says of it: too broad, overruled, adds nothing. */
  readonly findings: readonly Finding[];
}

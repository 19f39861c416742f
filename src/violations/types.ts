/** The words of a refusal: a denial is what an observer saw once, a violation is what is recorded of it. Pure data. */
import type { DomainRule, PathRule } from '../policy/types.ts';

/**
 * `look-up`: a name was asked for (stat, access, a step of a longer path); `metadata`: mode, owner, times, attributes;
 * `send`: a datagram with an address of its own; `resolve`: a host name was asked for; `call`: a system call that nobody inside may make.
 */
export type Act =
  | 'read'
  | 'list'
  | 'look-up'
  | 'write'
  | 'create'
  | 'rename'
  | 'remove'
  | 'link'
  | 'metadata'
  | 'execute'
  | 'connect'
  | 'bind'
  | 'send'
  | 'resolve'
  | 'call';

/** What was acted on. A path is absolute, as it is named inside; a host is a name or an address, as it was asked for. */
export type Subject =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'host'; readonly host: string; readonly port?: number }
  /** A Unix socket by its path; an abstract one begins with `@`. */
  | { readonly kind: 'socket'; readonly path: string }
  /** By its name: `mount`. */
  | { readonly kind: 'syscall'; readonly name: string };

export interface Ancestor {
  readonly pid: number;
  readonly program: string;
  /** As people know it, where that says more: the script that an interpreter runs, or the title that it gave itself. */
  readonly name?: string;
}

/** Who did it. Everything but the number was chosen inside: bounded by who reads it, escaped by who shows it. */
export interface Actor {
  /** As the host counts. 0 where the observer cannot know. */
  readonly pid: number;
  /** Absolute path of the executable, as it is named inside. */
  readonly program?: string;
  readonly command?: readonly string[];
  /** The nearest first, up to the first process of the sandbox. */
  readonly parents?: readonly Ancestor[];
}

/**
 * supervisor: seccomp notifications; tripwire: the file system over hidden places; gate: the egress gate; resolver: the
 * name server inside; watch: the watch and the sweep over host-run names; log: the log of the operating system (macOS).
 */
export type Observer = 'supervisor' | 'tripwire' | 'gate' | 'resolver' | 'watch' | 'log';

/** One raw observation. */
export interface Denial {
  readonly act: Act;
  readonly subject: Subject;
  readonly observer: Observer;
  /** `quarantined`: it had slipped past the refusal, was moved away and ended the session. */
  readonly outcome: 'refused' | 'quarantined';
  readonly actor?: Actor;
  /** The rule that decided; absent where no rule mentions the subject, and what no rule mentions is refused. */
  readonly rule?: PathRule | DomainRule;
  /** What the program was answered (errno(3)); absent where it was answered nothing, or in another way, or nobody can say. */
  readonly errno?: number;
  /** One clause of the observer: "resolves to a private address". Chosen by us, but may quote what came from inside. */
  readonly detail?: string;
  /**
   * What would have to be allowed for it to pass, where that is not the subject itself: the address that a name leads to.
   * `none`: no allowance would change anything, as for a host that does not exist.
   */
  readonly remedy?: { readonly kind: 'host'; readonly host: string } | { readonly kind: 'none' };
  /** Where a quarantined entry went, on the host. */
  readonly movedTo?: string;
}

export type RiskLevel = 'low' | 'medium' | 'high';

/** What granting would mean. */
export interface Risk {
  readonly level: RiskLevel;
  /** Clauses for people, the gravest first: "holds ssh keys". Never empty. */
  readonly reasons: readonly string[];
}

/** A denial as recorded: identical ones (same act class, subject, program, rule) are one, with a count. */
export interface Violation {
  /** `b7`: unique in its session, numbered in the order of first sight. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** The first of them, bounded. */
  readonly denial: Denial;
  readonly risk: Risk;
}

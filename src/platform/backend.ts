/** What a platform's backend offers to a session; the only door between the two. */
import type { LimitName } from '../policy/types.ts';

/** A limit by the name of its setting. */
export type LimitMechanism = `limits.${LimitName}`;

export type Mechanism =
  | 'user-namespace'
  | 'mount-namespace'
  | 'pid-namespace'
  | 'network-namespace'
  | 'ipc-namespace'
  | 'uts-namespace'
  | 'cgroup-namespace'
  | 'capabilities'
  | 'no-new-privileges'
  | 'landlock'
  | 'seccomp'
  | 'name-guard'
  /** Sees who looks at what is hidden; no guarantee rests on it. */
  | 'tripwire'
  /** macOS: what sandbox-exec applies. */
  | 'sandbox-profile'
  | LimitMechanism;

/** A guarantee that is not given. */
export interface Shortfall {
  /** Stable, for machines. */
  readonly id: string;
  /** What can happen, as a sentence without its full stop. */
  readonly claim: string;
}

/** What a boundary gives that had to be made without namespaces, and why it had to. */
export interface Weaker {
  readonly why: string;
  /** The one command that mends the host. */
  readonly fix?: string;
  readonly guarantees: readonly Shortfall[];
  /** What works with namespaces and does not here; nobody gains anything by it. Sentences without their full stops. */
  readonly losses: readonly string[];
}

/** What is in force for one mechanism. Reported from what the launcher confirmed, never from what was asked. */
export type Enforcement =
  | { readonly mechanism: Mechanism; readonly state: 'full'; readonly note?: string }
  | { readonly mechanism: Mechanism; readonly state: 'partial'; readonly missing: readonly string[] }
  | { readonly mechanism: Mechanism; readonly state: 'none'; readonly reason: string };

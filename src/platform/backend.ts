/** What a platform's backend offers to a session; the only door between the two. */

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
  | 'sandbox-profile';

/** What is in force for one mechanism. Reported from what the launcher confirmed, never from what was asked. */
export type Enforcement =
  | { readonly mechanism: Mechanism; readonly state: 'full'; readonly note?: string }
  | { readonly mechanism: Mechanism; readonly state: 'partial'; readonly missing: readonly string[] }
  | { readonly mechanism: Mechanism; readonly state: 'none'; readonly reason: string };

/** The baseline of system calls as data: its shape, and what Pinfold ships (`native/seccomp/*.json`). */
import shipped from '../../../../native/seccomp/baseline.json' with { type: 'json' };
import landlockNetwork from '../../../../native/seccomp/landlock-network.json' with { type: 'json' };
import landlockTier from '../../../../native/seccomp/landlock-tier.json' with { type: 'json' };

/**
 * `watch`: the supervisor only tells of it, so that where nobody wants to know it is allowed. `refuse`: EPERM, which the launcher
 * says itself where somebody wants to know.
 */
export type Action = 'allow' | 'notify' | 'watch' | 'refuse' | ErrnoName;

/** Numbers that x86-64 and arm64 share (asm-generic/errno.h). */
export const ERRNO = {
  EPERM: 1,
  EACCES: 13,
  ENOSYS: 38,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
} as const;
export type ErrnoName = keyof typeof ERRNO;

/** Numbers stand in text, because JSON has no hexadecimal; each beside the name it has in the kernel's headers. */
type NamedNumbers = Readonly<Record<string, string>>;

/**
 * A test of the low 32 bits of argument `of`: any of these bits is set, or (after `mask`) it is one of these values. `high`:
 * of the upper 32 bits, which only a pointer has.
 */
export type Condition =
  | { readonly of: number; readonly anyBit: NamedNumbers }
  | { readonly of: number; readonly high?: true; readonly mask?: string; readonly in: NamedNumbers };

export interface CheckedCall {
  readonly why: string;
  readonly rules: readonly {
    readonly when: readonly Condition[];
    readonly action: Action;
    readonly why?: string;
  }[];
  readonly otherwise: Action;
}

export interface Baseline {
  /** The newest system call that somebody looked at; those with higher numbers answer ENOSYS. */
  readonly highestReviewed: string;
  readonly groups: readonly {
    readonly name: string;
    readonly action: Action;
    readonly why: string;
    readonly calls: Readonly<Record<string, string>>;
  }[];
  readonly checked: Readonly<Record<string, CheckedCall>>;
}

// TypeScript widens the strings of a JSON module, so their unions cannot be inferred; `compiler.test.ts` checks them.
export const BASELINE = shipped as unknown as Baseline;

/** `changes` in place of what `baseline` says of the same calls. */
function overlay(
  { highestReviewed, groups, checked }: Baseline,
  changes: Omit<Baseline, 'highestReviewed'>,
): Baseline {
  const changed = new Set([
    ...changes.groups.flatMap(({ calls }) => Object.keys(calls)),
    ...Object.keys(changes.checked),
  ]);
  const unchanged = <T>(calls: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(calls).filter(([name]) => !changed.has(name)));
  return {
    highestReviewed,
    groups: [...groups.map((group) => ({ ...group, calls: unchanged(group.calls) })), ...changes.groups],
    checked: { ...unchanged(checked), ...changes.checked },
  };
}

/** Where namespaces hold nothing. */
export const LANDLOCK_TIER_BASELINE = overlay(
  BASELINE,
  landlockTier as unknown as Omit<Baseline, 'highestReviewed'>,
);

/** The same where the gate can be reached. */
export const LANDLOCK_NETWORK_BASELINE = overlay(
  LANDLOCK_TIER_BASELINE,
  landlockNetwork as unknown as Omit<Baseline, 'highestReviewed'>,
);

/** What a session takes and gives: the words between `session/` and its users (`cli/`, the library). */
import type { Enforcement } from '../platform/backend.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import type { PathRule, Policy, SettingsLayer } from '../policy/types.ts';

export interface PolicyRequest {
  /** Working directory of the person, absolute. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `--project`; default: nearest ancestor of cwd with `.pinfold`, `.claude` or `.git`, else cwd. */
  readonly projectDir?: string;
  /** `--settings FILE`: read as a layer of scope `flag`, below the other flags. */
  readonly settingsFile?: string;
  /** The command line's own settings. */
  readonly flags?: SettingsLayer;
  readonly profile?: string;
}

export interface LoadedPolicy {
  readonly policy: Policy;
  readonly layers: readonly SettingsLayer[];
  readonly facts: HostFacts;
}

export interface Target {
  readonly argv: readonly string[];
  readonly cwd: string;
}

/** The making of a host-run name that was refused, or found and quarantined. */
export interface GuardReport {
  readonly path: string;
  readonly rule: PathRule | undefined;
  readonly pid?: number;
  readonly program?: string;
  readonly outcome: 'refused' | 'quarantined';
  /** Where a quarantined entry went. */
  readonly movedTo?: string;
}

export type Ending =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'not-found'; readonly command: string }
  | { readonly kind: 'not-executable'; readonly command: string; readonly errno: number };

export interface RunOutcome {
  readonly sessionId: string;
  readonly ending: Ending;
  readonly enforcement: readonly Enforcement[];
  readonly guarded: readonly GuardReport[];
  /** The session was ended because a guarded name had slipped past the refusal. */
  readonly breached: boolean;
  /** Ended because `limits.wallTime` was exceeded. */
  readonly timedOut?: true;
}

/** What a session takes and gives: the words between `session/` and its users (`cli/`, the library). */
import type { TrafficTotal } from '../network/traffic-ledger.ts';
import type { Enforcement, Weaker } from '../platform/backend.ts';
import type { HomeFile, HostFacts } from '../policy/host-facts.ts';
import type { Notice, Policy, SettingsLayer } from '../policy/types.ts';
import type { AccessRequest } from '../violations/requests.ts';
import type { Violation } from '../violations/types.ts';
import type { Exceeded } from './limits.ts';

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
  /** `--context`: the home of a trust level, shared by its projects. */
  readonly context?: string;
  /** Adds to a policy once it is known what the person said: an agent's preset. */
  readonly extend?: (loaded: LoadedPolicy) => PolicyExtension;
}

export interface PolicyExtension {
  /** Name of the agent, for the banner and the record. */
  readonly agent: string;
  readonly layer: SettingsLayer;
  readonly homeFiles: readonly HomeFile[];
  /** What is to be told of the policy that came out. */
  judge(policy: Policy): readonly Notice[];
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

export type Ending =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: number }
  /** A live session without a command of its own was closed. */
  | { readonly kind: 'closed' }
  | { readonly kind: 'not-found'; readonly command: string }
  | { readonly kind: 'not-executable'; readonly command: string; readonly errno: number };

/** A server inside, and the place of the host's loopback at which it was reached. */
export interface PublishedPort {
  readonly address: string;
  readonly port: number;
  /** Why it was not, as a clause. */
  readonly why?: string;
}

export interface RunOutcome {
  readonly sessionId: string;
  readonly ending: Ending;
  readonly enforcement: readonly Enforcement[];
  /** What was refused, in the order of first sight. */
  readonly violations: readonly Violation[];
  /** Refusals that belong to none of these: too many different ones came to be told apart. */
  readonly dropped: number;
  /** What the inside asked for; none of it was granted. */
  readonly requests: readonly AccessRequest[];
  /** The session was ended because a guarded name had slipped past the refusal. */
  readonly breached: boolean;
  /** What went over the network, by program and place. */
  readonly traffic: readonly TrafficTotal[];
  /** Servers inside that the host's loopback was to reach, each place once. */
  readonly published: readonly PublishedPort[];
  /** What was missing, where the host gave no namespaces. */
  readonly weaker?: Weaker;
  /** Limits that were exceeded, each once. */
  readonly exceeded: readonly Exceeded[];
}

/** The words of a policy: what a person wants, before any mechanism. Pure data. */
import type { CacheManner } from './cache-presets.ts';
import type { ProxyUrl } from './proxy-url.ts';

export type Mode = 'strict' | 'standard' | 'permissive';
export type NetworkAccess = 'none' | 'local' | 'filtered';
/** How much is seen of what is refused: `full` adds looks at hidden names to `acts`; `off` sees what costs nothing. */
export type Monitor = 'full' | 'acts' | 'off';

/** `none` hides or denies; `read` includes execute; `write` includes read, create, rename and remove. */
export type Access = 'none' | 'read' | 'write';

/** Weakest first. `flag` covers the command line, `--settings` and the library's options. */
export type Scope = 'builtin' | 'user' | 'claude' | 'project' | 'local' | 'flag' | 'managed';

/** Where a rule came from, for messages. Lines and columns count from 1. */
export interface Origin {
  readonly scope: Scope;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The rule as it was written (`"secrets"`, `--allow ../lib:ro`), or for a built-in one its name. */
  readonly text: string;
  /** Name of the profile the entry stands in, if it does. */
  readonly profile?: string;
  /** The entry names a group of hosts; this one of them is named there: `package-lock.json:12`. */
  readonly group?: { readonly name: string; readonly named: string };
}

/** A value and where it was said. */
export interface Sourced<T> {
  readonly value: T;
  readonly origin: Origin;
}

/** Groups of Mach services that can be opened on macOS; each is explained in docs/macos.md. */
export type MacService = 'tls' | 'keychain' | 'chromium' | 'preferences';

// ---- what the settings files say, after validation, before merging ------------------------------------------

export interface AllowedPath {
  /** As written. */
  readonly path: string;
  /** Default `write` (which includes reading), as for an entry that is a plain string. */
  readonly mode: 'read' | 'write';
  /** ISO date or date-time; the entry is ignored (and reported) from then on. */
  readonly expires?: string;
  readonly reason?: string;
}

/** One Unix socket of the host, by its path. */
export interface AllowedSocket {
  /** As written. */
  readonly path: string;
  /** As of an `AllowedPath`. */
  readonly expires?: string;
  readonly reason?: string;
}

/** The corporate proxy to go through; `environment`: the one that the host's variables name. */
export type UpstreamProxy = ProxyUrl | 'environment';

/** One file's (or the flags') `sandbox` object. Absent keys say nothing. */
export interface SettingsLayer {
  readonly scope: Exclude<Scope, 'builtin'>;
  /** Directory that relative paths are relative to: the project directory for every layer. */
  readonly file?: string;
  /** Whether grants of this layer count. False for a project's files until `pinfold trust`. */
  readonly trusted: boolean;
  readonly enabled?: Sourced<boolean>;
  readonly mode?: Sourced<Mode>;
  readonly allowedPaths?: readonly Sourced<AllowedPath>[];
  readonly deniedPaths?: readonly Sourced<string>[];
  readonly allowedSockets?: readonly Sourced<AllowedSocket>[];
  readonly networkAccess?: Sourced<NetworkAccess>;
  readonly monitor?: Sourced<Monitor>;
  readonly acceptWeaker?: Sourced<boolean>;
  readonly allowedDomains?: readonly Sourced<string>[];
  readonly deniedDomains?: readonly Sourced<string>[];
  readonly upstreamProxy?: Sourced<UpstreamProxy>;
  readonly localPorts?: readonly Sourced<number>[];
  readonly macServices?: readonly Sourced<MacService>[];
  readonly environment?: {
    readonly pass?: readonly Sourced<string>[];
    readonly set?: Readonly<Record<string, Sourced<string>>>;
    readonly drop?: readonly Sourced<string>[];
  };
  readonly limits?: Readonly<Partial<Record<LimitName, Sourced<number>>>>;
  /** By the name of a preset (`policy/cache-presets.ts`). */
  readonly caches?: Readonly<Record<string, Sourced<CacheManner>>>;
  readonly profiles?: Readonly<Record<string, SettingsLayer>>;
  /** Lets `/` or the whole home be a writable path. Counts in the flag layer only. */
  readonly unsafeAllowBroad?: boolean;
}

/** memory, fileSize, temporaryFiles, disk, output, upload in bytes; wallTime, cpuTime in seconds; processes and openFiles are counts. */
export type LimitName =
  | 'memory'
  | 'processes'
  | 'openFiles'
  | 'wallTime'
  | 'cpuTime'
  | 'fileSize'
  | 'temporaryFiles'
  | 'disk'
  | 'output'
  | 'upload';

// ---- the merged policy --------------------------------------------------------------------------------------

/** Why a built-in rule exists; `setting` for what a person wrote. Shown by explain and used for risk. */
export type RuleCategory =
  | 'project'
  | 'private'
  | 'home'
  | 'runtime'
  | 'toolchain'
  | 'credential'
  | 'host-run'
  | 'pinfold'
  | 'setting';

export interface PathRule {
  /**
   * Absolute, normalised (no `.`, `..`, double or trailing slash). With `glob`, an absolute glob: `*` and `?` within
   * one component, `[…]`, `{a,b}`, `**` for any number of components. A rule covers what it matches and all beneath.
   */
  readonly pattern: string;
  readonly glob: boolean;
  readonly access: Access;
  readonly category: RuleCategory;
  /** One clause for people: "git runs hooks on the host", "holds cloud credentials". */
  readonly why: string;
  readonly origin: Origin;
  /** A glob rule does not apply beneath a directory of one of these names (`node_modules`). */
  readonly except?: readonly string[];
  /** `file`: only a non-directory of this name is meant (a `.git` pointer, not a repository). Default `any`. */
  readonly kind?: 'any' | 'file';
  /** A glob that is compared under case folding: a casefolded volume opens `.GIT/hooks` as `.git/hooks`. */
  readonly ignoreCase?: true;
  /** An upper bound for everything it covers, whatever more specific rules say (a managed denial). */
  readonly ceiling?: true;
  /** Opens the host's Unix socket of this path, by a relay; its access is `read`. Only `allowedSockets` makes one. */
  readonly socket?: true;
  /** From a file that nobody has trusted yet: may narrow, must never widen, nor be followed through a link. */
  readonly untrusted?: true;
  /** Where literal `pattern` leads once symbolic links are followed; equal to it when there are none. */
  readonly resolved?: string;
  /** The symbolic links passed on the way to `resolved`, by their own real location. */
  readonly links?: readonly string[];
}

export interface DomainRule {
  readonly pattern: string;
  readonly access: 'allow' | 'deny';
  readonly origin: Origin;
  /** A managed denial: no allowance, however specific, opens it. */
  readonly ceiling?: true;
}

/** A person's entry that did not take effect, and why, or what they should know of the boundary: reported, never silent. */
export interface Notice {
  readonly kind:
    | 'untrusted'
    | 'expired'
    | 'ceiling'
    | 'missing'
    | 'unmatched'
    | 'not-taken-over'
    | 'network'
    /** What is refused and not seen on this host. */
    | 'unwatched'
    /** What an agent's preset could not give it. */
    | 'agent'
    /** Pinfold itself lies where the inside may write. */
    | 'own-program';
  readonly message: string;
  readonly origin: Origin;
}

export interface Policy {
  readonly mode: Sourced<Mode>;
  readonly enabled: Sourced<boolean>;
  readonly monitor: Sourced<Monitor>;
  /** Where the host lets not every guarantee be given: whether the person does without those that are then named. */
  readonly acceptWeaker: Sourced<boolean>;
  readonly projectDir: string;
  /** The real home directory of the person. */
  readonly homeDir: string;
  /** `$HOME` inside. Equals `homeDir` in `permissive`; else a private directory kept per project. */
  readonly sandboxHome: string;
  readonly rules: readonly PathRule[];
  readonly network: {
    readonly access: Sourced<NetworkAccess>;
    readonly domains: readonly DomainRule[];
    /** The only ports of the host's loopback that `local` may use. Absent: all but those of `policy/service-ports`. */
    readonly localPorts?: readonly Sourced<number>[];
    /** The administrator's `networkAccess`, where only hosts that they name themselves may be reached; nothing opens another. */
    readonly closed?: Origin;
    /** Absent: destinations are dialled from this host. */
    readonly upstreamProxy?: Sourced<UpstreamProxy>;
  };
  readonly environment: {
    readonly pass: readonly Sourced<string>[];
    readonly set: Readonly<Record<string, Sourced<string>>>;
    readonly drop: readonly Sourced<string>[];
  };
  readonly limits: Readonly<Partial<Record<LimitName, Sourced<number>>>>;
  /** Groups of services that are open on macOS. Absent: none. */
  readonly macServices?: readonly Sourced<MacService>[];
  /** What is not named is private. */
  readonly caches?: Readonly<Record<string, Sourced<CacheManner>>>;
  readonly profile?: string;
  /** The context whose home is the private one. */
  readonly context?: string;
  /** Name of the agent whose preset is in the policy. */
  readonly agent?: string;
  readonly notices: readonly Notice[];
}

/** The answer to "may this be read / written, and who says so". `rule` absent: nothing mentions it, so hidden. */
export interface Decision {
  readonly allowed: boolean;
  readonly access: Access;
  readonly rule?: PathRule;
}

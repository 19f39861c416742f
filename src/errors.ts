/** The one error class of Pinfold and the catalogue of its codes. Imports nothing. */

/**
 * misuse: the person can fix it by changing what they asked for; environment: the host cannot give it;
 * bug: ours, and the only kind that is shown with a stack.
 */
export type ErrorKind = 'misuse' | 'environment' | 'bug';

/** Every code with its kind. `docs/errors.md` lists exactly these; a test holds the two together. */
export const ERROR_CODES = {
  ERR_USAGE: 'misuse',
  ERR_SETTINGS_INVALID: 'misuse',
  ERR_SETTINGS_UNREADABLE: 'misuse',
  ERR_SETTINGS_EDIT: 'misuse',
  ERR_DISABLED: 'misuse',
  ERR_PROFILE_UNKNOWN: 'misuse',
  ERR_AGENT_UNKNOWN: 'misuse',
  ERR_CONTEXT: 'misuse',
  ERR_PROJECT_INVALID: 'misuse',
  ERR_PATH_INVALID: 'misuse',
  ERR_PATH_TOO_BROAD: 'misuse',
  ERR_PATH_SYMLINK_UNTRUSTED: 'misuse',
  ERR_UPSTREAM_PROXY: 'misuse',
  ERR_SESSION_UNKNOWN: 'misuse',
  ERR_NOT_DETACHED: 'misuse',
  ERR_VIOLATION_UNKNOWN: 'misuse',
  ERR_GRANT_REFUSED: 'misuse',
  ERR_GRANT_UNKNOWN: 'misuse',
  ERR_NARROWING: 'misuse',
  ERR_SANDBOX_CLOSED: 'misuse',
  ERR_COMMAND_NOT_STARTED: 'misuse',
  ERR_SHELL_ENDED: 'misuse',
  ERR_LAUNCHER_MISSING: 'environment',
  ERR_LAUNCHER_VERSION: 'environment',
  ERR_LAUNCHER_DIED: 'environment',
  ERR_PLATFORM_UNSUPPORTED: 'environment',
  ERR_NAMESPACES_UNAVAILABLE: 'environment',
  ERR_LANDLOCK_UNAVAILABLE: 'environment',
  ERR_SECCOMP_UNAVAILABLE: 'environment',
  ERR_SETUP_FAILED: 'environment',
  ERR_STATE_UNWRITABLE: 'environment',
  ERR_LOG_BROKEN: 'environment',
  ERR_REQUEST_UNHEARD: 'environment',
  ERR_SESSION_UNREACHABLE: 'environment',
  ERR_RECORD_MALFORMED: 'bug',
  ERR_INTERNAL: 'bug',
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** One thing wrong in a settings file, with its place. Lines and columns count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** The nearest valid key or value, when there is one. */
  readonly suggestion?: string;
}

export interface ErrorParts {
  /** What could not be done, in the person's own words. */
  readonly what: string;
  readonly why: string;
  /** The one thing that would mend it. */
  readonly fix?: string;
  readonly cause?: unknown;
  readonly problems?: readonly Problem[];
  /** Further lines that explain. */
  readonly details?: readonly string[];
}

/** Match on `code`, not on `instanceof`: two copies of the package may be loaded. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly what: string;
  readonly why: string;
  readonly fix: string | undefined;
  readonly problems: readonly Problem[];
  readonly details: readonly string[];

  constructor(code: ErrorCode, parts: ErrorParts) {
    super(`${parts.what}: ${parts.why}`, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = code;
    this.kind = ERROR_CODES[code];
    this.what = parts.what;
    this.why = parts.why;
    this.fix = parts.fix;
    this.problems = parts.problems ?? [];
    this.details = parts.details ?? [];
  }
}

/** Works across copies of the package, unlike `instanceof`. */
export function isSandboxError(value: unknown): value is SandboxError {
  return value instanceof Error && value.name === 'SandboxError' && 'code' in value;
}

/** What a program says about its sandbox: the keys of the settings files, as an object. */
import { interpretSettings } from '../config/interpretation.ts';
import { SandboxError } from '../errors.ts';
import type { CacheManner } from '../policy/cache-presets.ts';
import type {
  AllowedPath,
  AllowedSocket,
  LimitName,
  Mode,
  NetworkAccess,
  SettingsLayer,
} from '../policy/types.ts';
import type { AskCallback } from './ask.ts';

/**
 * Options of `createSandbox`. The keys and values are those of the `sandbox` object in settings files (docs/settings.md)
 * and stand above every file but the managed one, which nothing can widen.
 */
export interface SandboxOptions {
  /** Directory the sandbox is for. Default: as for `pinfold run`, from the working directory upwards. */
  readonly projectDir?: string;
  /** Working directory of commands that name none, inside the project. Default: the project directory. */
  readonly cwd?: string;
  readonly mode?: Mode;
  /** A string opens for reading and writing. Relative paths count from the project directory. */
  readonly allowedPaths?: readonly (string | AllowedPath)[];
  readonly deniedPaths?: readonly string[];
  /** Unix sockets of the host, by path. */
  readonly allowedSockets?: readonly (string | AllowedSocket)[];
  readonly networkAccess?: NetworkAccess;
  readonly allowedDomains?: readonly string[];
  readonly deniedDomains?: readonly string[];
  readonly environment?: {
    readonly pass?: readonly string[];
    readonly set?: Readonly<Record<string, string>>;
    readonly drop?: readonly string[];
  };
  /** Bytes and durations may be texts (`"4GiB"`, `"2h"`); `wallTime` is that of the whole sandbox. */
  readonly limits?: Readonly<Partial<Record<LimitName, string | number>>>;
  /** By package manager: the project's own cache, or the host's, read-only. */
  readonly caches?: Readonly<Record<string, CacheManner>>;
  /** Name of a profile in the settings files. */
  readonly profile?: string;
  /** One more settings file, below these options. */
  readonly settingsFile?: string;
  /**
   * True makes the sandbox also where the host allows no namespaces, without the guarantees that `Sandbox.status` then names.
   * Default: false; then `createSandbox` rejects with ERR_NAMESPACES_UNAVAILABLE there.
   */
  readonly unsafeAcceptWeaker?: boolean;
  /**
   * Asked when something is refused that could be opened while the sandbox runs; its answer opens it, or leaves it refused. What
   * a rule denies on purpose is never asked about. Default: nobody is asked.
   */
  readonly ask?: AskCallback;
  /** True runs although a settings file says `"enabled": false`. */
  readonly enabled?: boolean;
}

const OWN = ['projectDir', 'cwd', 'profile', 'settingsFile', 'unsafeAcceptWeaker', 'ask'] as const;

/** The options as a settings layer. Throws ERR_SETTINGS_INVALID, naming the option. */
export function layerOf(options: SandboxOptions): SettingsLayer {
  const { unsafeAcceptWeaker } = options;
  const sandbox = {
    ...Object.fromEntries(Object.entries(options).filter(([key]) => !OWN.some((own) => own === key))),
    ...(unsafeAcceptWeaker !== undefined && { acceptWeaker: unsafeAcceptWeaker }),
  };
  const interpretation = interpretSettings({
    scope: 'flag',
    file: 'the options of createSandbox',
    // Checked as a file is, so that one text says what each key takes.
    text: JSON.stringify({ sandbox }, undefined, 1),
    trusted: true,
    places: { projectDir: '/', homeDir: '/' },
  });
  if (interpretation.kind === 'valid') return interpretation.layer;
  throw new SandboxError('ERR_SETTINGS_INVALID', {
    what: 'Cannot use the options of createSandbox',
    why: interpretation.problems.map(({ message }) => message).join('; '),
    fix: 'See docs/settings.md for what each key takes',
  });
}

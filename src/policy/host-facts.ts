/** What the policy core needs to know of the host, gathered by `src/host/` and handed in as data. */

/** A directory or file that programs need, shown read-only. `path` is real unless `symlinkTo` says otherwise. */
export interface RuntimePath {
  readonly path: string;
  readonly why: string;
  /** `path` is a symbolic link with this text (`usr/bin`): made again inside, since a link cannot be bound. */
  readonly symlinkTo?: string;
}

/** A file or directory of the real home that is shown, read-only, in the private home: at the same place, but for some caches. */
export interface HomeFile {
  /** Real path on the host. */
  readonly source: string;
  /** Path inside; an empty one of this name exists in the private home as the place to mount on. */
  readonly target: string;
  /** Default: a file. */
  readonly directory?: true;
  /** A directory, over which the session has a layer of its own: that takes what is written there, and goes with the session. */
  readonly layered?: true;
  /** Default: git identity and preferences. */
  readonly why?: string;
}

/** A tool chain found on PATH under the home directory. */
export interface Toolchain {
  /** `nvm`, `pyenv`, `cargo`, `rustup`, `go`, `volta`, `local-bin`, …: shown as the rule's name. */
  readonly name: string;
  readonly paths: readonly string[];
  /** Files beneath `paths` that stay unreadable (`~/.cargo/credentials.toml`). */
  readonly credentials: readonly string[];
  /** Variables the tool chain needs because $HOME is private inside (RUSTUP_HOME, PYENV_ROOT). */
  readonly environment: Readonly<Record<string, string>>;
  /** Leads to what is mounted in the private home, and so nowhere where nothing can be mounted. */
  readonly mounted?: true;
}

/** Present on macOS, where nothing is mounted and the home holds more. Paths of lists are relative to the home. */
export interface MacFacts {
  /** The session's temporary directory: a real path, beneath the person's own of confstr(3). */
  readonly tempDir: string;
  /** Unreadable in every mode unless granted, with what they give away. */
  readonly credentials: readonly (readonly [path: string, why: string])[];
  /** Read-only wherever a directory above them is writable. */
  readonly hostRun: readonly (readonly [path: string, why: string])[];
}

export interface HostFacts {
  readonly homeDir: string;
  readonly projectDir: string;
  /** The private home of this project (exists; made by the host side). */
  readonly privateHome: string;
  /** The context that the private home belongs to; absent: to the project alone. */
  readonly context?: string;
  /**
   * The bytes of `/etc/passwd` in which the person lives in the private home: what reads it from there and not from $HOME (Java, ssh)
   * would look for its files in a home that is hidden. Absent: there is no such file, or the person is not in it.
   */
  readonly accounts?: Uint8Array;
  readonly runtime: readonly RuntimePath[];
  readonly toolchains: readonly Toolchain[];
  /** `~/.gitconfig` and its kin that exist: readable in every mode. */
  readonly gitConfig: readonly string[];
  /** Where `gitConfig` appears when `$HOME` is private. */
  readonly homeFiles?: readonly HomeFile[];
  /** Repository outside the project, when that is a worktree or a submodule and the two point at each other. */
  readonly gitDirectory?: string;
  readonly macos?: MacFacts;
  /** Pinfold's own directories; never writable inside, state never readable. */
  readonly pinfold: {
    readonly configDir: string;
    readonly stateDir: string;
    readonly dataDir: string;
    readonly installDir: string;
  };
}

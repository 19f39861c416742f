/** What a preset is: everything Pinfold knows about one agent, as data. Paths are relative to the home directory. */

/** A file that says who the person is to the model's service. Copied into the private home when the agent starts. */
export interface LoginFile {
  readonly path: string;
  /**
   * Only these top-level members of a JSON file are copied, into what the private home has already; absent: the whole file.
   * For files that also hold what the agent would run, or what other projects left there.
   */
  readonly members?: readonly string[];
  /**
   * Values that the service replaces by itself (OAuth, RFC 6749 §6), as paths in the JSON; `*` stands for any one key. When
   * the session ends and nothing but these differs from the host's file, they are put there. Empty: nothing goes back.
   */
  readonly rotates: readonly string[];
}

/** The person's own settings of the agent. What the agent changes in them inside never reaches the host. */
export interface ConfigFile {
  readonly path: string;
  /**
   * `copied` anew at each start, for agents that rewrite the file themselves (a mount cannot be renamed over, EBUSY);
   * `shown` read-only, a file or a directory.
   */
  readonly as: 'copied' | 'shown';
}

/** A service that is used when its key is in the person's environment. */
export interface Provider {
  readonly variable: string;
  readonly hosts: readonly string[];
}

export interface AgentPreset {
  /** `pinfold NAME`. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Names of its program; the first one found on PATH is run. */
  readonly commands: readonly string[];
  /** Directories that installers put the program into although PATH may not name them. */
  readonly places: readonly string[];
  readonly login: readonly LoginFile[];
  readonly config: readonly ConfigFile[];
  /** What it writes beneath its home, for people: all of it stays in the private home of the project. */
  readonly state: readonly string[];
  readonly hosts: {
    readonly model: readonly string[];
    /** For signing in and for renewing a login; opened with `model`. */
    readonly login: readonly string[];
    /** Not opened; named so that a person can. */
    readonly telemetry: readonly string[];
  };
  readonly providers: readonly Provider[];
  readonly environment: {
    /** Handed in although they look secret: they are this agent's own. */
    readonly pass: readonly string[];
    /** An address in one of these is the model's instead, and its host is opened. */
    readonly baseUrls: readonly string[];
    /** Set unless the person sets them: no telemetry, no updates of what is read-only. */
    readonly set: Readonly<Record<string, string>>;
  };
  /**
   * The sandbox that the agent puts around its own commands: it makes namespaces, so inside it cannot start, and every command would
   * fail. Absent: it brings none, or switches none on by itself.
   */
  readonly ownSandbox?: {
    /** What switches it off: words before the person's. */
    readonly off: readonly string[];
    /** The option among them of which the agent takes one only: where the person gives it, theirs stands. */
    readonly once?: string;
  };
  /**
   * Where $HOME is the person's own (mode permissive): variables that move its state to a directory of the private home.
   * Absent: it has none, and there it finds only what the mode leaves readable.
   */
  readonly relocation?: {
    readonly variables: Readonly<Record<string, string>>;
    /** What it then writes. */
    readonly directory: string;
    /** Files that have another place then, by their usual path. */
    readonly moved?: Readonly<Record<string, string>>;
  };
  /** How far this preset was tried: which runs its tests make, and what was only read in documentation. */
  readonly verified: string;
}

/** What the launcher is told to do: plain data, one field per message of the wire format in `plan-codec.ts`. */
import type { CallList } from './call-list.ts';
import type { TripwireLayout } from './tripwire/nodes.ts';

/** Bits of `Plan.namespaces`; values of CLONE_NEW* in linux/sched.h. */
export const NAMESPACE = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
} as const;

/** `st_dev` and `st_ino` of stat(2). */
export interface Identity {
  readonly device: bigint;
  readonly inode: bigint;
}

/**
 * One step of building the new root, carried out in order. `target` and `path` are absolute inside the new root; every
 * missing directory above a target is made (mode 0755) if it lies on a file system that the plan itself mounted, else
 * the step fails. `source` is absolute on the host and holds no symbolic link (ELOOP otherwise, so that a link swapped in
 * after planning is refused). Sources are opened before anything is mounted.
 */
export type MountStep =
  | {
      readonly op: 'tmpfs';
      readonly target: string;
      readonly mode: number;
      readonly sizeBytes?: number;
      readonly noexec?: boolean;
    }
  /** Recursive bind; the target is made as a file or directory like the source. Always nosuid; nodev unless `devices`. */
  | {
      readonly op: 'bind';
      readonly source: string;
      readonly target: string;
      readonly writable: boolean;
      readonly devices?: boolean;
      readonly noexec?: boolean;
      readonly optional?: boolean;
      /**
       * A directory whose source is never written: what is written at `target` goes into memory of the session, at most so many
       * bytes. What the host mounts beneath it is not shown.
       */
      readonly layer?: { readonly sizeBytes?: number };
      /** The directory that `source` must still be, or the step fails with ESTALE. */
      readonly identity?: Identity;
    }
  /** Covers an existing file or directory with an empty one that nobody may open (mode 0): EACCES. */
  | { readonly op: 'mask'; readonly target: string }
  | { readonly op: 'directory'; readonly path: string; readonly mode: number }
  | { readonly op: 'symlink'; readonly path: string; readonly to: string }
  | {
      readonly op: 'file';
      readonly path: string;
      readonly mode: number;
      readonly content: string | Uint8Array;
    }
  | { readonly op: 'proc'; readonly target: string }
  | { readonly op: 'devpts'; readonly target: string }
  /** Binds the terminal that is on the target's stdin, stdout or stderr, if one is, so that `tty` finds a name. */
  | { readonly op: 'console'; readonly target: string }
  /** Stands for the bind of a relay's socket until there is one (`socket-relays.ts`); cannot be carried out itself. */
  | { readonly op: 'relay'; readonly target: string }
  /** Makes the mount at `target` read-only, it alone. */
  | { readonly op: 'seal'; readonly target: string }
  /** Shows the entry `source` of the tripwire file system's root (`Plan.tripwire`); `optional`: only if `target` is there. */
  | {
      readonly op: 'tripwire';
      readonly source: string;
      readonly target: string;
      readonly optional?: boolean;
    };

/** Before the path of a bind with a `layer`, in what is said of a call for it that failed. */
export const LAYER_LABEL = 'layer over ';

/** A path beneath which `access` (LANDLOCK_ACCESS_FS_* bits) is allowed; a path inside the new root. */
export interface LandlockRule {
  readonly path: string;
  readonly access: bigint;
  /** The directory that `path` must still be, or the run is refused. */
  readonly identity?: Identity;
}

/**
 * Names that may not come into being inside writable trees: the supervisor refuses open(O_CREAT), mkdir, mknod, rename,
 * link and symlink whose last components match. It is the first of three nets (with the watch and the sweep), since a
 * refusal decided outside the kernel can be raced.
 */
export interface GuardedName {
  /**
   * Trailing path components, compared without regard to case, each an fnmatch(3) pattern without `/`: `['.git','hooks']`,
   * `['.vscode']`. Names that begin with `/` components are anchored through `root`.
   */
  readonly components: readonly string[];
  /** The rule applies only beneath this directory (inside path). */
  readonly root: string;
  /** Not beneath a directory of one of these names. */
  readonly except: readonly string[];
  /** `file`: only a non-directory of this name is refused (a `.git` pointer file; mkdir `.git` is not). */
  readonly kind: 'any' | 'file';
  /** Index into `Policy.rules`, so that the refusal can be explained. */
  readonly rule: number;
}

export interface Plan {
  /** Bits of `NAMESPACE`. 0: there are none to be had, and Landlock and seccomp are all of the boundary; then no mounts either. */
  readonly namespaces: number;
  /** Lines for uid_map and gid_map; `setgroups` is denied first when `denySetgroups`. */
  readonly uidMap: string;
  readonly gidMap: string;
  readonly denySetgroups: boolean;
  readonly hostname: string;
  readonly mounts: readonly MountStep[];
  readonly landlock?: {
    readonly handledFs: bigint;
    readonly handledNet: bigint;
    readonly scoped: bigint;
    readonly rules: readonly LandlockRule[];
  };
  readonly seccomp?: {
    /** struct sock_filter[], native byte order. */
    readonly program: Uint8Array;
    /** The program answers RET_USER_NOTIF somewhere, so a listener is installed and `guarded` is applied. */
    readonly notify: boolean;
  };
  /** Connects and addressed sends that Node is asked about before the kernel goes on, by where they lead. */
  readonly asks: { readonly remote: boolean; readonly loopback: boolean };
  /** What Node serves as the tripwire file system; there if, and only if, a mount step shows a part of it. */
  readonly tripwire?: TripwireLayout;
  /** Acts that a mount refuses are told as well; else only the making of names is asked about. */
  readonly seen: boolean;
  readonly guarded: readonly GuardedName[];
  /** Paths that a person opened for writing: nothing at or beneath one is a guarded name. */
  readonly opened: readonly string[];
  readonly rlimits: readonly { readonly resource: number; readonly soft: bigint; readonly hard: bigint }[];
  readonly environment: readonly string[];
  /** Empty for a live session that only runs commands. */
  readonly argv: readonly string[];
  /** Absolute, inside. */
  readonly cwd: string;
}

/** The plan with these variables in place of what it has of them. */
export function withVariables(plan: Plan, variables: Readonly<Record<string, string>>): Plan {
  const kept = plan.environment.filter(
    (entry) => !Object.hasOwn(variables, entry.slice(0, entry.indexOf('='))),
  );
  return {
    ...plan,
    environment: [...kept, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
  };
}

/**
 * Where the name server inside answers: the first address of the block for network benchmarks (RFC 2544), which no host
 * of the world has.
 */
export const RESOLVER_ADDRESS = '198.18.0.1';

/** A place in the sandbox's network. */
export interface SocketAddress {
  /** In canonical spelling; IPv4-mapped IPv6 addresses are given as IPv4. */
  readonly address: string;
  readonly port: number;
}

/** A call that waits until `Launcher.settle` answers it. */
export interface AskedRecord extends SocketAddress {
  readonly kind: 'asked';
  /** 0: it was let pass already, as an earlier answer said. */
  readonly id: bigint;
  /** On the host. */
  readonly pid: number;
  readonly act: 'connect' | 'send' | 'bind';
  /** `undefined`: it could not be told. */
  readonly transport: 'tcp' | 'udp' | undefined;
  /** The caller's number of the socket. */
  readonly descriptor: number;
}

/** Of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** One command of a live session, under the session's boundary and limits, and perhaps a narrower one. */
export interface CommandPlan {
  readonly argv: readonly string[];
  /** Absolute, inside. */
  readonly cwd: string;
  /** `NAME=value`; absent: the session's own. */
  readonly environment?: readonly string[];
  /** Standard input, output and error; a number is the session's own descriptor 0, 1 or 2. */
  readonly streams: readonly [
    'pipe' | 'ignore' | number,
    'pipe' | 'ignore' | number,
    'pipe' | 'ignore' | number,
  ];
  /** What becomes of the command's process group when the command itself ends. */
  readonly leftovers: 'keep' | 'kill';
  /** Made by its process last of all before it becomes the command. */
  readonly calls?: CallList;
}

/** A name that a call would make, remove or change, as the supervisor found it. */
export interface Making {
  /** Of `watchedRows`. */
  readonly row: number;
  /** Inside, absolute, with no symbolic link in its directories. */
  readonly path: Uint8Array;
  /** A new directory. */
  readonly directory: boolean;
  /** It arrives by rename, link or symlink, and is a directory or a link, or could not be looked at: it may hold anything. */
  readonly bringsMore: boolean;
  /** Whatever is answered, the kernel refuses: by the mount that it lies on, or since it is a mount point itself (EBUSY). */
  readonly refused: 'no' | 'ground' | 'mounted';
  /** Nothing is made: what exists is changed, removed or executed. Never comes with `refused: 'no'`. */
  readonly present: boolean;
}

/** A call on a name which the sieve did not let pass. It waits until `Launcher.settle` answers it. */
export interface MakingRecord {
  readonly kind: 'making';
  readonly id: bigint;
  /** On the host. */
  readonly pid: number;
  /** The registers of the call, as they were copied when it was made: nobody can change them. What they point to, anybody may. */
  readonly args: readonly bigint[];
  /** Two of them for a rename. */
  readonly names: readonly Making[];
}

/** A call that nobody may make was refused (EPERM). Whoever made it has gone on. */
export interface RefusedCallRecord {
  readonly kind: 'refused-call';
  /** On the host. */
  readonly pid: number;
  readonly number: number;
  /** The executable, as it is named inside; empty where it cannot be told. */
  readonly program: Uint8Array;
}

/** Why and where a step failed; `step` is a stable word the launcher uses (`namespaces`, `mount`, `landlock` …). */
export interface FailureRecord {
  readonly kind: 'failure';
  readonly step: string;
  readonly errno: number;
  readonly detail: string;
}

/** What the launcher reports, one union for all records. */
export type LauncherRecord =
  | { readonly kind: 'hello'; readonly version: number; readonly landlockAbi: number }
  /** A mechanism is in force; one per mechanism, before the target is started. */
  | { readonly kind: 'applied'; readonly step: string }
  | { readonly kind: 'started'; readonly pid: number }
  | MakingRecord
  /** The target could not be started; at `exec`, execve(2) refused it. */
  | {
      readonly kind: 'not-started';
      readonly step: 'start' | 'directory' | 'limits' | 'exec' | 'calls';
      readonly errno: number;
    }
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: number }
  | AskedRecord
  /** Somebody inside is about to listen(2); `pid` is the sandbox's first process, as the host counts. */
  | { readonly kind: 'listening'; readonly pid: number }
  | RefusedCallRecord
  /** The socket that was asked for by this token could not be made. */
  | { readonly kind: 'no-socket'; readonly token: number; readonly errno: number }
  /** Calls that were asked for by this token: `errno` 0, or what the call for `at` met. */
  | { readonly kind: 'called'; readonly token: number; readonly errno: number; readonly at: string }
  /** Of a command: `value` is its process as numbered inside, an errno, an exit code or a signal. */
  | {
      readonly kind: 'command';
      readonly id: number;
      readonly event: 'started' | 'failed' | 'exited' | 'killed';
      readonly value: number;
    }
  | FailureRecord;

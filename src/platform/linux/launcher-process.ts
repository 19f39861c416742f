/**
 * Starts the launcher's process, and nothing else: to fork costs less the less is loaded, so that it may be done before the
 * rest of Pinfold is there.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** One word or descriptor for each of stdin, stdout and stderr. */
export type StandardStreams = readonly [Stream, Stream, Stream];
export type Stream = number | 'inherit' | 'ignore';
/** `pipe`: to this process, by `Launcher.outputs`. */
export type LauncherStreams = readonly [Stream, Stream | 'pipe', Stream | 'pipe'];
const INHERITED: StandardStreams = ['inherit', 'inherit', 'inherit'];

export interface LauncherOptions {
  /** Node's IPC channel, on which the launcher sends handles. It costs start-up time, so only on demand. */
  readonly channel?: boolean;
  /** stdin, stdout and stderr of the target: descriptors of this process, `ignore` for /dev/null, `pipe`. Default: this process's. */
  readonly streams?: LauncherStreams;
  /** A pipe for the requests of the tripwire file system (`Launcher.tripwire`). */
  readonly tripwire?: boolean;
}

/** How a process ended, or that it never began. */
export type LauncherEnd =
  | { readonly cause: Error }
  | { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export interface LauncherProcess {
  readonly path: string;
  readonly child: ChildProcess;
  readonly streams: LauncherStreams;
  readonly channel: boolean;
  /** Resolves when it has ended and all that it said was read. */
  readonly gone: Promise<LauncherEnd>;
}

/** Descriptors 5 and 6. The launcher closes a 5 that no plan wants. */
function extraPipes({ tripwire, channel }: LauncherOptions): ('pipe' | 'ignore' | 'ipc')[] {
  if (channel) return [tripwire ? 'pipe' : 'ignore', 'ipc'];
  return tripwire ? ['pipe'] : [];
}

/** `path`: of `pinfold-launcher`, absolute. Whether it could be started is told by `gone`. */
export function startLauncher(path: string, options: LauncherOptions = {}): LauncherProcess {
  const { streams = INHERITED, channel = false } = options;
  // Extra pipes are socket pairs in libuv. The environment stays empty but for Node's own NODE_CHANNEL_*, which name the
  // channel: the target's comes with the plan.
  const child = spawn(path, [], {
    cwd: '/',
    env: {},
    argv0: 'pinfold-launcher',
    stdio: [...streams, 'pipe', 'pipe', ...extraPipes(options)],
  });
  const gone = new Promise<LauncherEnd>((resolve) => {
    child.on('error', (cause) => resolve({ cause }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { path, child, streams, channel, gone };
}

/** A launcher that was started before it was known whether one is wanted. */
export class EarlyLauncher {
  #process: LauncherProcess | undefined;

  constructor(path: string) {
    this.#process = startLauncher(path, { channel: true, tripwire: true });
  }

  /** Gives it away, once; undefined where it is of another path than is wanted. */
  take(path: string): LauncherProcess | undefined {
    const process = this.#process;
    if (process?.path !== path) return undefined;
    this.#process = undefined;
    return process;
  }

  /** Whether it was still ours; then it ends, since it has lost its control socket, and this process waits for that. */
  abandon(): boolean {
    const child = this.#process?.child;
    if (child === undefined) return false;
    // Without any where it could not be started for want of descriptors.
    const stdio: ChildProcess['stdio'] | undefined = child.stdio;
    for (const pipe of stdio?.slice(3) ?? []) pipe?.destroy();
    if (child.connected) child.disconnect();
    return true;
  }
}

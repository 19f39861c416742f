/** Looks at the host for what the calls of a plan depend on. */
import { lstatSync, readlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { PathKind } from './places.ts';
import type { Arch } from './seccomp/tables.ts';

/** What is there when the plan is carried out. */
export interface Ground {
  readonly arch: Arch;
  /** Of a path of the host, itself and not what it leads to; undefined: nothing is there. */
  readonly kindOf: (path: string) => PathKind | undefined;
  /** The terminal that is on one of the standard streams. */
  readonly terminal?: string | undefined;
}

export function archHere(): Arch {
  return process.arch === 'arm64' ? 'arm64' : 'x64';
}

/** `streams`: descriptors of this process that become the command's standard streams. */
export function groundHere(streams: readonly unknown[] = []): Ground {
  const terminal = streams.find((stream): stream is number => typeof stream === 'number' && isatty(stream));
  return {
    arch: archHere(),
    kindOf: remembered(kindHere),
    terminal: terminal === undefined ? undefined : readlinkSync(`/proc/self/fd/${terminal}`),
  };
}

/** A plan asks three times about most paths, and within a moment. */
function remembered<T>(look: (path: string) => T): (path: string) => T {
  const seen = new Map<string, T>();
  return (path) => {
    const known = seen.get(path);
    if (known !== undefined || seen.has(path)) return known as T;
    const found = look(path);
    seen.set(path, found);
    return found;
  };
}

function kindHere(path: string): PathKind | undefined {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat && (stat.isDirectory() ? 'directory' : 'file');
  } catch {
    // It cannot be looked at, so it cannot be shown either; opening it will say why.
    return undefined;
  }
}

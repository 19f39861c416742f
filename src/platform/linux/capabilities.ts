/** What this host can do, as the launcher measured it and the process itself knows: the input of a plan. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { SandboxError } from '../../errors.ts';

/** Architectures for which there is a launcher and a filter. */
export type Architecture = 'x64' | 'arm64';

/** `count` ids from `first` on. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

export interface Capabilities {
  readonly uid: number;
  readonly gid: number;
  /** Ids that exist here: all of them on a host, some in a container's user namespace (user_namespaces(7)). */
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
  /** 0: the kernel has no Landlock. Measured by the launcher (LANDLOCK_CREATE_RULESET_VERSION), never guessed. */
  readonly landlockAbi: number;
  readonly arch: Architecture;
  /** For messages only: what a kernel can do is probed. */
  readonly kernel: string;
}

/** `landlockAbi` comes from the launcher's `hello`; the rest is read here. */
export function probeCapabilities(landlockAbi: number): Capabilities {
  return {
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    uids: readRanges('/proc/self/uid_map'),
    gids: readRanges('/proc/self/gid_map'),
    landlockAbi,
    arch: architecture(),
    kernel: release(),
  };
}

function architecture(): Architecture {
  if (process.arch === 'x64' || process.arch === 'arm64') return process.arch;
  throw new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
    what: 'Cannot make a filter of system calls',
    why: `the processor is ${process.arch}; x64 and arm64 are known`,
  });
}

/** Lines of `inside outside count`; only the inside numbers mean anything to us. */
function readRanges(path: string): IdRange[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([first = 0, , count = 0]) => ({ first, count }));
}

/** What this host can do, as the launcher measured it and the process itself knows: the input of a plan. */
import { release } from 'node:os';

/** Architectures for which there is a launcher and a filter. */
export type Architecture = 'x64' | 'arm64';

export interface Capabilities {
  readonly uid: number;
  readonly gid: number;
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
    landlockAbi,
    arch: process.arch === 'arm64' ? 'arm64' : 'x64',
    kernel: release(),
  };
}

/**
 * Directories that a scan could not look into. SECURITY: inside, the owner of a directory can take away its read bit, and
 * git, editors and shells still find names in it that they know. So at the start such a directory is shown read-only, as
 * a whole; and at the end one that is new is made readable again and looked through.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lchmodSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import { SandboxError } from '../errors.ts';
import { isWithin } from '../policy/paths.ts';
import type { PathRule, Policy } from '../policy/types.ts';

/** The policy with each of these directories closed for writing. */
export function closeUnseen(policy: Policy, unseen: readonly string[]): Policy {
  if (unseen.length === 0) return policy;
  const rules = unseen.map((path): PathRule => {
    const why = 'it cannot be looked into, so nothing in it may change';
    const origin = { scope: 'builtin', text: 'unreadable directory' } as const;
    return { pattern: path, resolved: path, glob: false, access: 'read', category: 'host-run', why, origin };
  });
  return { ...policy, rules: [...policy.rules, ...rules] };
}

export function isAmong(path: string, directories: readonly string[]): boolean {
  return directories.some((directory) => isWithin(path, directory));
}

/** Node does not name O_PATH of asm-generic/fcntl.h; it opens also what may not be read. */
const O_PATH = 0o10000000;

/**
 * SECURITY: chmod(2) follows links, and another session may exchange the directory for one that leads out of the project.
 * So it goes through a descriptor of the very directory. Covered by "a project that is swapped for a link".
 */
function changeMode(path: string, next: number): number {
  if (process.platform === 'darwin') return changeModeOnMac(path, next);
  const descriptor = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const here = `/proc/self/fd/${descriptor}`;
    if (readlinkSync(here) !== path) throw new Error('a symbolic link leads there');
    const { mode } = fstatSync(descriptor);
    chmodSync(here, next);
    return mode & 0o7777;
  } finally {
    closeSync(descriptor);
  }
}

/** As above where nothing opens what may not be read: volfs names the very directory, whatever lies at its path by then. */
function changeModeOnMac(path: string, next: number): number {
  const { dev, ino, mode } = lstatSync(path, { bigint: true });
  const here = `/.vol/${dev}/${ino}`;
  if (realpathSync.native(here) !== path) throw new Error('a symbolic link leads there');
  lchmodSync(here, next);
  return Number(mode) & 0o7777;
}

/** Directories made readable, with the modes they had. */
export class Opened {
  readonly #modes = new Map<string, number>();

  /** Gives the owner access. Throws ERR_PATH_INVALID for what stays closed: nobody knows then what is in it. */
  open(path: string): void {
    if (this.#modes.has(path)) throw stillClosed(path, 'its path is too long');
    try {
      this.#modes.set(path, changeMode(path, 0o700));
    } catch (cause) {
      throw stillClosed(path, cause instanceof Error ? cause.message : String(cause));
    }
  }

  /** Gives the modes back, innermost first. */
  restore(): void {
    for (const [path, mode] of [...this.#modes].reverse()) {
      try {
        changeMode(path, mode);
      } catch {
        // Gone: it was moved away for what it held, or by someone else just now. There is no mode to give back.
      }
    }
  }
}

function stillClosed(path: string, why: string): SandboxError {
  return new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot look into ${path}, which the command left behind`,
    why,
    fix: 'Remove it before you use git, an editor or a shell there',
  });
}

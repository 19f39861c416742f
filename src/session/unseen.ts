/**
 * Directories that a scan could not look into. SECURITY: inside, the owner of a directory can take away its read bit, and
 * git, editors and shells still find names in it that they know. So at the start such a directory is shown read-only, as
 * a whole; and at the end one that is new is made readable again and looked through.
 */
import { chmodSync, lstatSync } from 'node:fs';
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

/** Directories made readable, with the modes they had. */
export class Opened {
  readonly #modes = new Map<string, number>();

  /** Gives the owner access. Throws ERR_PATH_INVALID for what stays closed: nobody knows then what is in it. */
  open(path: string): void {
    const { mode } = lstatSync(path);
    if (this.#modes.has(path)) throw stillClosed(path, 'its path is too long');
    this.#modes.set(path, mode & 0o7777);
    try {
      chmodSync(path, 0o700);
    } catch (cause) {
      throw stillClosed(path, cause instanceof Error ? cause.message : String(cause));
    }
  }

  /** Gives the modes back, innermost first. What is gone since was moved away for what it held. */
  restore(): void {
    for (const [path, mode] of [...this.#modes].reverse()) {
      if (lstatSync(path, { throwIfNoEntry: false })) chmodSync(path, mode);
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

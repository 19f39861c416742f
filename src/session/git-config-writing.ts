/**
 * Writes a repository's configuration for the inside, where the change is harmless. git renames its lock file over it, which
 * the sandbox refuses: what is written is a copy of the bytes that were judged, to a file that the inside cannot open.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readlinkSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { judgeGitConfig } from '../policy/git-config-change.ts';
import { baseOf, parentOf } from '../policy/paths.ts';

export type GitConfigWriting =
  | { readonly kind: 'written'; readonly changed: readonly string[] }
  /** One clause. */
  | { readonly kind: 'refused'; readonly why: string };

/** No configuration is longer; git keeps one in memory whole. */
const MOST_BYTES = 1 << 20;
/** Node does not name O_PATH of asm-generic/fcntl.h. */
export const O_PATH = 0o10000000;
/** What is no file is opened without waiting, and then seen to be none. */
export const PLAIN = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Descriptors that are closed together. */
export class Opened {
  readonly #all: number[] = [];

  open(path: string, flags: number): number {
    const descriptor = openSync(path, flags);
    this.#all.push(descriptor);
    return descriptor;
  }

  close(): void {
    for (const descriptor of this.#all) closeSync(descriptor);
  }
}

/**
 * `path`: of a configuration that exists and is read-only inside, as the host names it. Its lock file lies beside it. Whatever
 * the file system answers is a refusal. `found`: what the session found in each, by path; kept here at the first write.
 * `worktree`: where it may say that its working tree is.
 */
export function writeGitConfig(
  path: string,
  found: Map<string, string>,
  worktree?: string,
): GitConfigWriting {
  const opened = new Opened();
  try {
    return carryOver(opened, path, found, worktree);
  } catch (error) {
    return failureOf(error);
  } finally {
    opened.close();
  }
}

export function failureOf(error: unknown): GitConfigWriting {
  return { kind: 'refused', why: `its change was not made (${(error as NodeJS.ErrnoException).code})` };
}

export function refusalOf({ key, why }: { readonly key?: string; readonly why: string }): GitConfigWriting {
  return { kind: 'refused', why: key === undefined ? why : `${key}: ${why}` };
}

function carryOver(
  opened: Opened,
  path: string,
  found: Map<string, string>,
  worktree: string | undefined,
): GitConfigWriting {
  const here = placeOf(opened, parentOf(path));
  const lock = `${here}/${baseOf(path)}.lock`;
  // SECURITY: one copy is judged and written. Whoever goes on to write to the lock file changes nothing.
  const after = contentOf(opened.open(lock, constants.O_RDONLY | PLAIN));
  const config = opened.open(`${here}/${baseOf(path)}`, constants.O_RDWR | PLAIN);
  const before = contentOf(config);
  const text = before.toString('latin1');
  if (!found.has(path)) found.set(path, text);
  const judged = judgeGitConfig(text, after.toString('latin1'), {
    first: found.get(path),
    worktree: worktree && Buffer.from(worktree).toString('latin1'),
  });
  if (judged.kind === 'refused') return refusalOf(judged);
  replace(config, before.length, after);
  unlinkSync(lock);
  return { kind: 'written', changed: judged.changed };
}

/** SECURITY: a directory on the way may have been exchanged for a link; a name in the very directory is none to follow. */
export function placeOf(opened: Opened, directory: string): string {
  const place = `/proc/self/fd/${opened.open(directory, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW)}`;
  if (readlinkSync(place) !== directory) throw Object.assign(new Error(), { code: 'ELOOP' });
  return place;
}

export function contentOf(descriptor: number): Buffer {
  const state = fstatSync(descriptor);
  if (!state.isFile()) throw Object.assign(new Error(), { code: 'EINVAL' });
  const bytes = Buffer.alloc(MOST_BYTES + 1);
  let length = 0;
  for (let got = 1; got > 0 && length < bytes.length; length += got) {
    got = readSync(descriptor, bytes, length, bytes.length - length, length);
  }
  if (length > MOST_BYTES) throw Object.assign(new Error(), { code: 'EFBIG' });
  return bytes.subarray(0, length);
}

/**
 * In the same file, since the sandbox shows this one; a file renamed over it would not be seen inside. With one write, and line
 * ends over what was longer, so that whoever reads meanwhile finds the old or the new.
 */
function replace(config: number, before: number, after: Buffer): void {
  const filled = Buffer.concat([after, Buffer.alloc(Math.max(0, before - after.length), '\n')]);
  if (writeSync(config, filled, 0, filled.length, 0) !== filled.length) {
    throw Object.assign(new Error(), { code: 'ENOSPC' });
  }
  ftruncateSync(config, after.length);
  fsyncSync(config);
}

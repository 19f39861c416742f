/** Reads and writes single files of a private home from outside, and files of the real home that are copied there. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { isBeneath } from './containment.ts';
import { beneath, inDirectoryOf } from './private-home.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** `~/.claude.json` grows to megabytes; nothing that an agent keeps to itself is larger. */
const LARGEST = 16 * 1024 * 1024;

/** The text of a plain file; undefined where there is none, or a larger one, or something else. */
function readPlain(path: string, flags: number): string | undefined {
  let descriptor: number;
  try {
    // Non-blocking: a FIFO in its place must not hold up the start.
    descriptor = openSync(path, O_RDONLY | O_NONBLOCK | flags);
  } catch {
    // Absent, a link, out of reach: in each case there is no file to copy.
    return undefined;
  }
  try {
    const state = fstatSync(descriptor);
    if (!state.isFile() || state.size > LARGEST) return undefined;
    const buffer = Buffer.alloc(state.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(descriptor, buffer, length, buffer.length - length, length);
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** As `readPlain`, of the private home. SECURITY: what is there was written inside; no component is followed as a link. */
export function readPlaced(privateHome: string, relative: string): string | undefined {
  return inDirectoryOf(privateHome, relative, (directory, name) =>
    readPlain(beneath(directory, name), O_NOFOLLOW),
  );
}

/** Replaces a file of the private home in one step, mode 0600; a directory of that name is put aside. */
export function writePlaced(privateHome: string, relative: string, text: string): void {
  inDirectoryOf(privateHome, relative, (directory, name) => {
    const path = beneath(directory, name);
    const draft = `${path}.${process.pid}.${Date.now().toString(36)}.new`;
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      renameSync(path, `${path}.aside-${Date.now().toString(36)}`);
    }
    const descriptor = openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeFileSync(descriptor, text);
    } finally {
      closeSync(descriptor);
    }
    try {
      renameSync(draft, path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  });
}

export interface HomeEntry {
  /** Where it really lies. */
  readonly real: string;
  readonly directory: boolean;
}

/**
 * A file or directory of the real home, wherever a link of the person's leads; undefined where there is none. SECURITY: never
 * one that lies in the project: what is inside could put anything there. Covered by "a login file that is a link into the
 * project is not copied".
 */
export function findHomeEntry(path: string, projectDir: string): HomeEntry | undefined {
  try {
    const real = realpathSync.native(path);
    const state = lstatSync(real);
    if (isBeneath(real, projectDir) || !(state.isFile() || state.isDirectory())) return undefined;
    return { real, directory: state.isDirectory() };
  } catch {
    // ENOENT, a dangling link, a directory that may not be searched: the person has no such file.
    return undefined;
  }
}

export function readHomeFile(real: string): string | undefined {
  return readPlain(real, O_NOFOLLOW);
}

/** The mode and owner of a file that may be replaced in place; why not, where it may not. */
export function replaceable(path: string): { mode: number; uid: number; gid: number } | string {
  const state = lstatSync(path, { throwIfNoEntry: false });
  if (!state?.isFile() || realpathSync.native(path) !== path) return 'a symbolic link leads to it';
  if (state.nlink > 1) return 'it has a second name';
  return { mode: state.mode & 0o777, uid: state.uid, gid: state.gid };
}

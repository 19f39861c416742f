/**
 * Owns the one reading of a settings file: bytes, hash and text come from a single open descriptor. Synchronous, and
 * `node:crypto` only where there is something to hash: every start asks for six files, and most are absent.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Problem } from '../errors.ts';
import { createPlaceFinder } from './place-finder.ts';

/** Room for tens of thousands of entries, and far less than would stall or exhaust the host. */
export const MAX_SETTINGS_BYTES = 1024 * 1024;

/**
 * SECURITY: check and use share this one read (attack T-14: the file is replaced between the two). Whoever needs the
 * content again takes it from here, never from the disk. Test: "reads each file exactly once".
 */
export interface FileContent {
  readonly kind: 'read';
  readonly path: string;
  /** Where `path` leads once symbolic links are followed. */
  readonly realPath: string;
  readonly text: string;
  readonly sha256: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export type FileReading =
  | FileContent
  | { readonly kind: 'absent'; readonly path: string }
  /** `unreadable`: not a file that may be read; `malformed`: its bytes are not text. */
  | {
      readonly kind: 'unreadable' | 'malformed';
      readonly path: string;
      readonly problem: Problem;
      readonly errno?: string;
    };

/** Who may own the file, beside root. `undefined`: anyone (a project's files, which count by their hash). */
export interface OwnerRule {
  readonly uid: number;
  readonly gid: number | undefined;
}

const ERRNO_MESSAGES: Readonly<Record<string, string>> = {
  EACCES: 'permission to read it is denied',
  EPERM: 'permission to read it is denied',
  ELOOP: 'its symbolic links form a loop',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'a directory stands in place of the settings file',
  ENXIO: 'a socket or a pipe stands in place of the settings file',
};

function unreadable(path: string, message: string): FileReading & { kind: 'unreadable' } {
  return { kind: 'unreadable', path, problem: { file: path, line: 1, column: 1, message } };
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}

function describeErrno(error: unknown): string {
  return ERRNO_MESSAGES[errnoOf(error)] ?? `it cannot be read (${errnoOf(error)})`;
}

/** ENOENT: nothing there, or a symbolic link (of the file or of its directory) that leads nowhere. */
function describeMissing(path: string): FileReading {
  for (const place of [path, dirname(path)]) {
    const link = linkAt(place);
    if (link !== undefined && statSync(place, { throwIfNoEntry: false }) === undefined) {
      return unreadable(path, `${place} is a symbolic link to ${link}, which does not exist`);
    }
  }
  return { kind: 'absent', path };
}

function linkAt(path: string): string | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    // Out of reach: then it is not this link that keeps the file from being read.
    return undefined;
  }
}

function describeType(stats: Stats): string | undefined {
  if (stats.isFile()) {
    return undefined;
  }
  return `${stats.isDirectory() ? 'a directory' : 'a device, pipe or socket'} stands in place of the settings file`;
}

/** Anybody who may write the file could say what the boundary is (attack F-51). */
export function describeForeignHands(stats: Stats, rule: OwnerRule): string | undefined {
  if (stats.uid !== rule.uid && stats.uid !== 0) {
    return `it belongs to user ${stats.uid}, who could change what it says`;
  }
  if ((stats.mode & 0o002) !== 0) {
    return 'every user may write it';
  }
  if ((stats.mode & 0o020) !== 0 && stats.gid !== rule.gid) {
    return `group ${stats.gid} may write it`;
  }
  return undefined;
}

/** One byte more than allowed is asked for, so that a file that grows while it is read is found out. */
function readBounded(descriptor: number): Buffer | undefined {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total <= MAX_SETTINGS_BYTES) {
    const buffer = Buffer.alloc(64 * 1024);
    const bytesRead = readSync(descriptor, buffer);
    if (bytesRead === 0) {
      return Buffer.concat(chunks);
    }
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  return undefined;
}

/** The text, or the place of the first byte that is not UTF-8. */
function decode(path: string, bytes: Buffer): { text: string } | Problem {
  const isValid = (length: number): boolean => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    let low = 0;
    let high = bytes.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (isValid(middle)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    const before = new TextDecoder('utf-8').decode(bytes.subarray(0, low), { stream: true });
    return { file: path, ...createPlaceFinder(before)(before.length), message: 'the file is not UTF-8 text' };
  }
}

async function readOpen(
  path: string,
  descriptor: number,
  owner: OwnerRule | undefined,
): Promise<FileReading> {
  const stats = fstatSync(descriptor);
  const wrong = describeType(stats) ?? (owner === undefined ? undefined : describeForeignHands(stats, owner));
  if (wrong !== undefined) {
    return unreadable(path, wrong);
  }
  const bytes = readBounded(descriptor);
  if (bytes === undefined) {
    return unreadable(path, `the file is larger than ${MAX_SETTINGS_BYTES / 1024} KiB`);
  }
  const decoded = decode(path, bytes);
  if ('message' in decoded) {
    return { kind: 'malformed', path, problem: decoded };
  }
  const realPath = realpathSync.native(path);
  const { createHash } = await import('node:crypto');
  return {
    kind: 'read',
    path,
    realPath,
    text: decoded.text,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

export async function readSettingsFile(path: string, owner?: OwnerRule): Promise<FileReading> {
  let descriptor: number;
  try {
    // O_NONBLOCK: opening a pipe that nobody writes to would wait for ever (attack F-52).
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const errno = errnoOf(error);
    return errno === 'ENOENT' ? describeMissing(path) : { ...unreadable(path, describeErrno(error)), errno };
  }
  try {
    return await readOpen(path, descriptor, owner);
  } catch (error) {
    return unreadable(path, describeErrno(error));
  } finally {
    closeSync(descriptor);
  }
}

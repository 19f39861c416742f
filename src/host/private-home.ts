/** The private home of a project: made once, kept between sessions, and given places to mount the person's git settings. */
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { sha256 } from '../policy/sha256.ts';
import { descriptorPath } from './descriptor-path.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** `<basename>-<12 hex>`: the name is for people, the digest tells two projects of one name apart. */
export function privateHomeName(projectDir: string): string {
  const digest = sha256(projectDir).slice(0, 12);
  const name = basename(projectDir)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 64);
  return `${name || 'root'}-${digest}`;
}

/** Makes the private home (0700) of this name and returns it. `dataDir` is a real path. */
export function makePrivateHome(dataDir: string, name: string): string {
  const homes = join(dataDir, 'homes');
  const home = join(homes, name);
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    if (!lstatSync(home).isDirectory()) throw new Error('it is not a directory');
    chmodSync(homes, 0o700);
    chmodSync(home, 0o700);
  } catch (cause) {
    throw new SandboxError('ERR_STATE_UNWRITABLE', {
      what: `Cannot make the private home ${home}`,
      why: cause instanceof Error ? cause.message : String(cause),
      fix: `Make ${dataDir} writable, or set XDG_DATA_HOME to a directory that is`,
      cause,
    });
  }
  return home;
}

/**
 * Makes an empty file at `relative` beneath the private home, if none is there, as a place to mount on.
 *
 * SECURITY: earlier sessions wrote here, and one may be running now, so every name on the way may be a planted link
 * (`.config -> ~/.ssh`). Each component is opened with O_NOFOLLOW and the next is reached through that descriptor,
 * which no rename can move; whatever is not what it should be is put aside.
 */
export function makeMountPoint(
  privateHome: string,
  relative: string,
  kind: 'file' | 'directory' = 'file',
): void {
  inDirectoryOf(privateHome, relative, (directory, last) => {
    if (kind === 'file') makeFile(directory, last);
    else closeSync(openDirectory(directory, last));
  });
}

/** Opens the directory that holds `relative`, making what is missing on the way, and hands over its descriptor. */
export function inDirectoryOf<T>(
  privateHome: string,
  relative: string,
  work: (directory: number, name: string) => T,
): T {
  const names = relative.split('/');
  const last = names.pop()!;
  let directory = openSync(privateHome, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const name of names) {
      const next = openDirectory(directory, name);
      closeSync(directory);
      directory = next;
    }
    return work(directory, last);
  } finally {
    closeSync(directory);
  }
}

/** The name of an entry of a directory that is open. */
export function beneath(directory: number, name: string): string {
  return `${descriptorPath(directory)}/${name}`;
}

function openDirectory(directory: number, name: string): number {
  const path = beneath(directory, name);
  const state = lstatSync(path, { throwIfNoEntry: false });
  if (state && !state.isDirectory()) unlinkSync(path);
  unlessExisting(() => mkdirSync(path, { mode: 0o700 }));
  return openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

function makeFile(directory: number, name: string): void {
  const path = beneath(directory, name);
  const state = lstatSync(path, { throwIfNoEntry: false });
  if (state?.isFile()) return;
  if (state?.isDirectory()) renameSync(path, `${path}.aside-${Date.now().toString(36)}`);
  else if (state) unlinkSync(path);
  unlessExisting(() => closeSync(openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)));
}

/** Another session of the same project may have made it just now; the launcher refuses what is not a plain file. */
function unlessExisting(make: () => void): void {
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

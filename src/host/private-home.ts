/** The private home of a project: made once, kept between sessions, and given places to mount the person's git settings. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SandboxError } from '../errors.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** `<basename>-<12 hex>`: the name is for people, the digest tells two projects of one name apart. */
export function privateHomeName(projectDir: string): string {
  const digest = createHash('sha256').update(projectDir).digest('hex').slice(0, 12);
  const name = basename(projectDir)
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 64);
  return `${name || 'root'}-${digest}`;
}

/** Makes the private home (0700) and returns it. `dataDir` is a real path. */
export async function makePrivateHome(dataDir: string, projectDir: string): Promise<string> {
  const homes = join(dataDir, 'homes');
  const home = join(homes, privateHomeName(projectDir));
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    if (!(await lstat(home)).isDirectory()) throw new Error('it is not a directory');
    await chmod(homes, 0o700);
    await chmod(home, 0o700);
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
export async function makeMountPoint(privateHome: string, relative: string): Promise<void> {
  const names = relative.split('/');
  const last = names.pop()!;
  let directory = await open(privateHome, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const name of names) {
      const next = await openDirectory(directory, name);
      await directory.close();
      directory = next;
    }
    await makeFile(directory, last);
  } finally {
    await directory.close();
  }
}

/** Node has no openat(2); the kernel offers the same through /proc/self/fd (proc_pid_fd(5)). */
function beneath(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

async function openDirectory(directory: FileHandle, name: string): Promise<FileHandle> {
  const path = beneath(directory, name);
  const state = await lstat(path).catch(() => undefined);
  if (state && !state.isDirectory()) await unlink(path);
  await mkdir(path, { mode: 0o700 }).catch(ignoreExisting);
  return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

async function makeFile(directory: FileHandle, name: string): Promise<void> {
  const path = beneath(directory, name);
  const state = await lstat(path).catch(() => undefined);
  if (state?.isFile()) return;
  if (state?.isDirectory()) await rename(path, `${path}.aside-${Date.now().toString(36)}`);
  else if (state) await unlink(path);
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600).catch(ignoreExisting);
  await file?.close();
}

/** Another session of the same project may have made it just now; the launcher refuses what is not a plain file. */
function ignoreExisting(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  return undefined;
}

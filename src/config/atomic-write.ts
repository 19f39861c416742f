/** Owns the replacing of a file in one step: a reader, or a crash, meets the old content or the new, never a part. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface WriteOptions {
  readonly mode: number;
  /** Kept from the file that is replaced; needs root where it is not one's own. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

async function syncDirectory(directory: string): Promise<void> {
  // A rename is on disk only when its directory is: fsync(2).
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** `path` is replaced as a name: if it is a symbolic link, the link goes. */
export async function writeFileAtomically(path: string, text: string, options: WriteOptions): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(temporary, flags, 0o600);
  try {
    try {
      await handle.writeFile(text);
      const stats = await handle.stat();
      const { owner } = options;
      if (owner !== undefined && (owner.uid !== stats.uid || owner.gid !== stats.gid)) {
        await handle.chown(owner.uid, owner.gid);
      }
      // After the owner: chown(2) clears set-id bits, and the mode decides who may read what was written.
      await handle.chmod(options.mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

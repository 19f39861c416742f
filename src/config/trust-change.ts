/** Owns the changing of the record of trust; a run only reads it. */
import { mkdir, open, realpath, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxError } from '../errors.ts';
import { writeFileAtomically } from './atomic-write.ts';
import { readTrust, type TrustedFile, trustFileOf } from './trust.ts';

const LOCK_PATIENCE_MS = 5_000;
const LOCK_STALE_MS = 30_000;

/** Serialises writers: of two that read and then wrote, the later could bring back what the other has just revoked. */
async function withLock<T>(stateDir: string, act: () => Promise<T>): Promise<T> {
  const lock = `${trustFileOf(stateDir)}.lock`;
  for (let waited = 0; ; waited += 25) {
    try {
      await (await open(lock, 'wx', 0o600)).close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
      const age = await stat(lock).then(
        (stats) => Date.now() - stats.mtimeMs,
        () => 0,
      );
      if (age > LOCK_STALE_MS) {
        // Its holder was killed: a lock is held for milliseconds.
        await rm(lock, { force: true });
      } else if (waited >= LOCK_PATIENCE_MS) {
        throw new Error(`${lock} is held by another process`);
      }
      await delay(25);
    }
  }
  try {
    return await act();
  } finally {
    await rm(lock, { force: true });
  }
}

async function updateTrust(
  stateDir: string,
  projectDir: string,
  change: (files: Map<string, string>) => void,
): Promise<void> {
  const project = await realpath(projectDir);
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await withLock(stateDir, async () => {
      const projects = new Map((await readTrust(stateDir)).projects);
      const files = new Map(projects.get(project));
      change(files);
      projects.set(project, files);
      if (files.size === 0) {
        projects.delete(project);
      }
      const plain = Object.fromEntries(
        [...projects].map(([path, hashes]) => [path, Object.fromEntries(hashes)]),
      );
      const text = `${JSON.stringify({ version: 1, projects: plain }, null, 2)}\n`;
      await writeFileAtomically(trustFileOf(stateDir), text, { mode: 0o600 });
    });
  } catch (cause) {
    if (cause instanceof SandboxError) {
      throw cause;
    }
    throw new SandboxError('ERR_STATE_UNWRITABLE', {
      what: 'Cannot remember which files you trust',
      why: (cause as Error).message,
      fix: `Make ${stateDir} writable for you`,
      cause,
    });
  }
}

/** Remembers exactly the content that was shown: the hashes are those of the reading, nothing is read again. */
export async function rememberTrust(
  stateDir: string,
  projectDir: string,
  files: readonly TrustedFile[],
): Promise<void> {
  await updateTrust(stateDir, projectDir, (known) => {
    for (const { file, sha256 } of files) {
      known.set(file, sha256);
    }
  });
}

export async function revokeTrust(
  stateDir: string,
  projectDir: string,
  files?: readonly string[],
): Promise<void> {
  await updateTrust(stateDir, projectDir, (known) => {
    for (const file of files ?? [...known.keys()]) {
      known.delete(file);
    }
  });
}

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

interface Entries {
  /** Hash of each file. */
  readonly files: Map<string, string>;
  /** Hosts of each group. */
  readonly groups: Map<string, readonly string[]>;
}

/** As JSON has it; a project without any is left out. */
function plainOf<T>(projects: ReadonlyMap<string, ReadonlyMap<string, T>>): Record<string, unknown> {
  const kept = [...projects].filter(([, entries]) => entries.size > 0);
  return Object.fromEntries(kept.map(([path, entries]) => [path, Object.fromEntries(entries)]));
}

async function updateTrust(
  stateDir: string,
  projectDir: string,
  change: (entries: Entries) => void,
): Promise<void> {
  const project = await realpath(projectDir);
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await withLock(stateDir, async () => {
      const known = await readTrust(stateDir);
      const files = new Map(known.projects.get(project));
      const groups = new Map(known.groups.get(project));
      change({ files, groups });
      const record = {
        version: 1,
        projects: plainOf(new Map(known.projects).set(project, files)),
      };
      const agreed = plainOf(new Map(known.groups).set(project, groups));
      const whole = Object.keys(agreed).length === 0 ? record : { ...record, groups: agreed };
      const text = `${JSON.stringify(whole, null, 2)}\n`;
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
      known.files.set(file, sha256);
    }
  });
}

/** Remembers the hosts that were shown of a group, and no others: what it stood for before no longer counts. */
export async function rememberGroup(
  stateDir: string,
  projectDir: string,
  group: string,
  hosts: readonly string[],
): Promise<void> {
  await updateTrust(stateDir, projectDir, ({ groups }) => {
    groups.set(group, hosts);
  });
}

export async function revokeTrust(
  stateDir: string,
  projectDir: string,
  files?: readonly string[],
): Promise<void> {
  await updateTrust(stateDir, projectDir, (known) => {
    for (const file of files ?? [...known.files.keys()]) {
      known.files.delete(file);
    }
    if (files === undefined) known.groups.clear();
  });
}

/** Owns the record of which project files a person has trusted: the hash of each file's content, kept in the state directory. */
import { mkdir, open, realpath, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxError } from '../errors.ts';
import { writeFileAtomically } from './atomic-write.ts';
import { readSettingsFile } from './settings-file.ts';

/** Content that a person said yes to. */
export interface TrustedFile {
  /** Relative to the project. */
  readonly file: string;
  readonly sha256: string;
}

export interface TrustRecord {
  /** By real project path, then by file relative to it. */
  readonly projects: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

const LOCK_PATIENCE_MS = 5_000;
const LOCK_STALE_MS = 30_000;

export const trustFileOf = (stateDir: string): string => join(stateDir, 'trust.json');

function parseRecord(text: string): TrustRecord | undefined {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(parsed) || parsed.version !== 1 || !isObject(parsed.projects)) {
    return undefined;
  }
  const projects = new Map<string, Map<string, string>>();
  for (const [project, files] of Object.entries(parsed.projects)) {
    if (!isObject(files) || !Object.values(files).every((hash) => typeof hash === 'string')) {
      return undefined;
    }
    projects.set(project, new Map(Object.entries(files as Record<string, string>)));
  }
  return { projects };
}

/** A damaged record is an error and not an empty one: else the next `pinfold trust` would silently drop the rest. */
export async function readTrust(stateDir: string): Promise<TrustRecord> {
  const path = trustFileOf(stateDir);
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() };
  const reading = await readSettingsFile(path, owner);
  if (reading.kind === 'absent') {
    return { projects: new Map() };
  }
  const record = reading.kind === 'read' ? parseRecord(reading.text) : undefined;
  if (record === undefined) {
    throw new SandboxError('ERR_SETTINGS_UNREADABLE', {
      what: `Cannot tell which project files you trust`,
      why: `${path}: ${reading.kind === 'read' ? 'it is not a trust record' : reading.problem.message}`,
      fix: `Remove ${path} and run "pinfold trust" in your projects again`,
    });
  }
  return record;
}

export function isTrusted(record: TrustRecord, realProjectDir: string, candidate: TrustedFile): boolean {
  return record.projects.get(realProjectDir)?.get(candidate.file) === candidate.sha256;
}

/**
 * The name under which a file of the project is remembered: relative to the project as it was found, links and all. The
 * hash ties it to the content, so a link that is turned elsewhere makes it untrusted.
 */
export function trustName(projectDir: string, path: string): string {
  return relative(projectDir, path);
}

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

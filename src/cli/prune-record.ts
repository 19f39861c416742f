/** Remembers what the last prune of each project changed, so that it can be undone. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../config/atomic-write.ts';
import type { EditableScope } from '../config/edit.ts';
import { SandboxError } from '../errors.ts';

export interface PrunedFile {
  readonly scope: EditableScope;
  readonly file: string;
  /** The whole text as it was, comments and all. */
  readonly before: string;
  /** Of the text that took its place: what was changed since is not overwritten. */
  readonly after: string;
  /** What was removed, as written. */
  readonly entries: readonly string[];
}

export interface Prune {
  /** ISO 8601. */
  readonly time: string;
  readonly files: readonly PrunedFile[];
}

type Record = Readonly<{ [projectDir: string]: Prune }>;

const pathOf = (stateDir: string): string => join(stateDir, 'pruned.json');

function readRecord(stateDir: string): Record {
  const path = pathOf(stateDir);
  try {
    const { version, projects } = JSON.parse(readFileSync(path, 'utf8'));
    if (version === 1) return projects;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
  }
  throw new SandboxError('ERR_STATE_UNWRITABLE', {
    what: 'Cannot tell what was pruned',
    why: `${path} is not a record of it`,
    fix: `Remove ${path}; what it held cannot be undone any more`,
  });
}

export function lastPrune(stateDir: string, projectDir: string): Prune | undefined {
  const record = readRecord(stateDir);
  return Object.hasOwn(record, projectDir) ? record[projectDir] : undefined;
}

/** `prune` undefined: there is nothing to undo any more. */
export async function rememberPrune(
  stateDir: string,
  projectDir: string,
  prune: Prune | undefined,
): Promise<void> {
  const { [projectDir]: _last, ...others } = readRecord(stateDir);
  const projects = prune === undefined ? others : { ...others, [projectDir]: prune };
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify({ version: 1, projects })}\n`;
  await writeFileAtomically(pathOf(stateDir), text, { mode: 0o600 });
}

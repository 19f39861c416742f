/** Owns the reading of the record of which project files a person has trusted: the hash of each file's content. */
import { join, relative } from 'node:path';
import { SandboxError } from '../errors.ts';
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
  /** Hosts of groups (`@registries`) that came with a project, by real project path, then by the group's name. */
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
}

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
  const groups = new Map<string, Map<string, string[]>>();
  if (parsed.groups !== undefined && !isObject(parsed.groups)) return undefined;
  for (const [project, named] of Object.entries(parsed.groups ?? {})) {
    const isList = (hosts: unknown) =>
      Array.isArray(hosts) && hosts.every((host) => typeof host === 'string');
    if (!isObject(named) || !Object.values(named).every(isList)) return undefined;
    groups.set(project, new Map(Object.entries(named as Record<string, string[]>)));
  }
  return { projects, groups };
}

/** A damaged record is an error and not an empty one: else the next `pinfold trust` would silently drop the rest. */
export async function readTrust(stateDir: string): Promise<TrustRecord> {
  const path = trustFileOf(stateDir);
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() };
  const reading = await readSettingsFile(path, owner);
  if (reading.kind === 'absent') {
    return { projects: new Map(), groups: new Map() };
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

/** Owns contexts: private homes that several projects of one trust level share, and which project belongs to which. */
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { privateHomeName } from './private-home.ts';

export interface BoundProject {
  readonly project: string;
  readonly context: string;
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** Throws ERR_CONTEXT. */
export function checkContextName(name: string): void {
  if (NAME.test(name)) return;
  throw new SandboxError('ERR_CONTEXT', {
    what: `Cannot use the context ${JSON.stringify(name)}`,
    why: 'a context is named with up to 32 small letters, digits, dots, dashes and underscores',
    fix: 'Choose another name: --context finance',
  });
}

/** No private home of a project has this name: theirs end in a dash and twelve hexadecimal digits. */
export function contextHomeName(context: string): string {
  return `context=${context}`;
}

function boundDirectory(dataDir: string): string {
  return join(dataDir, 'contexts');
}

function readBound(path: string): BoundProject | undefined {
  try {
    const { project, context } = JSON.parse(readFileSync(path, 'utf8')) as BoundProject;
    return { project, context };
  } catch {
    // No such project, or being written just now by its first run.
    return undefined;
  }
}

export function contextOf(dataDir: string, projectDir: string): string | undefined {
  return readBound(join(boundDirectory(dataDir), privateHomeName(projectDir)))?.context;
}

export function boundProjects(dataDir: string): BoundProject[] {
  try {
    const directory = boundDirectory(dataDir);
    return readdirSync(directory).flatMap((name) => readBound(join(directory, name)) ?? []);
  } catch {
    // No project was ever bound.
    return [];
  }
}

/** The first run of a project in a context makes it part of it. */
export function bindProject(dataDir: string, { project, context }: BoundProject): void {
  const directory = boundDirectory(dataDir);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, privateHomeName(project));
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, `${JSON.stringify({ project, context })}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

/** Throws ERR_CONTEXT where `projectDir` belongs to another context than the one that was asked for. */
export function refuseOtherContext(dataDir: string, projectDir: string, context: string | undefined): void {
  const bound = contextOf(dataDir, projectDir);
  if (bound === undefined || bound === context) return;
  throw new SandboxError('ERR_CONTEXT', {
    what: `Cannot run in ${context === undefined ? 'no context' : `the context ${context}`} here`,
    why: `this project belongs to the context ${bound}, whose home and history are kept apart`,
    fix: `Give --context ${bound}, or forget that context: pinfold contexts remove ${bound}`,
  });
}

/** Homes that there are, also of contexts no project is left of. */
export function contextNames(dataDir: string): string[] {
  const prefix = contextHomeName('');
  let homes: string[] = [];
  try {
    homes = readdirSync(join(dataDir, 'homes'));
  } catch {
    // Nothing was ever run.
  }
  const named = homes.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return [...new Set([...named, ...boundProjects(dataDir).map(({ context }) => context)])].sort();
}

/** Removes its home with everything in it, and frees its projects. Whether there was one. */
export function removeContext(dataDir: string, context: string): boolean {
  const home = join(dataDir, 'homes', contextHomeName(context));
  const projects = boundProjects(dataDir).filter((bound) => bound.context === context);
  const there = lstatSync(home, { throwIfNoEntry: false }) !== undefined;
  // Follows no link: what lies there was made inside.
  rmSync(home, { recursive: true, force: true });
  rmSync(join(dataDir, 'agents', contextHomeName(context)), { recursive: true, force: true });
  for (const { project } of projects)
    rmSync(join(boundDirectory(dataDir), privateHomeName(project)), { force: true });
  return there || projects.length > 0;
}

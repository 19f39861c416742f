/** Finds the project directory of a run; fixed before the command starts. */
import { accessSync, constants, lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SandboxError } from '../errors.ts';

const MARKERS = ['.pinfold', '.claude', '.git'];

export interface ProjectRequest {
  /** Working directory of the person, absolute. */
  readonly cwd: string;
  /** `--project`: taken as it is, even the home directory or `/`. Relative to `cwd`. */
  readonly projectDir?: string;
  readonly homeDir: string;
}

/** The project, as a real path: what was named, else the nearest ancestor of `cwd` with a marker, else `cwd`. */
export function resolveProject({ cwd, projectDir, homeDir }: ProjectRequest): string {
  if (projectDir !== undefined) return realDirectory(resolve(cwd, projectDir), projectDir);
  const start = realDirectory(cwd, cwd);
  const home = realOrItself(homeDir);
  // The walk ends below home and `/`: `~/.claude` exists for everyone who uses Claude Code.
  for (let directory = start; directory !== '/' && directory !== home; directory = dirname(directory)) {
    if (hasMarker(directory)) return directory;
  }
  if (start !== '/' && start !== home) return start;
  throw new SandboxError('ERR_PROJECT_INVALID', {
    what: `Cannot take ${start} as the project`,
    why: start === '/' ? 'it is the whole system' : 'it is the whole home directory',
    fix: 'Change to a project, or name the directory with --project',
  });
}

function realOrItself(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // Absent: then nothing lies in it.
    return path;
  }
}

function realDirectory(path: string, written: string): string {
  const invalid = (why: string, cause?: unknown) =>
    new SandboxError('ERR_PROJECT_INVALID', {
      what: `Cannot take ${JSON.stringify(written)} as the project`,
      why,
      fix: 'Name an existing directory with --project',
      cause,
    });
  if (path.includes('\0')) throw invalid('it holds a NUL byte');
  try {
    const real = realpathSync.native(path);
    if (!statSync(real).isDirectory()) throw invalid('it is not a directory');
    accessSync(real, constants.R_OK | constants.X_OK);
    return real;
  } catch (cause) {
    if (cause instanceof SandboxError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'it does not exist' : code === 'ELOOP' ? 'its symbolic links loop' : `${code}`;
    throw invalid(why, cause);
  }
}

function tooLong(directory: string, cause: unknown): SandboxError {
  return new SandboxError('ERR_PROJECT_INVALID', {
    what: 'Cannot tell where the project begins',
    why: `the path of the directory is too long to look into it (${directory.length} characters)`,
    fix: 'Change to another directory, or name the project with --project',
    cause,
  });
}

function hasMarker(directory: string): boolean {
  return MARKERS.some((name) => {
    try {
      return lstatSync(join(directory, name), { throwIfNoEntry: false }) !== undefined;
    } catch (cause) {
      // SECURITY: what cannot be looked for is not absent: a directory above would be the project, with all that lies in it.
      if ((cause as NodeJS.ErrnoException).code === 'ENAMETOOLONG') throw tooLong(directory, cause);
      // ENOTDIR, EACCES: nothing there that could mark a project.
      return false;
    }
  });
}

/** POSIX path algebra on strings: no file system, no working directory. */
import { SandboxError } from '../errors.ts';

/** What relative paths and `~` stand for. */
export interface PathPlaces {
  readonly projectDir: string;
  readonly homeDir: string;
}

/** Components of an absolute path, `.` and empty ones dropped, `..` taken lexically and never above `/`. */
export function splitPath(path: string): string[] {
  const components: string[] = [];
  for (const component of path.split('/')) {
    if (component === '' || component === '.') continue;
    if (component === '..') components.pop();
    else components.push(component);
  }
  return components;
}

/** An absolute path without `.`, `..`, double or trailing slashes. Refuses a relative path and NUL. */
export function normalizePath(path: string): string {
  refuseNul(path);
  if (!path.startsWith('/')) {
    throw new SandboxError('ERR_PATH_INVALID', {
      what: `Cannot use the path ${JSON.stringify(path)}`,
      why: 'it is not absolute',
    });
  }
  return LOOSE.test(path) ? `/${splitPath(path).join('/')}` : path;
}

/** An empty, `.` or `..` component; the root has an empty one too. */
const LOOSE = /\/\.{0,2}(?:\/|$)/;

/** `parts` beneath `dir`; an absolute part does not start over, so a part cannot leave `dir` except by `..`. */
export function joinPath(dir: string, ...parts: readonly string[]): string {
  return normalizePath([dir, ...parts].join('/'));
}

/** Whether `path` is `dir` or lies beneath it. Both normalised. */
export function isWithin(path: string, dir: string): boolean {
  return path === dir || dir === '/' || path.startsWith(`${dir}/`);
}

/** Number of components of a normalised path: 0 for `/`. */
export function depthOf(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1;
}

/** The directory that holds a normalised path; `/` holds itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last component of a normalised path; empty for `/`. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A path as people write it made absolute and normalised: `~`, `~/x`, `/x`, or relative to the project. */
export function expandPath(written: string, places: PathPlaces): string {
  const { base, rest } = anchorPath(written, places);
  return normalizePath(`${base}/${rest}`);
}

/** The directory a written path starts from, and what follows it. */
export function anchorPath(written: string, places: PathPlaces): { base: string; rest: string } {
  refuseNul(written);
  if (written === '') {
    throw new SandboxError('ERR_PATH_INVALID', { what: 'Cannot use an empty path', why: 'it names nothing' });
  }
  if (written.startsWith('/')) return { base: '', rest: written };
  if (written === '~' || written.startsWith('~/')) return { base: places.homeDir, rest: written.slice(1) };
  if (written.startsWith('~')) {
    throw new SandboxError('ERR_PATH_INVALID', {
      what: `Cannot use the path ${JSON.stringify(written)}`,
      why: "only ~ and ~/… are understood, not another user's home",
      fix: `Write the absolute path, or ./${written} for a file of that name in the project`,
    });
  }
  return { base: places.projectDir, rest: written };
}

/** The kernel ends a path at NUL, so what is checked and what is opened would differ. */
function refuseNul(path: string): void {
  if (!path.includes('\0')) return;
  throw new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot use the path ${JSON.stringify(path)}`,
    why: 'it contains a NUL character',
  });
}

/** The path itself and every directory above it, deepest first, the root last. */
export function ancestorsOf(path: string): string[] {
  const found = [path];
  for (let at = path; at !== '/'; ) {
    at = parentOf(at);
    found.push(at);
  }
  return found;
}

/** Follows symbolic links one component at a time, remembering every link that was passed. */
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The kernel gives up after as many (MAXSYMLINKS, path_resolution(7)). */
const MAX_LINKS = 40;

export type Trail =
  | {
      readonly kind: 'found' | 'missing';
      /** Holds no link as far as it exists; what is missing is appended as written. */
      readonly path: string;
      /** The links passed, by their own real location. */
      readonly links: readonly string[];
    }
  | { readonly kind: 'dangling' | 'looping'; readonly path: string; readonly links: readonly string[] };

interface Step {
  readonly name: string;
  /** The link whose target this component came from. */
  readonly from?: string;
}

/**
 * Follows `path` (absolute). `dangling`: a link's target does not exist; `looping`: too many links. A directory that may
 * not be searched ends the walk as `missing`: what cannot be looked at is compared as it is written.
 */
export async function followLinks(path: string): Promise<Trail> {
  const pending: Step[] = split(path).map((name) => ({ name }));
  const links: string[] = [];
  let reached = '/';
  for (let step = pending.shift(); step; step = pending.shift()) {
    if (step.name === '..') {
      reached = dirname(reached);
      continue;
    }
    const next = join(reached, step.name);
    const kind = await kindOf(next);
    if (kind === 'unknown' && step.from !== undefined) return { kind: 'dangling', path: step.from, links };
    if (kind === 'unknown')
      return { kind: 'missing', path: join(next, ...pending.map((each) => each.name)), links };
    if (kind === 'link') {
      links.push(next);
      if (links.length > MAX_LINKS) return { kind: 'looping', path: links[0]!, links };
      const target = await readlink(next);
      pending.unshift(...split(target).map((name) => ({ name, from: next })));
      if (target.startsWith('/')) reached = '/';
      continue;
    }
    reached = next;
  }
  return { kind: 'found', path: reached, links };
}

function split(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

async function kindOf(path: string): Promise<'link' | 'other' | 'unknown'> {
  try {
    return (await lstat(path)).isSymbolicLink() ? 'link' : 'other';
  } catch {
    // ENOENT, ENOTDIR, EACCES: to the walk they are one; nothing is granted by a path that could not be followed.
    return 'unknown';
  }
}

/**
 * Follows symbolic links one component at a time, remembering every link that was passed. Synchronous: a look-up takes
 * microseconds, a turn of the thread pool many times that, and every start makes a thousand of them.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { baseOf, normalizePath, parentOf } from '../policy/paths.ts';

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
 * not be searched ends the walk as `missing`: what cannot be looked at is compared as it is written. `known` lets several
 * walks at one moment share what they saw.
 */
export function followLinks(path: string, known: Known = new Map()): Trail {
  const links: string[] = [];
  // Known as a place is only what no link led to: a walk may begin at the directory above.
  let reached = known.get(parentOf(path)) === 'other' ? parentOf(path) : '/';
  const pending: Step[] = stepsOf(reached === '/' ? path : baseOf(path)).reverse();
  for (let step = pending.pop(); step; step = pending.pop()) {
    if (step.name === '..') {
      reached = parentOf(reached);
      continue;
    }
    const next = beneath(reached, step.name);
    const kind = known.get(next) ?? kindOf(next);
    known.set(next, kind);
    if (kind === 'unknown' && step.from !== undefined) return { kind: 'dangling', path: step.from, links };
    if (kind === 'unknown') {
      const rest = pending.reverse().map(({ name }) => name);
      return { kind: 'missing', path: normalizePath([next, ...rest].join('/')), links };
    }
    if (kind === 'link') {
      links.push(next);
      if (links.length > MAX_LINKS) return { kind: 'looping', path: links[0]!, links };
      const target = readlinkSync(next);
      pending.push(...stepsOf(target, next).reverse());
      if (target.startsWith('/')) reached = '/';
      continue;
    }
    reached = next;
  }
  return { kind: 'found', path: reached, links };
}

function stepsOf(path: string, from?: string): Step[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  return names.map((name) => (from === undefined ? { name } : { name, from }));
}

/** Not node:path, which goes through a path letter by letter: this is asked a thousand times at every start. */
function beneath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

type Kind = 'link' | 'other' | 'unknown';

export type Known = Map<string, Kind>;

function kindOf(path: string): Kind {
  try {
    const state = lstatSync(path, { throwIfNoEntry: false });
    if (!state) return 'unknown';
    return state.isSymbolicLink() ? 'link' : 'other';
  } catch {
    // ENOTDIR, EACCES: to the walk they are one; nothing is granted by a path that could not be followed.
    return 'unknown';
  }
}

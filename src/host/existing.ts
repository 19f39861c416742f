/** Looks up which of the paths that a policy names are there, and where matched names lead. */
import { lstatSync } from 'node:fs';
import type { Policy } from '../policy/types.ts';
import { followLinks } from './symlinks.ts';

export type PathKind = 'file' | 'directory';

/**
 * What is at each literal rule's resolved path. Absent: nothing, or a symbolic link, which cannot be mounted on (it is
 * guarded instead).
 */
export function findExisting(policy: Policy): Map<string, PathKind> {
  const paths = new Set(
    policy.rules.filter((rule) => !rule.glob).map((rule) => rule.resolved ?? rule.pattern),
  );
  const found = [...paths].map((path) => [path, kindOf(path)] as const);
  return new Map(found.filter((entry): entry is readonly [string, PathKind] => entry[1] !== undefined));
}

export interface ScannedPath {
  readonly path: string;
  readonly directory: boolean;
}

/** A matched name that turned out to be a symbolic link says where it leads: nothing can be mounted on the link. */
export interface Match extends ScannedPath {
  readonly leadsTo?: { readonly path: string; readonly directory: boolean } | 'nowhere';
}

export function followMatches(matches: readonly ScannedPath[]): Match[] {
  return matches.map((match) => {
    if (match.directory) return match;
    const trail = followLinks(match.path);
    if (trail.links.length === 0) return match;
    const kind = trail.kind === 'found' ? kindOf(trail.path) : undefined;
    return {
      ...match,
      leadsTo: kind === undefined ? 'nowhere' : { path: trail.path, directory: kind === 'directory' },
    } as const;
  });
}

/** Undefined for a symbolic link, and for what is absent or out of this person's reach. */
export function kindOf(path: string): PathKind | undefined {
  try {
    const state = lstatSync(path, { throwIfNoEntry: false });
    if (!state || state.isSymbolicLink()) return undefined;
    return state.isDirectory() ? 'directory' : 'file';
  } catch {
    // Absent, or beneath a directory that the person may not search, hence nobody inside either.
    return undefined;
  }
}

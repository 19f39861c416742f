/** Looks up which of the paths that a policy names are there, and where matched names lead. */
import { lstat } from 'node:fs/promises';
import type { Policy } from '../policy/types.ts';
import { followLinks } from './symlinks.ts';

export type PathKind = 'file' | 'directory';

/**
 * What is at each literal rule's resolved path. Absent: nothing, or a symbolic link, which cannot be mounted on (it is
 * guarded instead).
 */
export async function findExisting(policy: Policy): Promise<Map<string, PathKind>> {
  const paths = new Set(
    policy.rules.filter((rule) => !rule.glob).map((rule) => rule.resolved ?? rule.pattern),
  );
  const found = await Promise.all([...paths].map(async (path) => [path, await kindOf(path)] as const));
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

export async function followMatches(matches: readonly ScannedPath[]): Promise<Match[]> {
  return await Promise.all(
    matches.map(async (match) => {
      if (match.directory) return match;
      const trail = await followLinks(match.path);
      if (trail.links.length === 0) return match;
      const kind = trail.kind === 'found' ? await kindOf(trail.path) : undefined;
      return {
        ...match,
        leadsTo: kind === undefined ? 'nowhere' : { path: trail.path, directory: kind === 'directory' },
      } as const;
    }),
  );
}

async function kindOf(path: string): Promise<PathKind | undefined> {
  try {
    const state = await lstat(path);
    if (state.isSymbolicLink()) return undefined;
    return state.isDirectory() ? 'directory' : 'file';
  } catch {
    // Absent, or beneath a directory that the person may not search, hence nobody inside either.
    return undefined;
  }
}

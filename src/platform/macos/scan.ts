/** What to look for in writable trees, and which of what was found the rules mean. */
import { Decider, ruleMatcher } from '../../policy/decide.ts';
import { compileGlob } from '../../policy/glob.ts';
import { ancestorsOf, isWithin, parentOf } from '../../policy/paths.ts';
import type { Policy } from '../../policy/types.ts';

export interface FoundEntry {
  readonly path: string;
  readonly directory: boolean;
}

/** The outermost writable directories in which a glob can match, and patterns of last names. */
export function scanWanted(policy: Policy): { readonly roots: string[]; readonly patterns: string[] } {
  const decider = new Decider(policy);
  const isWritable = (path: string) => decider.accessOf(path, { directory: true }) === 'write';
  const globs = policy.rules
    .filter(({ glob }) => glob)
    .map((rule) => compileGlob(rule.resolved ?? rule.pattern));
  const writable = policy.rules
    .filter(({ glob, access }) => !glob && access === 'write')
    .map((rule) => rule.resolved ?? rule.pattern)
    .filter(isWritable);
  const roots = writable.filter(
    (path) =>
      !ancestorsOf(parentOf(path)).some((above) => writable.includes(above)) &&
      globs.some(({ literalPrefix }) => isWithin(literalPrefix, path) || isWithin(path, literalPrefix)),
  );
  return {
    roots: [...new Set(roots)].sort(),
    patterns: [...new Set(globs.flatMap(({ lastComponent }) => lastComponent))].sort(),
  };
}

/** Entries that a glob rule means and that may not be written. */
export function scanMeant(policy: Policy, entries: readonly FoundEntry[]): FoundEntry[] {
  const decider = new Decider(policy);
  const matchers = policy.rules.filter(({ glob }) => glob).map(ruleMatcher);
  return entries.filter(
    ({ path, directory }) =>
      matchers.some((match) => match(path, { directory }) !== undefined) &&
      decider.accessOf(path, { directory }) !== 'write',
  );
}

/** Turns the rules that restrict into names which must not come into being, and into what a scan has to look for. */
import { Decider } from '../../policy/decide.ts';
import { endsOfGlob, escapeGlob } from '../../policy/glob.ts';
import { baseOf, depthOf, isWithin, parentOf } from '../../policy/paths.ts';
import type { PathRule, Policy } from '../../policy/types.ts';
import { alternativesOf, componentsOf, escapeName, fnmatchOf, hasWildcard } from './glob-names.ts';
import { isOwnPrivate, nearest, type PathKind, type Place } from './places.ts';
import type { GuardedName } from './plan.ts';

/** A `**` between named components stands for up to so many; the sweep, which decides by the glob, sees deeper ones. */
const MIDDLE_DEPTHS = [0, 1, 2, 3, 4];

export interface GuardInput {
  readonly policy: Policy;
  readonly places: readonly Place[];
  readonly existing: ReadonlyMap<string, PathKind>;
  readonly decider?: Decider;
}

export function guardNames({
  policy,
  places,
  existing,
  decider = new Decider(policy),
}: GuardInput): GuardedName[] {
  const byPath = new Map(places.map((place) => [place.path, place]));
  const reopened = reopenedPatterns(policy);
  const guarded: GuardedName[] = [];
  policy.rules.forEach((rule, index) => {
    // A socket's name is nothing that the host obeys: its server may make it anew meanwhile.
    if (rule.access === 'write' || rule.socket) return;
    const shared = { except: rule.except ?? [], kind: rule.kind ?? 'any', rule: index } as const;
    if (rule.glob) {
      if (!rule.ceiling && rule.origin.scope === 'builtin' && reopened.has(rule.pattern)) return;
      for (const name of namesOfGlob(rule)) guarded.push({ ...name, ...shared });
      return;
    }
    const path = rule.resolved ?? rule.pattern;
    const absent = existing.has(path) ? [] : [path];
    // A symbolic link on the way cannot be mounted on; it may be removed, but nothing may take its place.
    for (const name of new Set([...absent, ...(rule.links ?? [])])) {
      const root = nearest(byPath, name, true);
      if (root?.access !== 'write' || (name === path && decider.accessOf(name) === 'write')) continue;
      guarded.push({
        components: componentsOf(name).map(escapeName),
        root: writableRoot(byPath, root),
        ...shared,
      });
    }
  });
  return guarded;
}

/** The outermost tree around a place that is writable without a break: pins and inner grants are not its edge. */
function writableRoot(places: ReadonlyMap<string, Place>, place: Place): string {
  let root = place;
  for (;;) {
    const above = nearest(places, root.path, true);
    if (above?.access !== 'write') return root.path;
    root = above;
  }
}

/** A person's grant of the very same names takes the guard away with the protection. */
function reopenedPatterns(policy: Policy): Set<string> {
  const grants = policy.rules.filter(
    ({ glob, access, origin }) => glob && access === 'write' && origin.scope !== 'builtin',
  );
  return new Set(grants.map(({ pattern }) => pattern));
}

/** Literal grants of a person which lift a host-run rule, as opposed to those that merely add a writable tree. */
export function openedPaths(policy: Policy, decider: Decider = new Decider(policy)): string[] {
  return policy.rules.flatMap((rule) => {
    if (rule.glob || rule.access !== 'write' || rule.origin.scope === 'builtin') return [];
    const path = rule.resolved ?? rule.pattern;
    const [first, next] = decider.candidates(path);
    return first?.rule.access === 'write' && next?.rule.category === 'host-run' ? [path] : [];
  });
}

function namesOfGlob(rule: PathRule): Pick<GuardedName, 'components' | 'root'>[] {
  return alternativesOf(rule.resolved ?? rule.pattern).flatMap((whole) => {
    const names = whole.at(-1) === '**' ? [...whole.slice(0, -1), '*'] : whole;
    const first = names.findIndex(hasWildcard);
    const root = `/${names.slice(0, first === -1 ? names.length - 1 : first).join('/')}`;
    const free = names.indexOf('**');
    // Anchored: all components take part, so that only this one depth is meant.
    const tail = free === -1 ? names : names.slice(free + 1);
    return spellMiddle(tail).map((components) => ({ components: components.map(fnmatchOf), root }));
  });
}

function spellMiddle(names: readonly string[]): string[][] {
  const free = names.indexOf('**');
  if (free === -1) return [[...names]];
  const rest = spellMiddle(names.slice(free + 1));
  return MIDDLE_DEPTHS.flatMap((depth) =>
    rest.map((tail) => [...names.slice(0, free), ...Array<string>(depth).fill('*'), ...tail]),
  );
}

// ---- scanning -----------------------------------------------------------------------------------------------

export interface ScanRequest {
  /** Directories to walk. */
  readonly roots: string[];
  /** Patterns of last components: a first sieve. `scanMatches` decides. */
  readonly patterns: string[];
}

/** What a scan has to look for, and where: the trees in which a glob says something else than its surroundings. */
export function scanRequest(policy: Policy, decider: Decider = new Decider(policy)): ScanRequest {
  const globs = policy.rules.filter((rule) => rule.glob);
  const prefixes = globs.map((rule) => ({ rule, ...endsOfGlob(rule.resolved ?? rule.pattern) }));
  const patterns = new Set(prefixes.flatMap(({ lastComponent }) => lastComponent));
  // A hundred protections of one tree begin at the same place.
  const byPrefix = new Map<string, PathRule[]>();
  for (const { rule, literalPrefix } of prefixes) {
    byPrefix.set(literalPrefix, [...(byPrefix.get(literalPrefix) ?? []), rule]);
  }
  const trees = new Set<string>();
  for (const rule of policy.rules) {
    const path = rule.resolved ?? rule.pattern;
    // Beneath what is denied nothing is looked for, and most rules deny or show one file of the system.
    if (rule.glob || rule.access === 'none' || isOwnPrivate(rule, path)) continue;
    const near = [...byPrefix].filter(([prefix]) => isWithin(prefix, path) || isWithin(path, prefix));
    if (near.length === 0) continue;
    const access = decider.accessOf(path);
    if (access === 'none') continue;
    // The system and tool chains hold a million names: they are walked only when a person's own glob means them.
    const shared = rule.category === 'runtime' || rule.category === 'toolchain';
    for (const [prefix, rules] of near) {
      const differs = rules.some(
        (glob) => glob.access !== access && !(shared && glob.origin.scope === 'builtin'),
      );
      if (differs) trees.add(isWithin(prefix, path) ? prefix : path);
    }
  }
  for (const { rule, literalPrefix } of prefixes) {
    // A grant by glob shows what it matches in a place that is hidden otherwise. Never a walk of the whole system.
    if (rule.access !== 'none' && rule.origin.scope !== 'builtin' && literalPrefix !== '/')
      trees.add(literalPrefix);
  }
  const roots = [...trees].filter(
    (path) => ![...trees].some((other) => other !== path && isWithin(path, other)),
  );
  for (const rule of policy.rules) {
    const path = rule.resolved ?? rule.pattern;
    if (rule.glob || rule.access === 'write') continue;
    if (roots.some((root) => path !== root && isWithin(path, root))) patterns.add(escapeGlob(baseOf(path)));
  }
  return { roots: roots.sort(), patterns: [...patterns].sort() };
}

/**
 * The hits that a rule really means and that differ from what is around them, or are kept from being written. A name that
 * a person opened again is not among them: whoever makes it inside does what was allowed.
 */
export function scanMatches<T extends { readonly path: string; readonly directory: boolean }>(
  policy: Policy,
  hits: readonly T[],
  decider: Decider = new Decider(policy),
): T[] {
  return hits.filter(({ path, directory }) => {
    const depth = depthOf(path);
    const meant = decider
      .candidates(path, { directory })
      .some(
        ({ rule, depth: at }) => at === depth && (rule.glob || (rule.access !== 'write' && !rule.socket)),
      );
    if (!meant) return false;
    if (decider.accessOf(path, { directory }) !== 'write') return true;
    return decider.accessOf(parentOf(path), { directory: true }) !== 'write';
  });
}

/**
 * Turns path rules into an order of SBPL rules that decides as the policy does.
 *
 * In the policy the deepest match decides; in a profile the last one. For literal rules that is an order by depth. A glob
 * matches at a depth that depends on the path, so its place is derived: whatever a glob takes away beneath an opened
 * directory is written right after the rule that opens the directory, with what is left of its pattern there. A match
 * above the directory is settled when the directory's own rule is decided. Covered by "the profile decides as the policy
 * does".
 */
import { SandboxError } from '../../errors.ts';
import { Decider } from '../../policy/decide.ts';
import { escapeGlob } from '../../policy/glob.ts';
import { foldName } from '../../policy/glob-component.ts';
import { ancestorsOf, depthOf, parentOf, splitPath } from '../../policy/paths.ts';
import type { PathRule, Policy } from '../../policy/types.ts';
import { componentRegex, escapeRegex, type Spelling } from './glob-regex.ts';
import { filtersFor, packed, Restriction } from './restriction.ts';
import { allow, deny, type Filter, type Rule, subpath } from './sbpl.ts';

export interface PathRulesInput {
  readonly policy: Pick<Policy, 'rules'>;
  /** Denials hold for every spelling that the volume takes for the same name. Grants stay exact. */
  readonly spelling: Spelling;
}

export type Wanted = 'read' | 'write';

/**
 * SECURITY: a rule for a part of an operation (`file-write-data`) beats one for the whole (`file-write*`) wherever it
 * stands. So paths are decided with these words only, and the same ones throughout. Running and mapping go with reading.
 */
export const OPERATIONS: Readonly<Record<Wanted, readonly string[]>> = {
  read: ['file-read*', 'file-map-executable', 'process-exec*'],
  write: ['file-write*'],
};

const literalOf = (rule: PathRule) => rule.resolved ?? rule.pattern;

/** Whether a rule can only take writing away: it never hides and never shows. */
function isProtective(rule: PathRule): boolean {
  return rule.access === 'read' && rule.category === 'host-run' && rule.origin.scope === 'builtin';
}

/** The glob rules that take `wanted` away. Throws ERR_INTERNAL for one that gives: none exists, and it could not be ordered. */
export function restrictionsOf({ policy, spelling }: PathRulesInput, wanted: Wanted): Restriction[] {
  return policy.rules.flatMap((rule) => {
    if (!rule.glob) return [];
    if (rule.access !== 'none' && !isProtective(rule)) {
      throw new SandboxError('ERR_INTERNAL', {
        what: `Cannot write ${rule.pattern} for macOS`,
        why: 'a pattern that grants has no place in the order of a profile',
      });
    }
    return rule.access === 'none' || wanted === 'write' ? [new Restriction(rule, spelling)] : [];
  });
}

/** Literal paths of the policy, shallow first. */
function literalPaths(policy: Pick<Policy, 'rules'>): string[] {
  const paths = new Set(policy.rules.filter(({ glob }) => !glob).map(literalOf));
  return [...paths].sort((a, b) => depthOf(a) - depthOf(b) || (a < b ? -1 : 1));
}

/** What the rules so far come to for a directory and all beneath it that nothing deeper speaks of. */
interface Context {
  readonly path: string;
  readonly allowed: boolean;
}

class Ordering {
  readonly rules: Rule[] = [];
  readonly #input: PathRulesInput;
  readonly #wanted: Wanted;
  readonly #decider: Decider;
  readonly #restrictions: readonly Restriction[];
  readonly #contexts = new Map<string, Context>();
  readonly #foldedDenials = new Set<string>();

  constructor(input: PathRulesInput, wanted: Wanted) {
    this.#input = input;
    this.#wanted = wanted;
    this.#decider = new Decider(input.policy);
    this.#restrictions = restrictionsOf(input, wanted);
  }

  run(): Rule[] {
    const paths = literalPaths(this.#input.policy);
    for (const depth of new Set(paths.map(depthOf))) {
      this.#level(paths.filter((path) => depthOf(path) === depth));
    }
    return this.rules;
  }

  /** Paths of one depth lie beside each other, so their order among themselves does not matter. */
  #level(paths: readonly string[]): void {
    const opened: string[] = [];
    const closed: string[] = [];
    for (const path of paths) {
      const allowed = this.#decider.decide(path, this.#wanted, { directory: true }).allowed;
      const now = this.#current(path) && !(allowed && this.#isTakenAsFile(path));
      if (allowed === now) continue;
      (allowed ? opened : closed).push(path);
    }
    const closing = this.#closing(closed);
    for (const path of opened) this.#contexts.set(path, { path, allowed: true });
    for (const path of closed) {
      this.#contexts.set(path, { path, allowed: false });
      this.#foldedDenials.add(foldedPath(path));
    }
    const operations = OPERATIONS[this.#wanted];
    // Closed first: a folded spelling of a closed name may be the exact one of an opened name beside it.
    if (closing.length > 0) this.rules.push(deny(operations, closing));
    if (opened.length > 0) this.rules.push(allow(operations, opened.map(subpath)));
    const taken = opened.flatMap((path) => restrictionFilters(this.#restrictions, path));
    if (taken.length > 0) this.rules.push(deny(operations, [...new Set(taken)]));
  }

  #contextOf(path: string): Context | undefined {
    for (const above of ancestorsOf(path)) {
      const context = this.#contexts.get(above);
      if (context !== undefined) return context;
    }
    return undefined;
  }

  /** What the rules written so far say of a literal path and what is beneath it. */
  #current(path: string): boolean {
    const context = this.#contextOf(path);
    if (context?.allowed !== true) return false;
    if (this.#input.spelling !== 'exact' && this.#isFoldedDenial(path)) return false;
    const depth = depthOf(context.path);
    return !this.#restrictions.some(
      (restriction) => restriction.rule.kind !== 'file' && (restriction.matchedDepth(path) ?? -1) > depth,
    );
  }

  /**
   * A rule about files of a name says nothing of the directory of that name, which is what is asked about above. Where
   * the path is opened by its own rule it has to be opened again all the same, for the file that it may be.
   */
  #isTakenAsFile(path: string): boolean {
    return this.#restrictions.some(
      (restriction) => restriction.rule.kind === 'file' && restriction.matchedDepth(path) === depthOf(path),
    );
  }

  #isFoldedDenial(path: string): boolean {
    return (
      this.#foldedDenials.size > 0 &&
      ancestorsOf(path).some((above) => this.#foldedDenials.has(foldedPath(above)))
    );
  }

  #closing(paths: readonly string[]): Filter[] {
    const outermost = (path: string) => this.#outermost(path);
    return [...paths.map(subpath), ...spellingFilters(paths, this.#input.spelling, outermost, '(/|$)')];
  }

  /** The outermost opened directory above a path: grants are exact, so up to there every spelling is. */
  #outermost(path: string): string | undefined {
    return ancestorsOf(parentOf(path))
      .reverse()
      .find((above) => this.#contexts.get(above)?.allowed === true);
  }
}

function foldedPath(path: string): string {
  return path.split('/').map(foldName).join('/');
}

/**
 * All spellings of some paths. Grants are exact, so only what lies beneath the outermost directory that was opened
 * (`baseOf`) has others than its own; nothing is said of a path without such a directory.
 */
export function spellingFilters(
  paths: readonly string[],
  spelling: Spelling,
  baseOf: (path: string) => string | undefined,
  end: string,
): Filter[] {
  if (spelling === 'exact') return [];
  const byBase = new Map<string, string[]>();
  for (const path of paths) {
    const base = baseOf(path);
    if (base === undefined || base === path) continue;
    // The name is no pattern: what would be one in it is escaped.
    const names = splitPath(path)
      .slice(depthOf(base))
      .map((name) => componentRegex(escapeGlob(name), spelling));
    byBase.set(base, [...(byBase.get(base) ?? []), `/${names.join('/')}`]);
  }
  return [...byBase].flatMap(([base, texts]) =>
    packed(`^${base === '/' ? '' : escapeRegex(base)}`, texts, end),
  );
}

/** What the restrictions take away beneath an opened directory. */
export function restrictionFilters(restrictions: readonly Restriction[], context: string): Filter[] {
  const groups = new Map<string, { restriction: Restriction; rests: (readonly string[])[] }[]>();
  for (const restriction of restrictions) {
    const rests = restriction.restsBeneath(context);
    if (rests.length === 0) continue;
    const group = groups.get(restriction.group) ?? [];
    group.push({ restriction, rests });
    groups.set(restriction.group, group);
  }
  return [...groups.values()].flatMap((group) => filtersFor(group, context, 'beneath'));
}

/** The rules that decide reading (and running) and writing, in order. */
export function pathRules(input: PathRulesInput): Readonly<Record<Wanted, Rule[]>> {
  return { read: new Ordering(input, 'read').run(), write: new Ordering(input, 'write').run() };
}

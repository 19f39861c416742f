/** Which rule decides about a path. The kernel's mounts are built from the same answers; a property test compares them. */
import { compileGlob } from './glob.ts';
import { foldName } from './glob-component.ts';
import { ancestorsOf, baseOf, depthOf, isWithin, normalizePath } from './paths.ts';
import type { Access, Decision, PathRule, Policy } from './types.ts';

const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 };

/** What is known of the thing at the path, for rules that mean only files of a name. */
export interface PathFacts {
  /** Default: unknown, and then such a rule is taken to apply. */
  readonly directory?: boolean;
}

/** A rule that covers a path, and how specifically: the components of what it matched. */
export interface Candidate {
  readonly rule: PathRule;
  readonly depth: number;
}

export type Matcher = (path: string, facts?: PathFacts) => number | undefined;

/** How deep a rule matches a path (its matched ancestor-or-self), or undefined. Compile once, ask often. */
export function ruleMatcher(rule: PathRule): Matcher {
  const pattern = rule.resolved ?? rule.pattern;
  if (!rule.glob) {
    const depth = depthOf(pattern);
    return (path) => (isWithin(path, pattern) ? depth : undefined);
  }
  const glob = compileGlob(pattern, { ignoreCase: rule.ignoreCase === true });
  return (path, facts) => {
    if (!isWithin(path, glob.literalPrefix)) return undefined;
    const depth = glob.matchedDepth(path, rule.except);
    if (depth === undefined) return undefined;
    if (rule.kind === 'file' && (facts?.directory || depth < depthOf(path))) return undefined;
    return depth;
  };
}

/** Positive when `a` prevails. Ceilings first; then depth; then a person's word; then denial; then the wider grant. */
function prevails(a: Candidate, b: Candidate): number {
  const ceiling = Number(a.rule.ceiling ?? false) - Number(b.rule.ceiling ?? false);
  if (ceiling !== 0) return ceiling;
  if (a.depth !== b.depth) return a.depth - b.depth;
  const person = Number(a.rule.origin.scope !== 'builtin') - Number(b.rule.origin.scope !== 'builtin');
  if (person !== 0) return person;
  const denial = Number(a.rule.access === 'none') - Number(b.rule.access === 'none');
  return denial !== 0 ? denial : RANK[a.rule.access] - RANK[b.rule.access];
}

/** A glob rule that is compiled when a path first comes near it: most never are in a short run. */
class LazyGlob {
  readonly rule: PathRule;
  #match: Matcher | undefined;

  constructor(rule: PathRule) {
    this.rule = rule;
  }

  match(path: string, facts?: PathFacts): number | undefined {
    this.#match ??= ruleMatcher(this.rule);
    return this.#match(path, facts);
  }
}

/** The name that a path must have among its components for the glob to match; undefined when wildcards leave it open. */
function requiredName(rule: PathRule): string | undefined {
  const pattern = rule.resolved ?? rule.pattern;
  const last = baseOf(pattern);
  if (/[{}\\]/.test(pattern) || /[*?[\]]/.test(last)) return undefined;
  return foldName(last);
}

function pushTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/**
 * A built-in protection only takes away: where its surroundings give less than it would leave, they decide. Else
 * `deniedPaths: ["secrets"]` would leave `secrets/.npmrc` readable, by the deeper rule that keeps it from being written.
 */
function demoteProtective(sorted: Candidate[]): Candidate[] {
  const first = sorted.findIndex(
    ({ rule }) => rule.category !== 'host-run' || rule.origin.scope !== 'builtin',
  );
  if (first === 0) return sorted;
  const around = sorted[first];
  if (!around) return []; // Nothing shows the place, so there is nothing to protect.
  const protective = sorted.slice(0, first);
  const holds = protective.some(({ rule }) => RANK[rule.access] <= RANK[around.rule.access]);
  return holds ? sorted : [...sorted.slice(first), ...protective];
}

/** Asks many paths of one policy. Rules are indexed by path and by name, so that a question costs what its path has parts. */
export class Decider {
  readonly #literal = new Map<string, PathRule[]>();
  readonly #named = new Map<string, LazyGlob[]>();
  readonly #open: LazyGlob[] = [];

  constructor(policy: Pick<Policy, 'rules'>) {
    for (const rule of policy.rules) {
      if (!rule.glob) {
        pushTo(this.#literal, rule.resolved ?? rule.pattern, rule);
        continue;
      }
      const name = requiredName(rule);
      if (name === undefined) this.#open.push(new LazyGlob(rule));
      else pushTo(this.#named, name, new LazyGlob(rule));
    }
  }

  /** Every rule that covers the path, the one that decides first. None covers what is no absolute path: hidden. */
  candidates(path: string, facts?: PathFacts): Candidate[] {
    if (!path.startsWith('/') || path.includes('\0')) return [];
    const at = normalizePath(path);
    const found: Candidate[] = [];
    const names = at.split('/').slice(1);
    let depth = depthOf(at);
    for (const covering of ancestorsOf(at)) {
      for (const rule of this.#literal.get(covering) ?? []) found.push({ rule, depth });
      depth -= 1;
    }
    const globs = [...new Set(names.map(foldName))].flatMap((name) => this.#named.get(name) ?? []);
    for (const glob of [...globs, ...this.#open]) {
      const matched = glob.match(at, facts);
      if (matched !== undefined) found.push({ rule: glob.rule, depth: matched });
    }
    return demoteProtective(found.sort((a, b) => prevails(b, a)));
  }

  accessOf(path: string, facts?: PathFacts): Access {
    return this.candidates(path, facts)[0]?.rule.access ?? 'none';
  }

  decide(path: string, want: 'read' | 'write', facts?: PathFacts): Decision {
    const rule = this.candidates(path, facts)[0]?.rule;
    const access = rule?.access ?? 'none';
    return { allowed: RANK[access] >= RANK[want], access, ...(rule ? { rule } : {}) };
  }
}

export function accessOf(policy: Pick<Policy, 'rules'>, path: string, facts?: PathFacts): Access {
  return new Decider(policy).accessOf(path, facts);
}

export function decide(
  policy: Pick<Policy, 'rules'>,
  path: string,
  want: 'read' | 'write',
  facts?: PathFacts,
): Decision {
  return new Decider(policy).decide(path, want, facts);
}

/** A glob rule that takes something away, and what is left of its pattern once a directory has been entered. */
import { SandboxError } from '../../errors.ts';
import { compileGlob, globSequences } from '../../policy/glob.ts';
import { compileComponent } from '../../policy/glob-component.ts';
import { depthOf, splitPath } from '../../policy/paths.ts';
import type { PathRule } from '../../policy/types.ts';
import { componentRegex, escapeRegex, otherThanRegex, type Spelling } from './glob-regex.ts';
import { all, any, type Filter, LONGEST_STRING, regex, word } from './sbpl.ts';

/** What remains of one spelling of a pattern: `**` or a component each. */
type Rest = readonly string[];

/** Bytes of the names that are excepted in one expression: the rest is for the directory and the names. */
const EXCEPTION_ROOM = 330;

export class Restriction {
  readonly rule: PathRule;
  readonly spelling: Spelling;
  readonly #pattern: string;
  readonly #sequences: readonly Rest[];
  readonly #prefixDepth: number;
  readonly #match: (path: string) => number | undefined;

  /** `volume`: how names are compared there, whatever the rule says. */
  constructor(rule: PathRule, volume: Spelling) {
    this.rule = rule;
    this.spelling = volume === 'exact' && rule.ignoreCase ? 'hfs' : volume;
    this.#pattern = rule.resolved ?? rule.pattern;
    this.#sequences = globSequences(this.#pattern);
    const glob = compileGlob(this.#pattern, { ignoreCase: this.spelling !== 'exact' });
    this.#prefixDepth = depthOf(glob.literalPrefix);
    this.#match = (path) => glob.matchedDepth(path, rule.except);
  }

  /** Depth of the deepest directory on the way to `path`, itself included, that the pattern matches. */
  matchedDepth(path: string): number | undefined {
    return this.#match(path);
  }

  /** Expressions grouped with those of other restrictions must share these. */
  get group(): string {
    return JSON.stringify([this.rule.except ?? [], this.rule.kind ?? 'any', this.spelling]);
  }

  /**
   * What may follow `context` for the pattern to be matched beneath it. Nothing when it cannot, or when an excepted
   * directory lies on the way already.
   */
  restsBeneath(context: string): Rest[] {
    const names = splitPath(context);
    const except = this.rule.except ?? [];
    if (names.some((name, at) => at >= this.#prefixDepth && except.includes(name))) return [];
    return this.#sequences.flatMap((sequence) => advance(sequence, names, this.spelling !== 'exact'));
  }

  /** Whole patterns of directories that must not be put in place together with what the rule protects in them. */
  holders(): Rest[] {
    return this.#sequences.flatMap((sequence) =>
      sequence.flatMap((name, at) =>
        at + 1 < sequence.length && at >= this.#prefixDepth && name !== '**'
          ? [sequence.slice(0, at + 1)]
          : [],
      ),
    );
  }
}

/** Runs one spelling as an automaton over the names, like the matcher of glob.ts; returns what follows each position. */
function advance(sequence: Rest, names: readonly string[], fold: boolean): Rest[] {
  let reached = closeOver(sequence, new Set([0]));
  for (const name of names) {
    const next = new Set<number>();
    for (const position of reached) {
      const part = sequence[position];
      if (part === '**') next.add(position);
      else if (part !== undefined && compileComponent(part, fold).matches(name)) next.add(position + 1);
    }
    reached = closeOver(sequence, next);
  }
  // Whoever stands after a `**` is among what stands before it.
  const starts = [...reached].filter(
    (at) => at < sequence.length && !(at > 0 && sequence[at - 1] === '**' && reached.has(at - 1)),
  );
  return starts.map((at) => sequence.slice(at));
}

function closeOver(sequence: Rest, positions: Set<number>): Set<number> {
  // A Set visits what is added while it is being walked.
  for (const position of positions) if (sequence[position] === '**') positions.add(position + 1);
  return positions;
}

/** Text of an expression for what follows a directory; undefined when no name can match. */
function restRegex(rest: Rest, spelling: Spelling): string | undefined {
  if (rest.every((part) => part === '**')) return '/[^/]+';
  const parts = rest.map((part) => {
    if (part === '**') return '(/[^/]+)*';
    const name = componentRegex(part, spelling);
    return name === undefined ? undefined : `/${name}`;
  });
  return parts.includes(undefined) ? undefined : parts.join('');
}

/**
 * Filters that together take in everything the restrictions of one group match beneath `context`. `to: 'beneath'` is a
 * match and all under it, `'itself'` only the match.
 */
export function filtersFor(
  group: readonly { readonly restriction: Restriction; readonly rests: readonly Rest[] }[],
  context: string,
  to: 'beneath' | 'itself',
): Filter[] {
  const [first] = group;
  if (first === undefined) return [];
  const { rule, spelling } = first.restriction;
  const isFile = rule.kind === 'file';
  const end = to === 'itself' || isFile ? '$' : '(/|$)';
  const base = `^${context === '/' ? '' : escapeRegex(context)}`;
  const except = rule.except ?? [];
  const rests = withoutCovered(
    group.flatMap((each) => each.rests),
    except,
  );
  const made = [...partition(rests)].flatMap(([head, tails]) => {
    const texts = [...new Set(tails.flatMap((tail) => restRegex(tail, spelling) ?? []))].sort();
    if (head === undefined) return packed(base, texts, end);
    const names = head === '' ? [] : head.split('/');
    const from = names.length === 0 ? '' : restRegex(names, spelling);
    if (from === undefined) return [];
    // What is literal above the first `**` is no exception: a project may lie in a directory called vendor.
    if (except.length > 0 && names.some(isOpen)) refuseOpen(names);
    for (const tail of tails) {
      if (tail.slice(0, -1).some((name) => except.includes(name) || (except.length > 0 && isOpen(name))))
        refuseOpen(tail);
    }
    return packedFree({ base: `${base}${from}`, texts, end, except });
  });
  if (!isFile) return made;
  const file = any(word('vnode-type', 'REGULAR-FILE'), word('vnode-type', 'SYMLINK'));
  return made.map((filter) => all(filter, file));
}

/** Leaves out what another one covers: what is protected in a home is so in a project, unless an exception lies between. */
function withoutCovered(rests: readonly Rest[], except: readonly string[]): Rest[] {
  const free = new Set(rests.filter((rest) => rest[0] === '**').map((rest) => rest.slice(1).join('/')));
  return rests.filter((rest) => {
    const open = rest.indexOf('**');
    if (open <= 0 || rest.slice(0, open).some((name) => isOpen(name) || except.includes(name))) return true;
    return !free.has(rest.slice(open + 1).join('/'));
  });
}

/** What follows the first `**`, by what comes before it; under undefined those without any, whole. */
function partition(rests: readonly Rest[]): Map<string | undefined, Rest[]> {
  const map = new Map<string | undefined, Rest[]>();
  for (const rest of rests) {
    const open = rest.indexOf('**');
    const isFree = open !== -1 && open + 1 < rest.length;
    const head = isFree ? rest.slice(0, open).join('/') : undefined;
    map.set(head, [...(map.get(head) ?? []), isFree ? rest.slice(open + 1) : rest]);
  }
  return map;
}

interface Free {
  readonly base: string;
  readonly texts: readonly string[];
  readonly end: string;
  readonly except: readonly string[];
}

/**
 * A name counts only where no excepted directory lies above it. One expression cannot hold all excepted names, and need
 * not: the first match of the names is the best one for each exception, so all hold at once where each holds alone.
 */
function packedFree({ base, texts, end, except }: Free): Filter[] {
  if (except.length === 0) return packed(`${base}(/[^/]+)*`, texts, end);
  const walks = exceptionGroups(except).map((names) => `${base}(/${otherThanRegex(names)})*`);
  const room = Math.min(...walks.map((walk) => roomAfter(walk, end)));
  return pack(texts, room).map((chunk) =>
    all(...walks.map((walk) => regex(`${walk}(${chunk.join('|')})${end}`))),
  );
}

function isOpen(name: string): boolean {
  return compileComponent(name, false).literal === undefined;
}

/** Only the first `**` is walked with exceptions; no built-in rule with exceptions has more that is open. */
function refuseOpen(names: Rest): never {
  throw new SandboxError('ERR_INTERNAL', {
    what: 'Cannot write a rule with exceptions for macOS',
    why: `${names.join('/')} is open before its last name`,
  });
}

function exceptionGroups(except: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (const name of [...except].sort()) {
    const last = groups.at(-1);
    if (last !== undefined && otherThanRegex([...last, name]).length <= EXCEPTION_ROOM) last.push(name);
    else groups.push([name]);
  }
  return groups;
}

export function packed(prefix: string, texts: readonly string[], end: string): Filter[] {
  return pack(texts, roomAfter(prefix, end)).map((chunk) =>
    regex(chunk.length === 1 ? `${prefix}${chunk[0]}${end}` : `${prefix}(${chunk.join('|')})${end}`),
  );
}

function roomAfter(prefix: string, end: string): number {
  return LONGEST_STRING - written(`${prefix}()${end}`);
}

/** Bytes within a string of the profile. */
function written(text: string): number {
  return Buffer.byteLength(text.replace(/["\\]/g, '\\$&')) + 2;
}

/** Fills expressions up to the room there is. What is too long alone stands alone, and is refused when it is quoted. */
export function pack(texts: readonly string[], room: number): string[][] {
  const chunks: string[][] = [];
  let used = 0;
  for (const text of texts) {
    const size = written(text) - 1;
    const last = chunks.at(-1);
    if (last !== undefined && used + size <= room) {
      last.push(text);
      used += size;
    } else {
      chunks.push([text]);
      used = size;
    }
  }
  return chunks;
}

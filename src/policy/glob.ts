/** Absolute globs over paths: `*`, `?`, `[…]` within a component, `{a,b}`, and `**` for any number of components. */
import { SandboxError } from '../errors.ts';
import { type ComponentPattern, compileComponent } from './glob-component.ts';
import { anchorPath, depthOf, type PathPlaces, splitPath } from './paths.ts';

export interface Glob {
  matches(path: string): boolean;
  /**
   * Number of components of the deepest ancestor-or-self of `path` that the glob matches. Beneath a directory (below
   * the literal prefix) whose name is in `except` nothing matches.
   */
  matchedDepth(path: string, except?: readonly string[]): number | undefined;
  /** Patterns of the final component: a name that matches none of them cannot complete the glob. */
  readonly lastComponent: readonly string[];
  /** The deepest directory beneath which (or at which) everything lies that the glob can match. */
  readonly literalPrefix: string;
}

export interface GlobOptions {
  readonly ignoreCase?: boolean;
}

type Part = ComponentPattern | 'any-depth';

const LONGEST_PATTERN = 4096;
const MOST_ALTERNATIVES = 256;

/** `literalPrefix` and `lastComponent` of a pattern that `compileGlob` takes, without compiling where it is plain. */
export function endsOfGlob(pattern: string): Pick<Glob, 'literalPrefix' | 'lastComponent'> {
  if (/[{}\\[\]]/.test(pattern)) return compileGlob(pattern);
  const names = pattern.split('/').filter((name) => name !== '');
  const first = names.findIndex((name) => /[*?]/.test(name));
  const last = names.at(-1) ?? '**';
  return {
    literalPrefix: `/${names.slice(0, first < 0 ? names.length : first).join('/')}`,
    lastComponent: [last === '**' ? '*' : last],
  };
}

/** Whether a person's text is meant as a glob. An escaped wildcard counts: only a glob interprets the escape. */
export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text);
}

/** `path` as a glob that matches it alone. */
export function escapeGlob(path: string): string {
  return path.replace(/[*?[\]{},\\]/g, '\\$&');
}

export function compileGlob(pattern: string, options: GlobOptions = {}): Glob {
  const alternatives = expandBraces(pattern).map((text) =>
    compileParts(pattern, text, options.ignoreCase === true),
  );
  const prefix = commonPrefix(alternatives.map(literalPrefixOf));
  const prefixDepth = prefix.length;
  const lasts = alternatives.map((parts) => textOf(parts.at(-1) ?? 'any-depth'));
  const matchedDepth = (path: string, except: readonly string[] = []): number | undefined => {
    const components = splitPath(path);
    const end = reachOf(components, prefixDepth, except);
    const depths = alternatives
      .map((parts) => deepestMatch(parts, components, end))
      .filter((depth) => depth >= 0);
    return depths.length === 0 ? undefined : Math.max(...depths);
  };
  return {
    matchedDepth,
    matches: (path) => matchedDepth(path) === depthOf(`/${splitPath(path).join('/')}`),
    lastComponent: [...new Set(lasts)],
    literalPrefix: `/${prefix.join('/')}`,
  };
}

/**
 * A person's glob made absolute. `..` may only climb over literal components: above a wildcard it would name a
 * directory that nobody can tell.
 */
export function expandGlob(written: string, places: PathPlaces): string {
  const { base, rest } = anchorPath(written, places);
  const components = splitPath(base).map(escapeGlob);
  for (const component of rest.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') components.push(component);
    else if (isGlob(components.pop()?.replace(/\\./g, '') ?? '')) refuse(written, '".." follows a wildcard');
  }
  return `/${components.join('/')}`;
}

/**
 * Runs the pattern as an automaton over the components: the set of positions reached after each one. The deepest point
 * at which the end is among them is the answer; no input makes it more than components × parts.
 */
function deepestMatch(parts: readonly Part[], components: readonly string[], end: number): number {
  let deepest = -1;
  let reached = closeOver(parts, new Set([0]));
  if (reached.has(parts.length)) deepest = 0;
  for (let depth = 0; depth < end && reached.size > 0; depth += 1) {
    const name = components[depth] ?? '';
    const next = new Set<number>();
    for (const position of reached) {
      const part = parts[position];
      if (part === 'any-depth') next.add(position);
      else if (part?.matches(name)) next.add(position + 1);
    }
    reached = closeOver(parts, next);
    if (reached.has(parts.length)) deepest = depth + 1;
  }
  return deepest;
}

/** `**` may stand for nothing, so whoever is before it is also after it. */
function closeOver(parts: readonly Part[], positions: Set<number>): Set<number> {
  // A Set visits what is added while it is being walked.
  for (const position of positions) if (parts[position] === 'any-depth') positions.add(position + 1);
  return positions;
}

/** How many components may be looked at: up to and with the first excepted directory. */
function reachOf(components: readonly string[], from: number, except: readonly string[]): number {
  if (except.length === 0) return components.length;
  const index = components.findIndex((name, at) => at >= from && except.includes(name));
  return index < 0 ? components.length : index + 1;
}

function compileParts(pattern: string, text: string, ignoreCase: boolean): Part[] {
  const parts: Part[] = [];
  for (const component of text.split('/')) {
    if (component === '') continue;
    if (component === '.' || component === '..') refuse(pattern, `"${component}" cannot stand in a pattern`);
    if (component !== '**') parts.push(compileComponent(component, ignoreCase));
    else if (parts.at(-1) !== 'any-depth') parts.push('any-depth');
  }
  return parts;
}

/**
 * The pattern as every sequence of components that it stands for, braces expanded and runs of `**` made one. For whoever
 * writes it down for another matcher. Throws ERR_PATH_INVALID as `compileGlob` does.
 */
export function globSequences(pattern: string): string[][] {
  return expandBraces(pattern).map((text) => {
    const names: string[] = [];
    for (const component of text.split('/')) {
      if (component === '' || (component === '**' && names.at(-1) === '**')) continue;
      names.push(component);
    }
    return names;
  });
}

function literalPrefixOf(parts: readonly Part[]): string[] {
  const names: string[] = [];
  for (const part of parts) {
    if (part === 'any-depth' || part.literal === undefined) break;
    names.push(part.literal);
  }
  return names;
}

function commonPrefix(lists: readonly (readonly string[])[]): string[] {
  const [first = [], ...others] = lists;
  const differs = first.findIndex((name, index) => others.some((list) => list[index] !== name));
  return differs < 0 ? [...first] : first.slice(0, differs);
}

function textOf(part: Part): string {
  return part === 'any-depth' ? '*' : part.pattern;
}

/** All the patterns that `{a,b}` stands for. Braces without a comma or a partner are ordinary characters. */
function expandBraces(pattern: string): string[] {
  if (!pattern.startsWith('/')) refuse(pattern, 'it is not absolute');
  if (pattern.includes('\0')) refuse(pattern, 'it contains a NUL character');
  if (pattern.length > LONGEST_PATTERN)
    refuse(pattern.slice(0, 40), `it is longer than ${LONGEST_PATTERN} characters`);
  let pending = [pattern];
  const done = new Set<string>();
  while (pending.length > 0) {
    const next = new Set<string>();
    for (const text of pending) {
      const alternatives = expandOneGroup(text);
      if (alternatives === undefined) done.add(text);
      else for (const alternative of alternatives) next.add(alternative);
      if (next.size + done.size > MOST_ALTERNATIVES) {
        refuse(pattern, `its braces stand for more than ${MOST_ALTERNATIVES} patterns`);
      }
    }
    pending = [...next];
  }
  return [...done];
}

/** Expands the first group that closes, which is an innermost one; one pass over the text. */
function expandOneGroup(text: string): string[] | undefined {
  const open: { readonly start: number; readonly commas: number[] }[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '\\') index += 1;
    else if (char === '{') open.push({ start: index, commas: [] });
    else if (char === ',') open.at(-1)?.commas.push(index);
    else if (char === '}') {
      const group = open.pop();
      if (group === undefined || group.commas.length === 0) continue;
      const edges = [group.start, ...group.commas, index];
      const tail = text.slice(index + 1);
      return edges
        .slice(1)
        .map((edge, at) => text.slice(0, group.start) + text.slice((edges[at] ?? 0) + 1, edge) + tail);
    }
  }
  return undefined;
}

function refuse(pattern: string, why: string): never {
  throw new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot use the pattern ${JSON.stringify(pattern)}`,
    why,
  });
}

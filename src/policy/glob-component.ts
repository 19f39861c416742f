/** Matches one path component against one pattern component, in time proportional to the product of their lengths. */
import { SandboxError } from '../errors.ts';

/** One step of a component: any run, any character, one character, or one of a set (ranges of code points, inclusive). */
export type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'char'; readonly char: string }
  | {
      readonly kind: 'set';
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

export interface ComponentPattern {
  /** As it was written. */
  readonly pattern: string;
  matches(name: string): boolean;
  /** The one name it matches, when it has no wildcard. */
  readonly literal: string | undefined;
  /**
   * An fnmatch(3) pattern that matches at least the same names, with or without FNM_NOESCAPE. Wider where the C library
   * counts bytes and we count characters: a guard that refuses by it must not miss `é.env` for `?.env`.
   */
  readonly fnmatch: string;
}

/** Compiles a component: `*`, `?`, `[…]`, and `\` before a character that is meant as itself. */
export function compileComponent(pattern: string, ignoreCase: boolean): ComponentPattern {
  if (!/[*?[\]\\]/.test(pattern)) return literalComponent(pattern, ignoreCase);
  const tokens = tokenize(pattern);
  const literal = tokens.every((token) => token.kind === 'char')
    ? tokens.map((token) => token.char).join('')
    : undefined;
  const folded = literal !== undefined && ignoreCase ? foldName(literal) : literal;
  const [head, tail] = plainEnds(tokens, ignoreCase);
  return {
    pattern,
    literal,
    fnmatch: tokens.map(fnmatchOf).join(''),
    matches(name) {
      const compared = ignoreCase ? foldName(name) : name;
      if (folded !== undefined) return compared === folded;
      // A scan asks for every name of a project, and nearly all fail here.
      if (!compared.startsWith(head) || !compared.endsWith(tail)) return false;
      return matchTokens(tokens, Array.from(compared), ignoreCase);
    },
  };
}

/** Most components are plain names: no tokens for them, since every start compiles a hundred. */
function literalComponent(name: string, ignoreCase: boolean): ComponentPattern {
  const folded = ignoreCase ? foldName(name) : name;
  return {
    pattern: name,
    literal: name,
    fnmatch: name,
    matches: (other) => (ignoreCase ? foldName(other) : other) === folded,
  };
}

/** What every name begins and ends with that the tokens match. Only ASCII, where folding goes character by character. */
function plainEnds(tokens: readonly Token[], ignoreCase: boolean): readonly [head: string, tail: string] {
  const plain = tokens.map((token) =>
    token.kind === 'char' && token.char < '\x80'
      ? ignoreCase
        ? token.char.toLowerCase()
        : token.char
      : undefined,
  );
  const first = plain.indexOf(undefined);
  return [plain.slice(0, first).join(''), plain.slice(plain.lastIndexOf(undefined) + 1).join('')];
}

/**
 * SECURITY: the name as a casefolded volume compares it. ext4 and HFS+ also drop characters that nobody sees, so that
 * `.g\u200cit` opens `.git` there. Covered by "compares host-run names under case folding".
 */
export function foldName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII, the fast path.
  if (/^[\x00-\x7f]*$/.test(name)) return name.toLowerCase();
  // Upper before lower, so that ſ and the Kelvin sign meet s and k.
  return name
    .normalize('NFD')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase();
}

/**
 * Star matching with a single point of return: when a character fails, only the last star can help, since whatever an
 * earlier one could take the last one can take too. So no pattern is exponential.
 */
function matchTokens(tokens: readonly Token[], name: readonly string[], ignoreCase: boolean): boolean {
  let token = 0;
  let at = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < name.length) {
    const current = tokens[token];
    if (current?.kind === 'star') {
      starToken = token;
      starAt = at;
      token += 1;
    } else if (current !== undefined && matchesOne(current, name[at] ?? '', ignoreCase)) {
      token += 1;
      at += 1;
    } else if (starToken >= 0) {
      starAt += 1;
      at = starAt;
      token = starToken + 1;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === 'star') token += 1;
  return token === tokens.length;
}

/** Whether one step other than `star` stands for `char`, which is folded already where case is ignored. */
export function matchesOne(token: Token, char: string, ignoreCase: boolean): boolean {
  if (token.kind === 'char') return (ignoreCase ? foldName(token.char) : token.char) === char;
  if (token.kind !== 'set') return true;
  const variants = ignoreCase ? [char, char.toUpperCase()] : [char];
  const inside = variants.some((variant) => {
    const code = variant.codePointAt(0) ?? 0;
    return token.ranges.some(([from, to]) => from <= code && code <= to);
  });
  return inside !== token.negated;
}

/** The steps of a component: for whoever writes it down for another matcher. */
export function tokenize(pattern: string): Token[] {
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  let index = 0;
  while (index < chars.length) {
    const char = chars[index] ?? '';
    const set = char === '[' ? parseSet(chars, index) : undefined;
    if (set !== undefined) {
      tokens.push(set.token);
      index = set.end;
    } else if (char === '\\' && index + 1 < chars.length) {
      tokens.push({ kind: 'char', char: chars[index + 1] ?? '' });
      index += 2;
    } else {
      if (char === '*') {
        if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
      } else tokens.push(char === '?' ? { kind: 'any' } : { kind: 'char', char });
      index += 1;
    }
  }
  return tokens;
}

/** `[…]` from `start`; undefined when it never closes, and the bracket is then an ordinary character (POSIX). */
function parseSet(chars: readonly string[], start: number): { token: Token; end: number } | undefined {
  let index = start + 1;
  const negated = chars[index] === '!' || chars[index] === '^';
  if (negated) index += 1;
  const ranges: (readonly [number, number])[] = [];
  for (let first = true; index < chars.length; first = false) {
    if (chars[index] === ']' && !first) return { token: { kind: 'set', negated, ranges }, end: index + 1 };
    if (chars[index] === '[' && [':', '.', '='].includes(chars[index + 1] ?? '')) refuseClass(chars);
    const from = setMember(chars, index);
    index = from.end;
    let upper = from.code;
    if (chars[index] === '-' && index + 1 < chars.length && chars[index + 1] !== ']') {
      const to = setMember(chars, index + 1);
      upper = to.code;
      index = to.end;
    }
    ranges.push([from.code, upper]);
  }
  return undefined;
}

function setMember(chars: readonly string[], index: number): { code: number; end: number } {
  const escaped = chars[index] === '\\' && index + 1 < chars.length;
  const at = escaped ? index + 1 : index;
  return { code: (chars[at] ?? '').codePointAt(0) ?? 0, end: at + 1 };
}

/** Their meaning depends on the locale of whoever matches, and two matchers must agree. */
function refuseClass(chars: readonly string[]): never {
  throw new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot use the pattern ${JSON.stringify(chars.join(''))}`,
    why: 'named character classes such as [[:alpha:]] are not supported',
    fix: 'Write the characters as a range, such as [a-z]',
  });
}

/** No backslash escapes: a matcher may run with FNM_NOESCAPE, so a wildcard meant as itself stands in brackets. */
function fnmatchOf(token: Token): string {
  if (token.kind === 'star') return '*';
  if (token.kind === 'any') return '?*';
  if (token.kind === 'char') return /[*?[]/.test(token.char) ? `[${token.char}]` : token.char;
  const plain = token.ranges.every(([from, to]) => isPlainMember(from) && isPlainMember(to));
  if (token.negated || !plain) return '?*';
  return `[${token.ranges.map(([from, to]) => (from === to ? charOf(from) : `${charOf(from)}-${charOf(to)}`)).join('')}]`;
}

/** ASCII, and without a meaning of its own inside brackets. */
function isPlainMember(code: number): boolean {
  return code < 128 && !/[[\]\\^!-]/.test(charOf(code));
}

function charOf(code: number): string {
  return String.fromCodePoint(code);
}

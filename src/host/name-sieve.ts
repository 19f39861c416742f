/** A first look at names, of which a tree has many thousands and a rule means few. */
import { type ComponentPattern, compileComponent, foldName } from '../policy/glob-component.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII.
const BEYOND_ASCII = /[^\x00-\x7f]/;

/** From bytes (latin1) to text. */
export function decodeName(bytes: string): string {
  return BEYOND_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

/** What every name of a pattern begins and ends with, in small letters; empty where that is not plain to see. */
function plainEnds(pattern: string): readonly [head: string, tail: string] {
  if (/[[\]\\]/.test(pattern) || BEYOND_ASCII.test(pattern)) return ['', ''];
  const parts = pattern.toLowerCase().split(/[*?]/);
  return [parts[0] ?? '', parts.at(-1) ?? ''];
}

/**
 * Bytes that a name of some pattern may begin or end with. Those beyond ASCII always: folding may make anything of them,
 * though nothing of an ASCII byte at the other end.
 */
function possibleBytes(): Uint8Array {
  return new Uint8Array(256).fill(1, 128);
}

/** `letter`: in small letters. One beyond ASCII is among them already. */
function admit(possible: Uint8Array, letter: string): void {
  if (letter >= '\x80') return;
  possible[letter.charCodeAt(0)] = 1;
  possible[letter.toUpperCase().charCodeAt(0)] = 1;
}

/**
 * Whether some rule may mean a name, in either way in which rules compare names. Asked for every name of a project by code
 * that V8 does not optimise, so nearly all of them pass after a handful of calls.
 */
export function sieve(patterns: readonly string[]): (name: string) => boolean {
  // Two looks at a name settle nearly every one.
  const [first, last] = [possibleBytes(), possibleBytes()];
  const exact = new Set<string>();
  const open: { head: string; tail: string; forms: readonly ComponentPattern[] }[] = [];
  for (const pattern of patterns) {
    const blind = compileComponent(pattern, true);
    if (blind.literal !== undefined) {
      const literal = foldName(blind.literal);
      exact.add(literal);
      admit(first, literal.charAt(0));
    } else {
      const [head, tail] = plainEnds(pattern);
      if (head !== '') admit(first, head.charAt(0));
      else if (tail !== '') admit(last, tail.charAt(tail.length - 1));
      else first.fill(1);
      open.push({ head, tail, forms: [blind, compileComponent(pattern, false)] });
    }
  }
  return (bytes) => {
    if (first[bytes.charCodeAt(0)] !== 1 && last[bytes.charCodeAt(bytes.length - 1)] !== 1) return false;
    const plain = !BEYOND_ASCII.test(bytes);
    const name = plain ? bytes : decodeName(bytes);
    const folded = plain ? bytes.toLowerCase() : foldName(name);
    if (exact.has(folded)) return true;
    for (const { head, tail, forms } of open) {
      if (plain && !(folded.endsWith(tail) && folded.startsWith(head))) continue;
      if (forms.some((form) => form.matches(name))) return true;
    }
    return false;
  };
}

/**
 * Path globs as regular expressions of the sandbox profile language, for rules that restrict.
 *
 * Nobody documents whether that matcher sees bytes or characters. So nothing here depends on it: outside printable ASCII
 * an expression may take in more names than the glob, and never fewer; within it both are the same. Only groups,
 * alternatives, `* + ?`, anchors and plain brackets are used; no backslash stands within brackets.
 */
import { SandboxError } from '../../errors.ts';
import { foldName, matchesOne, type Token, tokenize } from '../../policy/glob-component.ts';

/** Anything but printable ASCII: to a matcher of bytes any byte of a longer UTF-8 sequence. */
const HIGH = '[^ -~]';
/** One to four bytes, or one character. */
const ONE_HIGH = `${HIGH}${HIGH}?${HIGH}?${HIGH}?`;
const ANY_NAME = '[^/]*';

export function escapeRegex(text: string): string {
  return text
    .replace(/[\\^]/g, '\\$&')
    .replace(/[.*+?$(){}|[\]]/g, (char) => (char === '[' || char === ']' ? `\\${char}` : `[${char}]`));
}

/**
 * How names are compared. `exact`: as they are. `apfs`: case and the forms of composed characters do not count. `hfs`:
 * neither do characters that nobody sees, as `foldName` has it (HFS Plus drops them).
 */
export type Spelling = 'exact' | 'apfs' | 'hfs';

/**
 * One component of a glob, in every spelling that the volume takes for the same name. Undefined when nothing matches it (`[b-a]`).
 */
export function componentRegex(component: string, spelling: Spelling): string | undefined {
  const pieces: string[] = [];
  let text = '';
  let open: Token[] = [];
  const flush = (): boolean => {
    if (text !== '')
      pieces.push(spelling === 'exact' ? escapeRegex(text) : foldedRegex(text, gapOf(spelling)));
    if (open.length > 0) {
      const run = runRegex(open, spelling);
      if (run === undefined) return false;
      pieces.push(run);
    }
    text = '';
    open = [];
    return true;
  };
  for (const token of tokenize(component)) {
    if (token.kind === 'char') {
      if (open.length > 0 && !flush()) return undefined;
      text += token.char;
    } else if (token.kind === 'star') {
      if (!flush()) return undefined;
      pieces.push(ANY_NAME);
    } else {
      if (text !== '') flush();
      open.push(token);
    }
  }
  return flush() ? pieces.join('') : undefined;
}

/** A run of `?` and sets. Folding may make two characters of one, so there any stretch with a character above ASCII will do. */
function runRegex(run: readonly Token[], spelling: Spelling): string | undefined {
  const fold = spelling !== 'exact';
  const each = run.map((token) => oneRegex(token, fold));
  if (each.some((one) => one === undefined)) return undefined;
  const gap = gapOf(spelling);
  const exact = `${gap}${each.map((one) => `${one}${gap}`).join('')}`;
  return fold ? `(${exact}|${ANY_NAME}${HIGH}${ANY_NAME})` : exact;
}

function oneRegex(token: Token, fold: boolean): string | undefined {
  if (token.kind !== 'set') return `([^/]|${ONE_HIGH})`;
  const ascii = printable().filter((char) => matchesOne(token, fold ? foldName(char) : char, fold));
  const high = token.negated || token.ranges.some(([, to]) => to > 126 || to < 32);
  const choices = [...classOf(ascii), ...(high ? [ONE_HIGH] : [])];
  return choices.length === 0 ? undefined : `(${choices.join('|')})`;
}

function printable(): string[] {
  return Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).filter(
    (char) => char !== '/',
  );
}

/** Brackets for what has no meaning within them, and an alternative each for the rest. */
function classOf(chars: readonly string[]): string[] {
  const special = chars.filter((char) => /[\]\\^[-]/.test(char));
  const plain = chars.filter((char) => !special.includes(char));
  const alone = special.map((char) => (char === '-' ? '-' : `\\${char}`));
  return plain.length === 0 ? alone : [`[${plain.map(String).join('')}]`, ...alone];
}

/** Between two characters of a name, where there may be some that nobody sees. */
function gapOf(spelling: Spelling): string {
  return spelling === 'hfs' ? `${HIGH}*` : '';
}

/** Characters above ASCII that fold to one of it; among them the Greek question mark and the Greek varia. */
const SINGLE: Readonly<Record<string, string>> = {
  s: '\u017f',
  k: '\u212a',
  i: '\u0131',
  ';': '\u037e',
  '`': '\u1fef',
};

/** Characters that fold to several letters, the longest first. */
const JOINED: readonly (readonly [letters: string, chars: readonly string[]])[] = [
  ['ffi', ['\ufb03']],
  ['ffl', ['\ufb04']],
  ['ff', ['\ufb00']],
  ['fi', ['\ufb01']],
  ['fl', ['\ufb02']],
  ['ss', ['\u00df']],
  ['st', ['\ufb05', '\ufb06']],
];

/** All names that fold to the same as `text`. */
function foldedRegex(text: string, gap: string): string {
  const folded = Array.from(text, foldVisible).join('');
  let made = gap;
  for (let at = 0; at < folded.length; ) {
    const letters = joinedAt(folded, at);
    if (letters !== undefined) {
      made += `(${waysOf(letters, gap).join('|')})${gap}`;
      at += letters.length;
      continue;
    }
    const char = folded[at]!;
    at += 1;
    if (char === UNSEEN) {
      made += `${HIGH}*`;
      continue;
    }
    let marks = 0;
    while (isHigh(folded[at + marks])) marks += 1;
    at += marks;
    if (isHigh(char)) made += `${HIGH}+`;
    else made += marks > 0 ? `${letterRegex(char)}?${HIGH}+` : `${letterRegex(char)}${gap}`;
  }
  return made;
}

/** Stands for a character that the policy's folding drops and the volume may not. */
const UNSEEN = '\u0000';

function foldVisible(char: string): string {
  return /^\p{Default_Ignorable_Code_Point}$/u.test(char) ? UNSEEN : foldName(char);
}

function joinedAt(folded: string, at: number): string | undefined {
  const found = JOINED.find(
    ([letters]) => folded.startsWith(letters, at) && !isHigh(folded[at + letters.length]),
  );
  return found?.[0];
}

/** Every way to write letters with joined characters for some of them. */
function waysOf(letters: string, gap: string): string[] {
  if (letters.length === 1) return [letterRegex(letters)];
  return JOINED.flatMap(([part, chars]) => {
    const at = letters.indexOf(part);
    if (at === -1) return [];
    const before = Array.from(letters.slice(0, at), letterRegex);
    const after = Array.from(letters.slice(at + part.length), letterRegex);
    return chars.map((char) => [...before, char, ...after].join(gap));
  }).concat(Array.from(letters, letterRegex).join(gap));
}

function letterRegex(char: string): string {
  const upper = char.toUpperCase();
  const plain = upper === char ? escapeRegex(char) : `[${char}${upper}]`;
  const other = SINGLE[char];
  return other === undefined ? plain : `(${plain}|${other})`;
}

function isHigh(char: string | undefined): boolean {
  return char !== undefined && char !== UNSEEN && (char < ' ' || char > '~');
}

/**
 * A component that is none of `names` (printable ASCII without `/`). The language has no negation, so the names are
 * walked letter by letter: wherever the text leaves them it is another name.
 */
export function otherThanRegex(names: readonly string[]): string {
  const branch = (heads: readonly string[], isStart: boolean): string => {
    const letters = [...new Set(heads.filter((head) => head !== '').map((head) => head[0]!))];
    if (letters.some((char) => /[\]\\^[-]/.test(char) && char !== '-')) {
      throw new SandboxError('ERR_INTERNAL', { what: 'Cannot except a name', why: 'it holds a bracket' });
    }
    const others = letters.filter((char) => char !== '-').join('') + (letters.includes('-') ? '-' : '');
    const mayEnd = !isStart && !heads.includes('');
    const choices = [
      `[^/${others}]${ANY_NAME}`,
      ...letters.map((char) => {
        const rest = heads.filter((head) => head[0] === char).map((head) => head.slice(1));
        return `${escapeRegex(char)}${branch(rest, false)}`;
      }),
    ];
    return `(${choices.join('|')})${mayEnd ? '?' : ''}`;
  };
  return branch(names, true);
}

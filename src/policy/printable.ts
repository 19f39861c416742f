/** Makes text from files, paths and the sandboxed side safe to show: no control, bidi or invisible character survives. */

/**
 * SECURITY: a file name may hold escape sequences that move the cursor, retitle the terminal or answer as if typed, and
 * bidi controls that show `gpj.exe` as `exe.jpg`. Cc: controls; Cf: bidi, zero-width, tags; Cs: lone surrogates; Zl, Zp:
 * line breaks that some terminals obey; Cn, Co: code points whose look nobody knows.
 */
function replaceUnsafe(text: string, spell: (character: string) => string): string {
  // V8 takes milliseconds to make the tables of the classes below, and what a run writes is plain.
  if (PLAIN.test(text)) return text;
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/gu, spell);
}

/** Printable ASCII, of which nothing is unsafe. */
const PLAIN = /^[ -~]*$/;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x1b': '\\e' };

/** Where `decodeName` puts byte 0x80: a low surrogate that no text has alone. */
const STRAY_BYTES = 0xdc00;

function hexByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

function escapeCharacter(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0)!;
  if (code < 0x100) return hexByte(code);
  if (code >= STRAY_BYTES + 0x80 && code <= STRAY_BYTES + 0xff) return hexByte(code - STRAY_BYTES);
  return `\\u{${code.toString(16)}}`;
}

/** One line of text, with everything unsafe spelled out: `\n`, `\e`, `\x07`, `\u{202e}`. */
export function escapeText(text: string): string {
  return replaceUnsafe(text, escapeCharacter);
}

/** Length of a UTF-8 sequence by its first byte; 1 for bytes that begin none. */
function sequenceLength(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 1;
}

/**
 * Names on Linux are bytes. Those that are not UTF-8 become lone surrogates, one for each stray byte (as in PEP 383), so
 * that two names never look the same; `escapeText` shows them as `\xff`, and JSON keeps them.
 */
export function decodeName(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch {
    // Not UTF-8 as a whole: taken apart below, so that its good parts stay legible.
  }
  let name = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at]!);
    try {
      name += decoder.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      // A byte that begins no valid sequence.
      name += String.fromCharCode(STRAY_BYTES + bytes[at]!);
      at += 1;
    }
  }
  return name;
}

/** Only what stands alone, and is no half of another character, is one. */
const STRAY = /([\u{dc80}-\u{dcff}])/u;

/** Whether `decodeName` met bytes that are not UTF-8. */
export function hasStrayBytes(text: string): boolean {
  return STRAY.test(text);
}

/** The bytes that `decodeName` reads as this text. */
export function encodeName(text: string): Buffer {
  const parts = text.split(STRAY);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - STRAY_BYTES),
    ),
  );
}

export function escapeBytes(bytes: Uint8Array): string {
  return escapeText(decodeName(bytes));
}

function escapeInString(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');
}

/**
 * JSON that is safe to print and means the same: what `escapeText` would spell out stands as `\u….`. `indent`: spaces for each
 * level, over several lines; default: all on one line.
 */
export function printableJson(value: unknown, indent?: number): string {
  // No string of JSON holds a line break: those that are there are the layout's.
  const lines = JSON.stringify(value, undefined, indent).split('\n');
  return lines.map((line) => replaceUnsafe(line, escapeInString)).join('\n');
}

const PLAIN_WORD = /^[A-Za-z0-9_@%+=:,./~-]+$/;

/** A word of a command line as a person could type it again; safe to show. */
export function quoteWord(word: string): string {
  if (PLAIN_WORD.test(word)) return word;
  const safe = escapeText(word);
  return safe === word ? `'${word.replaceAll("'", "'\\''")}'` : `$'${safe.replaceAll("'", "\\'")}'`;
}

export function quoteCommand(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ');
}

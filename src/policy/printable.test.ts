import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeName,
  encodeName,
  escapeBytes,
  escapeText,
  hasStrayBytes,
  printableJson,
  quoteCommand,
  quoteWord,
} from './printable.ts';

/** Written apart from the implementation's classes: C0, DEL, C1, bidi, zero-width, separators, tags, lone surrogates. */
function isDangerous(character: string): boolean {
  const code = character.codePointAt(0)!;
  const between = (low: number, high: number) => code >= low && code <= high;
  return (
    between(0, 0x1f) ||
    between(0x7f, 0x9f) ||
    code === 0x61c ||
    between(0x200b, 0x200f) ||
    between(0x2028, 0x202e) ||
    between(0x2060, 0x206f) ||
    code === 0xfeff ||
    between(0xfff9, 0xfffb) ||
    between(0xd800, 0xdfff) ||
    between(0xe0000, 0xe007f)
  );
}

function dangerous(text: string): string[] {
  return [...text].filter(isDangerous);
}

const anyText = fc.string({ unit: 'binary', maxLength: 60 });
const hostile = fc
  .array(
    fc.constantFrom('\x1b[31m', '\u202e', '\u2066', '\x9b', '\n', '\r', '\u200d', '\ud800', 'a', '\u{e0041}'),
  )
  .map((parts) => parts.join(''));

describe('text from outside', () => {
  test('never holds a control, bidi or invisible character once it is escaped', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hostile), (text) => {
        expect(dangerous(escapeText(text))).toEqual([]);
        expect(dangerous(quoteWord(text))).toEqual([]);
      }),
    );
  });

  test('bytes of any kind come out without such a character', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(dangerous(escapeBytes(bytes))).toEqual([]);
      }),
    );
  });

  test('valid UTF-8 is shown as the text is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(escapeBytes(Buffer.from(text))).toBe(escapeText(text));
      }),
    );
  });

  test.each([
    ['plain/näme 文.txt', 'plain/näme 文.txt'],
    ['a\x1b[2Jb', 'a\\e[2Jb'],
    ['gpj\u202eexe.', 'gpj\\u{202e}exe.'],
    ['two\nlines\t', 'two\\nlines\\t'],
    ['\x07\x9b', '\\x07\\x9b'],
  ])('%j is shown as %j', (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  test('bytes that are not UTF-8 are spelled out, and their neighbours stay legible', () => {
    expect(escapeBytes(Uint8Array.of(0x61, 0xff, 0xc3, 0xa4, 0xc3, 0x62))).toBe('a\\xffä\\xc3b');
    expect(escapeBytes(Uint8Array.of(0xed, 0xa0, 0x80))).toBe('\\xed\\xa0\\x80');
  });
});

describe('JSON for a log', () => {
  test('never holds such a character, is one line, and means the same', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hostile), (text) => {
        const line = printableJson({ text });
        expect(dangerous(line)).toEqual([]);
        expect(JSON.parse(line)).toEqual({ text });
        const laidOut = printableJson({ texts: [text] }, 2);
        expect(dangerous(laidOut.replaceAll('\n', ''))).toEqual([]);
        expect(laidOut.split('\n')).toHaveLength(5);
        expect(JSON.parse(laidOut)).toEqual({ texts: [text] });
      }),
    );
  });

  test('keeps names that are not UTF-8 apart', () => {
    const names = [Uint8Array.of(0x61, 0xff), Uint8Array.of(0x61, 0xfe)].map(decodeName);
    expect(names.map((name) => JSON.parse(printableJson(name)))).toEqual(names);
    expect(names.map(escapeText)).toEqual(['a\\xff', 'a\\xfe']);
  });
});

test('words of a command line are quoted as a shell would need them', () => {
  expect(quoteCommand(['ls', '-l', 'a b', "it's", '', '$HOME', 'x\ny'])).toBe(
    "ls -l 'a b' 'it'\\''s' '' '$HOME' $'x\\ny'",
  );
});

test('a name of any bytes is read and written back as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.string({ unit: 'binary' }), (bytes, text) => {
      expect([...encodeName(decodeName(bytes))]).toEqual([...bytes]);
      const good = Buffer.from(text);
      expect(hasStrayBytes(decodeName(good))).toBe(false);
      expect(encodeName(decodeName(good)).equals(good)).toBe(true);
    }),
  );
});

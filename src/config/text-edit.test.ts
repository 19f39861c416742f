/** Claims about edits of text: what is set reads back, and every comment and all that was not touched is still there. */
import fc from 'fast-check';
import { createScanner, findNodeAtLocation, parseTree } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { setInText, unsetInText, valueInText } from './text-edit.ts';

function commentsOf(text: string): string[] {
  const scanner = createScanner(text, false);
  const comments: string[] = [];
  for (let token: number = scanner.scan(); token !== 17; token = scanner.scan()) {
    if (token === 12 || token === 13) {
      comments.push(
        text.slice(scanner.getTokenOffset(), scanner.getTokenOffset() + scanner.getTokenLength()).trimEnd(),
      );
    }
  }
  return comments;
}

function errorsOf(text: string): unknown[] {
  const errors: never[] = [];
  parseTree(text, errors, { allowTrailingComma: true });
  return errors;
}

describe('setting', () => {
  test.each([
    [
      'into nothing',
      '{}\n',
      ['sandbox', 'mode'],
      'strict',
      '{\n  "sandbox": {\n    "mode": "strict"\n  }\n}\n',
    ],
    [
      'in place',
      '{ "sandbox": { "mode": /* a */ "strict" /* b */ } }',
      ['sandbox', 'mode'],
      'standard',
      '{ "sandbox": { "mode": /* a */ "standard" /* b */ } }',
    ],
    [
      'onto one line',
      '{ "sandbox": { "mode": "strict" } }',
      ['sandbox', 'enabled'],
      true,
      '{ "sandbox": { "mode": "strict", "enabled": true } }',
    ],
    [
      'behind a trailing comma',
      '{"sandbox": {"a": 1,}}',
      ['sandbox', 'b'],
      2,
      '{"sandbox": {"a": 1, "b": 2,}}',
    ],
    [
      'behind a comment that belongs to the line above',
      '{\n\t"sandbox": {\n\t\t"mode": "strict" // why\n\t\t// end\n\t}\n}\n',
      ['sandbox', 'enabled'],
      true,
      '{\n\t"sandbox": {\n\t\t"mode": "strict", // why\n\t\t"enabled": true\n\t\t// end\n\t}\n}\n',
    ],
    [
      'keeping a trailing comma and \\r\\n',
      '{\r\n    "sandbox": {\r\n        "mode": "strict",\r\n    },\r\n}\r\n',
      ['sandbox', 'environment', 'set', 'CI'],
      '1',
      '{\r\n    "sandbox": {\r\n        "mode": "strict",\r\n        "environment": {\r\n            "set": {\r\n                "CI": "1"\r\n            }\r\n        },\r\n    },\r\n}\r\n',
    ],
    [
      'into an object of comments',
      '{\n  "sandbox": { // here\n    // nothing yet\n  }\n}',
      ['sandbox', 'mode'],
      'strict',
      '{\n  "sandbox": { // here\n    "mode": "strict"\n    // nothing yet\n  }\n}',
    ],
    [
      'where the comma is on a later line',
      '{\n  "a": 1 // x, y\n  , // z\n}',
      ['b'],
      2,
      '{\n  "a": 1 // x, y\n  ,\n  "b": 2, // z\n}',
    ],
    [
      'a long list',
      '{\n  "a": 1\n}',
      ['b'],
      ['x'.repeat(40), 'y'.repeat(40)],
      `{\n  "a": 1,\n  "b": [\n    "${'x'.repeat(40)}",\n    "${'y'.repeat(40)}"\n  ]\n}`,
    ],
  ])('%s', (_, text, path, value, expected) => {
    expect(setInText(text, path, value)).toBe(expected);
  });
});

describe('removing', () => {
  test.each([
    ['the only one', '{\n  "a": 1\n}\n', '{\n}\n'],
    [
      'the first, keeping its comment and that of the next',
      '{\n  "a": 1, // one\n  // two\n  "b": 2\n}',
      '{\n  // one\n  // two\n  "b": 2\n}',
    ],
    ['the last, with the comma before it', '{\n  "b": 2, // two\n  "a": 1\n}', '{\n  "b": 2 // two\n}'],
    ['the last behind a trailing comma', '{\n  "b": 2,\n  "a": 1,\n}', '{\n  "b": 2,\n}'],
    ['one of a line', '{ "b": 2, "a": 1, "c": 3 }', '{ "b": 2, "c": 3 }'],
    ['a comma behind a comment', '{ "a": 1 /* x, */ , "c": 3 }', '{ /* x, */  "c": 3 }'],
    ['nothing', '{ "b": 2 }', '{ "b": 2 }'],
  ])('%s', (_, text, expected) => {
    expect(unsetInText(text, ['a'])).toBe(expected);
  });
});

describe('properties', () => {
  const keys = ['mode', 'enabled', 'allowedPaths', 'limits', 'x"y', '__proto__'];
  const comment = fc.constantFrom('', ' ', '\n', '// line, {\n', '/* block } */', '/* two\n lines */', '\t');
  const scalar = fc.oneof(fc.string({ maxLength: 6 }), fc.integer(), fc.boolean(), fc.constant(null));
  const value: fc.Arbitrary<unknown> = fc.oneof(
    scalar,
    fc.array(scalar, { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...keys), scalar, { maxKeys: 3, noNullPrototype: true }),
  );
  /** An object as people write them: comments in every gap, a trailing comma perhaps. */
  const member = fc.tuple(comment, comment, scalar, comment);
  const objectText = fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...keys), { maxLength: 4 }),
      fc.array(member, { minLength: 4, maxLength: 4 }),
      comment,
      fc.boolean(),
    )
    .map(([names, members, tail, trailing]) => {
      const parts = names.map((name, index) => {
        const [a, b, inner, c] = members[index]!;
        return `${a}${JSON.stringify(name)}${b}:${JSON.stringify(inner)}${c}`;
      });
      return `{${parts.join(',')}${trailing && parts.length > 0 ? ',' : ''}${tail}}`;
    });
  const document = fc
    .tuple(comment, objectText, comment, comment)
    .map(([a, object, b, c]) => `${a}{${b}"sandbox": ${object}${c}}\n`);
  const path = fc.constantFrom(...keys).map((key) => ['sandbox', key]);

  test('set then get returns the value, every other value stays, and every comment survives', () => {
    fc.assert(
      fc.property(document, path, value, (text, at, wanted) => {
        const changed = setInText(text, at, wanted);
        expect(errorsOf(changed)).toEqual([]);
        expect(valueInText(changed, at)).toEqual(wanted);
        expect(commentsOf(changed)).toEqual(commentsOf(text));
        for (const key of keys.filter((other) => other !== at[1])) {
          expect(valueInText(changed, ['sandbox', key])).toEqual(valueInText(text, ['sandbox', key]));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('set twice is set once', () => {
    fc.assert(
      fc.property(document, path, value, (text, at, wanted) => {
        const once = setInText(text, at, wanted);
        expect(valueInText(setInText(once, at, wanted), at)).toEqual(wanted);
        expect(setInText(once, at, wanted)).toBe(once);
      }),
      { numRuns: 200 },
    );
  });

  test('unset removes the one value, and every comment outside of it survives', () => {
    fc.assert(
      fc.property(document, path, (text, at) => {
        const changed = unsetInText(text, at);
        expect(errorsOf(changed)).toEqual([]);
        expect(valueInText(changed, at)).toBeUndefined();
        const property = findNodeAtLocation(parseTree(text)!, at)?.parent;
        const outside = property
          ? [text.slice(0, property.offset), text.slice(property.offset + property.length)]
          : [text];
        expect(commentsOf(changed)).toEqual(outside.flatMap(commentsOf));
        for (const key of keys.filter((other) => other !== at[1])) {
          expect(valueInText(changed, ['sandbox', key])).toEqual(valueInText(text, ['sandbox', key]));
        }
      }),
      { numRuns: 500 },
    );
  });
});

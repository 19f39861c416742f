import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from './sha256.ts';

test('is the digest that node:crypto makes, whatever the text and its length', () => {
  const unit = fc.constantFrom('a', '0', '\\', 'é', '文', '😀', '\u0000');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 300 }), (text) => {
      expect(sha256(text)).toBe(createHash('sha256').update(text).digest('hex'));
    }),
    { numRuns: 500 },
  );
});

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 100_000])('pads a text of %i bytes', (length) => {
  const text = 'x'.repeat(length);
  expect(sha256(text)).toBe(createHash('sha256').update(text).digest('hex'));
});

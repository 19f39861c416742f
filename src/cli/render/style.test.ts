import { expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import { paint, wantsColour } from './style.ts';

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ TERM: 'dumb' }, true, false],
])('%j on a terminal (%j): colour %j', (environment, isTerminal, expected) => {
  expect(wantsColour(environment, isTerminal)).toBe(expected);
});

test('without colour the text is left alone', () => {
  expect(paint(plainOutput(), 'bad', 'x')).toBe('x');
  expect(paint(plainOutput({ colour: true }), 'bad', 'x')).toBe('\x1b[31mx\x1b[39m');
});

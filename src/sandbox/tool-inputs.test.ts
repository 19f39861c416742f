import fc from 'fast-check';
import { expect, test } from 'vitest';
import { problemOf, TOOL_INPUTS, type ToolName } from './tool-inputs.ts';

test.each<[ToolName, unknown, string | undefined]>([
  ['bash', { command: 'ls' }, undefined],
  ['bash', { command: 'ls', timeout: 1000 }, undefined],
  ['bash', { command: 'ls', timeout: undefined }, undefined],
  ['bash', { command: 'ls', timeout: 0 }, 'timeout is not from 1 to 3,600,000'],
  ['bash', { command: 'ls', timeout: Number.NaN }, 'timeout is not from 1 to 3,600,000'],
  ['bash', { command: ['ls'] }, 'command is no string'],
  ['bash', { command: 'a\0b' }, 'command holds a NUL character'],
  ['bash', {}, 'command is missing'],
  ['bash', null, 'the input is no object'],
  ['read', { path: 'x', constructor: 1 }, 'there is no "constructor"'],
  ['write', { path: 'x', content: 'a\0b' }, undefined],
  ['write', { path: 'x' }, 'content is missing'],
])('the input of %s %j is %s', (name, input, problem) => {
  expect(problemOf(name, input)).toBe(problem);
});

test('no input is an exception', () => {
  const names = fc.constantFrom(...(Object.keys(TOOL_INPUTS) as ToolName[]));
  fc.assert(
    fc.property(names, fc.anything(), (name, input) => {
      expect(['string', 'undefined']).toContain(typeof problemOf(name, input));
    }),
  );
});

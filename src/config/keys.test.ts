/** Claims about keys and values as the command line writes them. */
import { expect, test } from 'vitest';
import type { SandboxError } from '../errors.ts';
import { checkValue, listKeys, parseKey, parseValue } from './keys.ts';

test.each([
  ['sandbox', 'enabled'],
  ['sandbox.enabled', 'enabled'],
  ['mode', 'mode'],
  ['sandbox.mode', 'mode'],
  ['environment.set.CI', 'environment.set.CI'],
  ['sandbox.profiles.research.limits.memory', 'profiles.research.limits.memory'],
])('%s means %s', (written, name) => {
  expect(parseKey(written).name).toBe(name);
});

test.each([
  ['mod', 'mode'],
  ['sandbox.allowPaths', 'allowedPaths'],
  ['limits.memmory', 'limits.memory'],
  ['memory', 'limits.memory'],
  ['profiles.x.mdoe', 'profiles.x.mode'],
  ['network', 'networkAccess'],
])('%s is unknown and %s is named', (written, nearest) => {
  expect(() => parseKey(written)).toThrow(
    expect.objectContaining({ code: 'ERR_USAGE', fix: `Write "${nearest}"` }) as SandboxError,
  );
});

test.each(['', 'zzzzzz', '__proto__', 'constructor', 'mode.x', 'environment.set.A=B', 'profiles.x.profiles'])(
  '%j is refused',
  (written) => {
    expect(() => parseKey(written)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }) as SandboxError);
  },
);

test.each([
  ['sandbox', 'true', true],
  ['mode', 'strict', 'strict'],
  ['mode', '"strict"', 'strict'],
  ['environment.set.CI', '1', '1'],
  ['environment.set.CI', 'true', 'true'],
  ['environment.set.CI', '"', '"'],
  ['environment.set.CI', '[', '['],
  ['environment.set.CI', '', ''],
  ['limits.processes', '512', 512],
  ['limits.memory', '4GiB', '4GiB'],
  ['allowedPaths', '["~/x"]', ['~/x']],
  ['environment', '{ "pass": ["A"] }', { pass: ['A'] }],
])('%s takes %s', (name, written, value) => {
  const key = parseKey(name);
  expect(parseValue(key, written)).toEqual(value);
  expect(() => checkValue(key, parseValue(key, written))).not.toThrow();
});

test.each([
  ['sandbox', 'on', 'enabled: true or false is expected, not a string', undefined],
  [
    'mode',
    'Strict',
    'mode: "Strict" is none of "strict", "standard", "permissive"',
    'Did you mean "strict"?',
  ],
  ['allowedPaths', '~/x', 'allowedPaths: a list is expected, not a string', 'Did you mean ["~/x"]?'],
  ['limits.memory', '4', 'limits.memory: a size like "4GiB" is expected, not a number', undefined],
  ['deniedPaths', '["a\\u0000b"]', 'deniedPaths[0]: a path cannot hold a NUL character', undefined],
])('%s does not take %s', (name, written, why, fix) => {
  const key = parseKey(name);
  expect(() => checkValue(key, parseValue(key, written))).toThrow(
    expect.objectContaining({ code: 'ERR_USAGE', why, fix }) as SandboxError,
  );
});

test('refuses a value that begins as JSON and is none', () => {
  expect(() => parseValue(parseKey('allowedPaths'), '[~/x]')).toThrow(
    expect.objectContaining({
      code: 'ERR_USAGE',
      what: 'The value of allowedPaths is not JSON',
    }) as SandboxError,
  );
});

test('every key that is listed can be asked for, and its example set', () => {
  for (const { name, field } of listKeys()) {
    const key = parseKey(name);
    expect(key.name).toBe(name);
    expect(() => checkValue(key, JSON.parse(field.example))).not.toThrow();
  }
});

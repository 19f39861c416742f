/** Claims about the path algebra. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { baseOf, depthOf, expandPath, isWithin, joinPath, normalizePath, parentOf } from './paths.ts';

const places = { projectDir: '/work/app', homeDir: '/home/ann' };
const codeOf = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('expandPath', () => {
  test.each([
    ['/data', '/data'],
    ['/data/../etc//x/', '/etc/x'],
    ['.', '/work/app'],
    ['./secrets', '/work/app/secrets'],
    ['../lib', '/work/lib'],
    ['../../../../x', '/x'],
    ['~', '/home/ann'],
    ['~/', '/home/ann'],
    ['~/data/./x', '/home/ann/data/x'],
    ['./~bob', '/work/app/~bob'],
    ['a~b', '/work/app/a~b'],
  ])('reads %j as %j', (written, expanded) => {
    expect(expandPath(written, places)).toBe(expanded);
  });

  test.each(['', '~bob', '~bob/x', 'a\0b', '/etc\0'])('refuses %j', (written) => {
    expect(codeOf(() => expandPath(written, places))).toBe('ERR_PATH_INVALID');
  });
});

test('normalizePath refuses a relative path and takes the absolute one', () => {
  expect(codeOf(() => normalizePath('a/b'))).toBe('ERR_PATH_INVALID');
  expect(normalizePath('/a/b')).toBe('/a/b');
});

test('isWithin goes by components, not by characters', () => {
  expect(isWithin('/work/app-two', '/work/app')).toBe(false);
  expect(isWithin('/work/app/two', '/work/app')).toBe(true);
  expect(isWithin('/work/app', '/work/app')).toBe(true);
  expect(isWithin('/work', '/')).toBe(true);
});

test('an absolute part does not leave the directory it is joined to', () => {
  expect(joinPath('/a', '/etc/passwd')).toBe('/a/etc/passwd');
});

test('the root has no depth, no name, and holds itself', () => {
  expect([depthOf('/'), baseOf('/'), parentOf('/'), parentOf('/a')]).toEqual([0, '', '/', '/']);
});

test('normalising twice is normalising once, and parent and base rebuild the path', () => {
  const component = fc.constantFrom('a', 'b', '.', '..', '', '...', ' ');
  fc.assert(
    fc.property(fc.array(component), (components) => {
      const path = normalizePath(`/${components.join('/')}`);
      expect(normalizePath(path)).toBe(path);
      expect(depthOf(path)).toBe(path.split('/').filter((part) => part !== '').length);
      if (path !== '/') expect(joinPath(parentOf(path), baseOf(path))).toBe(path);
      expect(isWithin(path, parentOf(path))).toBe(true);
    }),
  );
});

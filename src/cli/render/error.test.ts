import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import { SandboxError } from '../../errors.ts';
import { asSandboxError, errorAsData, renderError } from './error.ts';

const directory = mkdtempSync(join(tmpdir(), 'pinfold-error-'));
afterAll(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function settingsError(file: string, line: number, column: number): SandboxError {
  return new SandboxError('ERR_SETTINGS_INVALID', {
    what: 'The settings are not valid',
    why: 'unknown key',
    fix: 'Correct it',
    problems: [{ file, line, column, message: 'unknown key "mdoe"', suggestion: 'mode' }],
  });
}

describe('the screen of an error', () => {
  test('says what, why and the fix, and ends with the code', () => {
    const error = new SandboxError('ERR_USAGE', { what: 'No', why: 'because', fix: 'Yes' });
    expect(renderError(plainOutput(), error)).toBe('pinfold: No\n  why  because\n  fix  Yes\n  ERR_USAGE\n');
  });

  test('shows the offending line with a caret under the column, also after tabs and escapes', () => {
    const file = write('a.json', '{\n\t"\u202ex": 1, "mdoe": "strict"\n}\n');
    const shown = renderError(plainOutput(), settingsError(file, 2, 11));
    expect(shown).toBe(
      [
        'pinfold: The settings are not valid',
        `  ${file}:2:11 unknown key "mdoe" (did you mean mode?)`,
        '    2 |  "\\u{202e}x": 1, "mdoe": "strict"',
        '      |                  ^',
        '  fix  Correct it',
        '  ERR_SETTINGS_INVALID',
        '',
      ].join('\n'),
    );
  });

  test('a file that has gone still gives its place', () => {
    const shown = renderError(plainOutput(), settingsError(join(directory, 'gone.json'), 3, 1));
    expect(shown).toContain('gone.json:3:1 unknown key');
    expect(shown).not.toContain('|');
  });

  test('a file name cannot send the terminal an escape sequence', () => {
    const error = new SandboxError('ERR_PATH_INVALID', { what: 'Cannot use \x1b[2J', why: 'a\u202eb\nc' });
    expect(renderError(plainOutput(), error)).toBe(
      'pinfold: Cannot use \\e[2J\n  why  a\\u{202e}b\\nc\n  ERR_PATH_INVALID\n',
    );
  });

  test('a stack is shown for a bug, and only for one', () => {
    const bug = asSandboxError(new TypeError('x is not a function'));
    expect(bug.code).toBe('ERR_INTERNAL');
    expect(renderError(plainOutput(), bug)).toMatch(/x is not a function[\s\S]*\n {2}.*at /);
    const misuse = new SandboxError('ERR_USAGE', { what: 'a', why: 'b' });
    expect(renderError(plainOutput(), misuse)).not.toContain(' at ');
  });
});

test('machines get the same parts', () => {
  const error = new SandboxError('ERR_USAGE', { what: 'a', why: 'b', fix: 'c' });
  expect(errorAsData(error)).toEqual({
    error: { code: 'ERR_USAGE', kind: 'misuse', what: 'a', why: 'b', fix: 'c', problems: [] },
  });
});

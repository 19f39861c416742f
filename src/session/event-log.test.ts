import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLog, verifyLog } from './event-log.ts';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pinfold-log-'));
  path = join(directory, 'events.jsonl');
});
afterEach(() => rmSync(directory, { recursive: true }));

function writeLog(...kinds: readonly string[]): string[] {
  const log = new EventLog(path);
  for (const kind of kinds) log.append({ kind, path: `/tmp/${kind}\n\u202e` });
  log.close();
  return readFileSync(path, 'utf8').split('\n');
}

describe('the chain of a log', () => {
  test('an untouched log is intact, and an empty one too', () => {
    writeLog('a', 'b', 'c');
    expect(verifyLog(path)).toEqual({ kind: 'intact', records: 3 });
    writeFileSync(path, '');
    expect(verifyLog(path)).toEqual({ kind: 'intact', records: 0 });
  });

  test('a changed line is found by the line after it', () => {
    const [first, second, third] = writeLog('a', 'b', 'c');
    writeFileSync(path, [first, second!.replace('"b"', '"x"'), third, ''].join('\n'));
    expect(verifyLog(path)).toMatchObject({ kind: 'broken', line: 3 });
  });

  test.each<[string, (lines: string[]) => string[], number]>([
    ['a removed line', ([first, , third]) => [first!, third!, ''], 2],
    ['swapped lines', ([first, second, third]) => [first!, third!, second!, ''], 2],
    ['a doubled line', ([first, second]) => [first!, second!, second!, ''], 3],
    ['a missing beginning', ([, second, third]) => [second!, third!, ''], 1],
    ['text that is not JSON', ([first]) => [first!, 'x', ''], 2],
    ['a half-written last line', ([first, second]) => [first!, second!.slice(0, 20)], 2],
  ])('%s is found', (_name, change, line) => {
    const lines = writeLog('a', 'b', 'c');
    writeFileSync(path, change(lines).join('\n'));
    expect(verifyLog(path)).toMatchObject({ kind: 'broken', line });
  });

  test('no single changed character of any line but the last goes unseen', () => {
    const text = writeLog('a', 'b', 'c').join('\n');
    const end = text.lastIndexOf('\n', text.length - 2);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: end - 1 }),
        fc.constantFrom('0', '1', 'x', '"'),
        (at, character) => {
          fc.pre(text[at] !== character && text[at] !== '\n');
          writeFileSync(path, text.slice(0, at) + character + text.slice(at + 1));
          expect(verifyLog(path).kind).toBe('broken');
        },
      ),
    );
  });
});

test('a log is never written over another', () => {
  writeLog('a');
  expect(() => new EventLog(path)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
});

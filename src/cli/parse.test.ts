import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SandboxError } from '../errors.ts';
import { type CommandSpec, defineCommand } from './command.ts';
import { parseLine } from './parse.ts';

const spec = defineCommand({
  name: 'go',
  summary: 'try the parser',
  passThrough: true,
  arguments: [{ name: 'COMMAND', summary: 'what to run', required: true, many: true }],
  options: {
    mode: { type: 'value', short: 'm', placeholder: 'MODE', choices: ['strict', 'standard'], summary: 'm' },
    allow: { type: 'list', placeholder: 'PATH', summary: 'a' },
    quiet: { type: 'flag', short: 'q', summary: 'q' },
  },
  run: () => Promise.resolve(0),
});

const plain: CommandSpec = {
  name: 'ask',
  summary: 'x',
  options: { write: { type: 'flag', summary: 'w' } },
  arguments: [{ name: 'PATH', summary: 'the path', required: true }],
};

function parsed(words: readonly string[], of: CommandSpec = spec) {
  const line = parseLine('pinfold go', of, words);
  if (line.kind === 'help') return line;
  return { options: { ...line.options }, arguments: line.arguments };
}

function refusal(words: readonly string[], of: CommandSpec = spec): SandboxError {
  try {
    parseLine('pinfold go', of, words);
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const nothing = { mode: undefined, allow: [], quiet: false };

describe('words of the command to be run', () => {
  test.each([
    [
      ['--', '--mode', 'x'],
      ['--mode', 'x'],
    ],
    [
      ['ls', '--mode', 'x', '-q'],
      ['ls', '--mode', 'x', '-q'],
    ],
    [
      ['--', '--', 'x'],
      ['--', 'x'],
    ],
    [['--', '--help'], ['--help']],
    [
      ['ls', '--', 'x'],
      ['ls', '--', 'x'],
    ],
    [
      ['-', 'x'],
      ['-', 'x'],
    ],
  ])('%j leaves %j verbatim', (words, left) => {
    expect(parsed(words)).toEqual({ options: nothing, arguments: left });
  });

  test('after "--" every list of words is passed on unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
        expect(parsed(['-q', '--', ...words])).toEqual({
          options: { ...nothing, quiet: true },
          arguments: words,
        });
      }),
    );
  });

  test('after the first word that is no option every list of words is passed on unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(parsed(['make', ...words])).toMatchObject({ arguments: ['make', ...words] });
      }),
    );
  });
});

test('values are taken inline, from the next word and by short name, and lists are kept in order', () => {
  expect(parsed(['--mode=strict', '--allow', 'a', '--allow=b', '-q', 'ls'])).toEqual({
    options: { mode: 'strict', allow: ['a', 'b'], quiet: true },
    arguments: ['ls'],
  });
  expect(parsed(['-qm', 'strict', 'ls'])).toMatchObject({ options: { mode: 'strict', quiet: true } });
});

test('--help is seen before the command to be run, and only there', () => {
  expect(parsed(['-q', '--help'])).toEqual({ kind: 'help' });
  expect(parsed(['ls', '--help'])).toMatchObject({ arguments: ['ls', '--help'] });
});

describe('refuses, with ERR_USAGE', () => {
  test.each([
    [['--mdoe', 'strict', 'ls'], 'Unknown option --mdoe', 'did you mean --mode?'],
    [['--zzzzzzz', 'ls'], 'Unknown option --zzzzzzz', 'pinfold go has no such option'],
    [['--__proto__', 'ls'], 'Unknown option --__proto__', 'pinfold go has no such option'],
    [['--mode', 'strct', 'ls'], '--mode cannot be "strct"', 'did you mean strict?'],
    [['--mode'], '--mode needs a value: --mode MODE', 'none was given'],
    [['--mode', '--quiet', 'ls'], '--mode needs a value: --mode MODE', '--quiet looks like the next option'],
    [['--mode', '--', 'ls'], '--mode needs a value: --mode MODE', '-- looks like the next option'],
    [['--quiet=yes', 'ls'], '--quiet takes no value', 'it was given "yes"'],
    [['--mode', 'strict', '--mode', 'standard', 'ls'], '--mode is given twice', 'with different values'],
    [['--quiet'], 'pinfold go needs COMMAND', 'what to run'],
    [['--quiet', '--'], 'pinfold go needs COMMAND', 'what to run'],
  ])('%j', (words, what, why) => {
    const { code, what: said, why: reason } = refusal(words);
    expect({ code, said, reason }).toEqual({ code: 'ERR_USAGE', said: what, reason: why });
  });

  test('words that a command does not take', () => {
    expect(refusal(['a', 'b'], plain).what).toBe('Unexpected "b"');
    expect(parsed(['a', '--write'], plain)).toEqual({ options: { write: true }, arguments: ['a'] });
  });
});

test('words are taken apart as parseArgs of node:util does', () => {
  const option = { summary: 'made up', placeholder: 'X' };
  const made = {
    name: 'made-up',
    summary: 'made up',
    arguments: [{ name: 'WORD', summary: 'made up', many: true }],
    options: {
      all: { type: 'flag', short: 'a', summary: 'made up' },
      bare: { type: 'flag', short: 'b', summary: 'made up' },
      path: { ...option, type: 'list', short: 'p' },
    },
  } as const satisfies CommandSpec;
  const words = fc.constantFrom(
    '--all',
    '-a',
    '-ab',
    '-bpx',
    '-p',
    '--path',
    '--path=',
    '--path=y',
    '-',
    '--',
    'w',
    '-p=z',
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 6 }), (line) => {
      const { values, positionals } = parseArgs({
        args: line,
        options: {
          all: { type: 'boolean', short: 'a', default: false },
          bare: { type: 'boolean', short: 'b', default: false },
          path: { type: 'string', short: 'p', multiple: true, default: [] },
        },
        strict: false,
        allowPositionals: true,
      });
      // Where a value is missing or looks like an option, we refuse and parseArgs guesses.
      fc.pre(
        values.path!.every((each) => typeof each === 'string' && (each === '-' || !each.startsWith('-'))),
      );
      expect(parseLine('made-up', made, line)).toEqual({
        kind: 'invocation',
        options: { ...values },
        arguments: positionals,
      });
    }),
  );
});

test('a value that is optional may stand alone, and takes no option for its value', () => {
  const spec = {
    name: 'made-up',
    summary: '',
    arguments: [{ name: 'WHAT', summary: '', required: true }],
    options: {
      session: { type: 'value', placeholder: 'ID', optional: true, summary: '' },
      json: { type: 'flag', summary: '' },
    },
  } as const satisfies CommandSpec;
  const session = (...words: string[]) => {
    const line = parseLine('made-up', spec, words);
    return line.kind === 'invocation' && { session: line.options.session, rest: line.arguments };
  };
  expect(session('a')).toEqual({ session: undefined, rest: ['a'] });
  expect(session('a', '--session')).toEqual({ session: '', rest: ['a'] });
  expect(session('a', '--session', '--json')).toEqual({ session: '', rest: ['a'] });
  expect(session('a', '--session', '0mwt')).toEqual({ session: '0mwt', rest: ['a'] });
  expect(session('a', '--session=0mwt')).toEqual({ session: '0mwt', rest: ['a'] });
  expect(() => session('--session', 'a')).toThrow('needs WHAT');
});

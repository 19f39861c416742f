/** What the documents tell people to type is understood, and what they point to is there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Command } from '../src/cli/command.ts';
import { agentAfterOptions } from '../src/cli/commands/agent-commands.ts';
import { COMMANDS } from '../src/cli/commands/index.ts';
import { parseLine } from '../src/cli/parse.ts';
import { isSandboxError } from '../src/errors.ts';

const root = resolve(import.meta.dirname, '..');
const documents = ['README.md', ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })]
  .filter((name) => name.endsWith('.md'))
  .map((name) => (name === 'README.md' ? name : join('docs', name)))
  .sort();
const textOf = (name: string) => readFileSync(join(root, name), 'utf8');

interface Typed {
  readonly line: string;
  /** Of a transcript. */
  readonly answer: string;
}

/** What is typed in fenced blocks: behind `$ ` in a transcript, each line of a script, each item that runs something in YAML. */
function typedIn(text: string): Typed[] {
  return [...text.matchAll(/^```(console|sh|yaml)?\n(.*?)^```$/gms)].flatMap(([, kind, block = '']) => {
    if (kind === 'sh') return block.split('\n').map((line) => ({ line, answer: '' }));
    if (kind === 'yaml')
      return [...block.matchAll(/- (?:run: )?(.*)/g)].map(([, line]) => ({ line: line!, answer: '' }));
    return block.split(/^\$ /m).flatMap((part, index) => {
      const end = part.indexOf('\n');
      return index === 0 ? [] : [{ line: part.slice(0, end), answer: part.slice(end + 1) }];
    });
  });
}

/** The words of each simple command of a line that a shell would read; quotes are taken off, comments and redirections left out. */
function commandsOf(line: string): string[][] {
  const commands: string[][] = [[]];
  for (const [token] of line.matchAll(/(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;|&()'"\\])+|[;|&()]+/g)) {
    if (/^[;|&()]+$/.test(token)) commands.push([]);
    else if (token.startsWith('#')) break;
    else if (!/^\d?[<>]/.test(token))
      commands
        .at(-1)!
        .push(
          token.replace(
            /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
            (_, one, two, escaped) => one ?? escaped ?? two.replace(/\\(.)/g, '$1'),
          ),
        );
  }
  return commands.map((words) => words.slice(words.findIndex((word) => !/^\w+=/.test(word))));
}

function pinfoldCommands(text: string): { words: string[]; answer: string }[] {
  return typedIn(text).flatMap(({ line, answer }) =>
    commandsOf(line)
      .filter(([program]) => program === 'pinfold')
      .map(([, ...words]) => ({ words, answer })),
  );
}

/** Reads the words as the command line does, up to the point at which it would act. */
function read(words: readonly string[]): void {
  if (/^(help|--help|--version)$/.test(words[0] ?? 'help')) return;
  if (words[0]!.startsWith('-') && agentAfterOptions(words) !== undefined) return;
  let command: Command | undefined;
  let at = 0;
  for (let commands: readonly Command[] | undefined = COMMANDS; commands; commands = command.subcommands) {
    const next: Command | undefined = commands.find(({ name }) => name === words[at]);
    if (next === undefined) throw new Error(`no command ${words[at]}`);
    command = next;
    at += 1;
  }
  parseLine(`pinfold ${words.slice(0, at).join(' ')}`, command!, words.slice(at));
}

function refusalOf(words: readonly string[]): string | undefined {
  try {
    read(words);
    return undefined;
  } catch (error) {
    return isSandboxError(error) ? error.code : String(error);
  }
}

describe('what the documents tell people to type', () => {
  const written = documents
    .map((name) => [name, pinfoldCommands(textOf(name))] as const)
    .filter(([, commands]) => commands.length > 0);

  test.each(written)('is understood in %s', (_name, commands) => {
    const answers = commands.map(({ words }) => [words.join(' '), refusalOf(words)]);
    const shown = commands.map(({ words, answer }) => [
      words.join(' '),
      answer.includes('ERR_USAGE') ? 'ERR_USAGE' : undefined,
    ]);
    expect(answers).toEqual(shown);
  });

  test('is found, with what is not understood told apart', () => {
    const text =
      '```sh\nA=1 pinfold run -- sh -c "exit \\"3\\"; x" && pinfold rum | pinfold why b1 # pinfold x\n```\n';
    const commands = pinfoldCommands(text).map(({ words }) => words);
    expect(commands).toEqual([['run', '--', 'sh', '-c', 'exit "3"; x'], ['rum'], ['why', 'b1']]);
    expect(commands.map(refusalOf)).toEqual([undefined, 'Error: no command rum', undefined]);
    expect(refusalOf(['run', '--mode', 'strikt', '--', 'x'])).toBe('ERR_USAGE');
    expect(new Set(written.map(([name]) => name))).toContain('docs/guides/troubleshooting.md');
  });
});

/** As GitHub makes the anchor of a heading. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function brokenLinks(name: string, text = textOf(name)): string[] {
  const links = [...text.replace(/^```.*?^```$/gms, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to!);
  return links.filter((to) => {
    if (/^[a-z]+:/.test(to)) return false;
    const [path, anchor] = to.split('#') as [string, string?];
    const target = path === '' ? join(root, name) : resolve(root, dirname(name), path);
    if (relative(root, target).startsWith('..') || !existsSync(target)) return true;
    if (anchor === undefined) return false;
    return !statSync(target).isFile() || !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
  });
}

describe('what the documents point to', () => {
  test.each(documents)('is there, with its heading, in %s', (name) => {
    expect(brokenLinks(name)).toEqual([]);
  });

  test('is missed where it is not there', () => {
    const text =
      '[a](errors.md) [b](nothing.md) [c](errors.md#misuse) [d](errors.md#nothing) [e](https://example.com) [f](#here)\n# Here\n';
    expect(brokenLinks('docs/git.md', text)).toEqual(['nothing.md', 'errors.md#nothing', '#here']);
  });

  test('holds every guide and every document of docs/, from README.md on', () => {
    const reached = new Set(['README.md']);
    for (const name of reached)
      for (const [, to] of textOf(name).matchAll(/\]\(([^)\s#:]+\.md)(?:#[^)]*)?\)/g))
        reached.add(relative(root, resolve(root, dirname(name), to!)));
    expect(documents.filter((name) => !reached.has(name))).toEqual([]);
  });
});

/** Reads a command's words by its table; what the table does not know is refused with the nearest that it does. */
import { SandboxError } from '../errors.ts';
import { escapeText, hasStrayBytes } from '../policy/printable.ts';
import { nearest } from '../policy/suggestion.ts';
import type { ArgumentSpec, CommandSpec, OptionSpec, OptionTable, OptionValues } from './command.ts';

export type ParsedLine =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'invocation';
      readonly options: OptionValues<OptionTable>;
      readonly arguments: readonly string[];
    };

export function usageError(what: string, why: string, fix: string): SandboxError {
  return new SandboxError('ERR_USAGE', { what, why, fix });
}

const seeHelp = (path: string) => `See ${path} --help`;

/** A word, or a part of one; `index` is that of the word. */
type Token =
  | {
      readonly kind: 'option';
      readonly index: number;
      readonly name: string;
      /** As it was written: `--mode`, `-m`. */
      readonly rawName: string;
      readonly value: string | undefined;
      /** The value stands in the same word: `--mode=strict`, `-mstrict`. */
      readonly inlineValue: boolean;
    }
  | { readonly kind: 'positional'; readonly index: number; readonly value: string }
  | { readonly kind: 'option-terminator'; readonly index: number };

interface Line {
  /** `pinfold config get`, for messages. */
  readonly path: string;
  readonly spec: CommandSpec;
}

/**
 * The words as options and arguments, by the utility conventions of POSIX and GNU. Nothing is judged here: a word that only
 * looks like an option of ours may belong to the command to be run. Not `parseArgs` of node:util, which takes a
 * millisecond of every start.
 */
function tokenise(spec: CommandSpec, words: readonly string[]): readonly Token[] {
  const long = shortNames(spec);
  const takesValue = (name: string) =>
    Object.hasOwn(spec.options, name) && spec.options[name]?.type !== 'flag';
  const tokens: Token[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index]!;
    const start = index;
    const option = (rawName: string, name: string, inline: string | undefined) => {
      const alone = isOptional(spec, name) && (words[index + 1] ?? '-').startsWith('-');
      const next = inline === undefined && takesValue(name) && !alone ? words[++index] : undefined;
      const inlineValue = inline !== undefined;
      tokens.push({ kind: 'option', index: start, name, rawName, value: inline ?? next, inlineValue });
    };
    if (word === '--') {
      tokens.push({ kind: 'option-terminator', index });
      const rest = words.slice(index + 1);
      return [...tokens, ...rest.map((value, at) => positional(value, index + 1 + at))];
    }
    if (word.startsWith('--')) {
      const equals = word.indexOf('=', 3);
      const rawName = equals === -1 ? word : word.slice(0, equals);
      option(rawName, rawName.slice(2), equals === -1 ? undefined : word.slice(equals + 1));
    } else if (word.startsWith('-') && word !== '-') {
      for (let at = 1; at < word.length; at += 1) {
        const name = long.get(word[at]!) ?? word[at]!;
        const rest = takesValue(name) ? word.slice(at + 1) : '';
        option(`-${word[at]}`, name, rest === '' ? undefined : rest);
        if (takesValue(name)) break;
      }
    } else tokens.push(positional(word, index));
  }
  return tokens;
}

function isOptional({ options }: CommandSpec, name: string): boolean {
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  return option !== undefined && option.type !== 'flag' && option.optional === true;
}

function positional(value: string, index: number): Token {
  return { kind: 'positional', index, value };
}

function shortNames(spec: CommandSpec): ReadonlyMap<string, string> {
  const shorts = Object.entries(spec.options).flatMap(([name, { short }]) =>
    short === undefined ? [] : [[short, name] as const],
  );
  return new Map([['h', 'help'], ...shorts]);
}

function refuseUnknown({ path, spec }: Line, token: Token & { kind: 'option' }): never {
  const names = Object.entries(spec.options).filter(([, option]) => option.hidden !== true);
  const near = nearest(token.name, [...names.map(([name]) => name), 'help']);
  throw usageError(
    `Unknown option ${token.rawName}`,
    near === undefined ? `${path} has no such option` : `did you mean --${near}?`,
    seeHelp(path),
  );
}

function refuseChoice(line: Line, what: string, value: string, choices: readonly string[]): never {
  const near = nearest(value, choices);
  throw usageError(
    `${what} cannot be ${JSON.stringify(value)}`,
    near === undefined ? `it is one of ${choices.join(', ')}` : `did you mean ${near}?`,
    `${what} is one of ${choices.join(', ')}. ${seeHelp(line.path)}`,
  );
}

/** Settings, plans and records are text: what could not be said in them is not taken. A command's own words may be anything. */
function refuseStrayBytes(line: Line, what: string, value: string): void {
  if (!hasStrayBytes(value)) return;
  throw usageError(`${what} cannot be ${escapeText(value)}`, 'it is not valid UTF-8', seeHelp(line.path));
}

function readValue(line: Line, spec: OptionSpec, token: Token & { kind: 'option' }): boolean | string {
  const { rawName, value, inlineValue } = token;
  if (spec.type === 'flag') {
    if (value === undefined) return true;
    throw usageError(
      `${rawName} takes no value`,
      `it was given ${JSON.stringify(value)}`,
      seeHelp(line.path),
    );
  }
  if (spec.optional && value === undefined) return '';
  // `--mode --json` is a forgotten value far more often than a value that begins with a dash; `--mode=--json` says so.
  if (value === undefined || (!inlineValue && value.startsWith('-') && value !== '-')) {
    const why = value === undefined ? 'none was given' : `${value} looks like the next option`;
    throw usageError(`${rawName} needs a value: ${rawName} ${spec.placeholder}`, why, seeHelp(line.path));
  }
  refuseStrayBytes(line, rawName, value);
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    refuseChoice(line, rawName, value, spec.choices);
  }
  return value;
}

function refuseCount(line: Line, missing: ArgumentSpec | undefined, extra: string | undefined): void {
  if (missing !== undefined) {
    throw usageError(`${line.path} needs ${missing.name}`, missing.summary, seeHelp(line.path));
  }
  if (extra !== undefined) {
    throw usageError(
      `Unexpected ${JSON.stringify(extra)}`,
      `${line.path} takes no more words`,
      seeHelp(line.path),
    );
  }
}

function checkArguments(line: Line, values: readonly string[]): void {
  const specs = line.spec.arguments ?? [];
  const open = specs.at(-1)?.many === true;
  refuseCount(
    line,
    specs.find((argument, index) => argument.required === true && index >= values.length),
    open ? undefined : values[specs.length],
  );
  values.forEach((value, index) => {
    const { name, choices } = specs[Math.min(index, specs.length - 1)]!;
    if (!line.spec.passThrough) refuseStrayBytes(line, name, value);
    if (choices !== undefined && !choices.includes(value)) refuseChoice(line, name, value, choices);
  });
}

/** Where the words of the command to be run begin, and whether `--` stands before them. */
function splitPassThrough(tokens: readonly Token[], words: readonly string[]) {
  const first = tokens.find((token) => token.kind !== 'option');
  if (first === undefined) return { own: tokens, rest: [] };
  const own = tokens.filter((token) => token.index < first.index);
  return { own, rest: words.slice(first.kind === 'option-terminator' ? first.index + 1 : first.index) };
}

/** Throws ERR_USAGE. `path` is how the command was called: `pinfold config get`. */
export function parseLine(path: string, spec: CommandSpec, words: readonly string[]): ParsedLine {
  if (spec.verbatim) return { kind: 'invocation', options: {}, arguments: words };
  const line: Line = { path, spec };
  const tokens = tokenise(spec, words);
  const { own, rest } = spec.passThrough
    ? splitPassThrough(tokens, words)
    : { own: tokens, rest: tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : [])) };
  const lists = new Map<string, string[]>();
  const options: Record<string, boolean | string | readonly string[] | undefined> = Object.create(null);
  for (const [name, { type }] of Object.entries(spec.options)) {
    if (type === 'list') lists.set(name, []);
    options[name] = type === 'flag' ? false : type === 'list' ? lists.get(name) : undefined;
  }
  for (const token of own) {
    if (token.kind !== 'option') continue;
    if (token.name === 'help' && token.value === undefined) return { kind: 'help' };
    const option = Object.hasOwn(spec.options, token.name) ? spec.options[token.name] : undefined;
    if (option === undefined) refuseUnknown(line, token);
    const value = readValue(line, option, token);
    if (option.type === 'list') lists.get(token.name)!.push(value as string);
    else if (option.type === 'value' && options[token.name] !== undefined && options[token.name] !== value) {
      throw usageError(`${token.rawName} is given twice`, 'with different values', 'Give it once');
    } else options[token.name] = value;
  }
  checkArguments(line, rest);
  // Every value was made by the table: a flag is a boolean, a list an array.
  return { kind: 'invocation', options: options as OptionValues<OptionTable>, arguments: rest };
}

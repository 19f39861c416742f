/** The words of the sandbox profile language (SBPL) that a profile is made of, and how they are written down. */
import { SandboxError } from '../../errors.ts';

/** A filter as text: `(subpath "/usr")`. Made only by the functions below, which quote whatever they are given. */
export type Filter = string & { readonly __brand: 'filter' };

export interface Rule {
  readonly action: 'allow' | 'deny';
  /** `file-read*`, `mach-lookup` … */
  readonly operations: readonly string[];
  /** Any of them suffices. None: the rule holds for everything. */
  readonly filters: readonly Filter[];
}

/** One part of a profile, with what it is for. */
export interface Section {
  readonly title: string;
  readonly rules: readonly Rule[];
}

/**
 * Bytes of one string. sandbox-exec refuses a profile with a string of more than 1,025; the room left is for what the
 * caller cannot see (a string is measured here as it is written, escapes included).
 */
export const LONGEST_STRING = 1000;

/**
 * A string of SBPL. SECURITY: a directory called `x"))(allow file-read*)` must stay a name. Covered by "a path cannot end
 * the string that it stands in".
 */
export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is looked for
  if (/[\u0000-\u001f\u007f]|\p{Cs}/u.test(text)) throw unwritable(text, 'it holds a control character');
  const quoted = `"${text.replace(/["\\]/g, '\\$&')}"`;
  if (Buffer.byteLength(quoted) > LONGEST_STRING) throw unwritable(text, 'it is too long');
  return quoted;
}

function unwritable(text: string, why: string): SandboxError {
  return new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot put ${JSON.stringify(text.slice(0, 200))} into a macOS sandbox profile`,
    why,
    fix: 'Rename the directory, or take the entry out',
  });
}

export function literal(path: string): Filter {
  return `(literal ${quote(path)})` as Filter;
}

export function subpath(path: string): Filter {
  return `(subpath ${quote(path)})` as Filter;
}

/** `source` in the language of glob-regex.ts. */
export function regex(source: string): Filter {
  return `(regex ${quote(source)})` as Filter;
}

/** A filter of one string argument: `(global-name "…")`, `(sysctl-name "…")`. */
export function named(name: string, value: string): Filter {
  return `(${name} ${quote(value)})` as Filter;
}

/** A filter whose argument is a word of the language: `(vnode-type DIRECTORY)`, `(target same-sandbox)`. */
export function word(name: string, value: string | number): Filter {
  return `(${name} ${value})` as Filter;
}

export function all(...filters: readonly Filter[]): Filter {
  return filters.length === 1 ? filters[0]! : (`(require-all ${filters.join(' ')})` as Filter);
}

export function any(...filters: readonly Filter[]): Filter {
  return filters.length === 1 ? filters[0]! : (`(require-any ${filters.join(' ')})` as Filter);
}

export function allow(operations: readonly string[], filters: readonly Filter[] = []): Rule {
  return { action: 'allow', operations, filters };
}

export function deny(operations: readonly string[], filters: readonly Filter[] = []): Rule {
  return { action: 'deny', operations, filters };
}

/** Text of a rule; `message` is what the kernel adds to its report of a refusal. */
function writeRule({ action, operations, filters }: Rule, message: string | undefined): string {
  const head = `(${action} ${operations.join(' ')}`;
  const tail = action === 'deny' && message !== undefined ? [`(with message ${quote(message)})`] : [];
  const parts = [...filters, ...tail];
  if (parts.length === 0) return `${head})`;
  if (parts.length === 1) return `${head} ${parts[0]})`;
  return `${head}\n  ${parts.join('\n  ')})`;
}

export interface ProfileText {
  /** Lines of explanation at the top, without comment signs. */
  readonly preface: readonly string[];
  readonly sections: readonly Section[];
  /** Told by the kernel with each refusal. */
  readonly message?: string;
}

/** The whole profile. What no rule allows is refused. */
export function writeProfile({ preface, sections, message }: ProfileText): string {
  const told = message === undefined ? '' : ` (with message ${quote(message)})`;
  const body = sections
    .filter(({ rules }) => rules.length > 0)
    .flatMap(({ title, rules }) => ['', comment(title), ...rules.map((rule) => writeRule(rule, message))]);
  return [...preface.map(comment), '(version 1)', `(deny default${told})`, ...body, ''].join('\n');
}

/** A line break would end the comment, and what follows would be obeyed. */
function comment(text: string): string {
  return `; ${text.replace(/[^ -~]/g, '?')}`;
}

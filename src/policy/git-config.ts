/**
 * Reads git's configuration format as git does (config.c, `git_parse_source`), and refuses what is doubtful. Texts are of one
 * character for each byte (latin1): names and values need not be UTF-8.
 */

export interface GitConfigEntry {
  /** Lower case. */
  readonly section: string;
  /** As written; undefined: there is none. */
  readonly subsection: string | undefined;
  /** Lower case. */
  readonly name: string;
  /** Undefined for a name alone, which git takes for true. */
  readonly value: string | undefined;
}

/** As `git config --list` names it. */
export function keyOf({ section, subsection, name }: Omit<GitConfigEntry, 'value'>): string {
  return subsection === undefined ? `${section}.${name}` : `${section}.${subsection}.${name}`;
}

const ESCAPED: Readonly<Record<string, string>> = { t: '\t', b: '\b', n: '\n', '\\': '\\', '"': '"' };

/**
 * The entries in their order; undefined for what git refuses, and for what readers of the format might take differently: bytes
 * that end a line for some (CR, NUL), a byte order mark, the old `[section.subsection]`.
 */
export function parseGitConfig(text: string): readonly GitConfigEntry[] | undefined {
  if (text.includes('\r') || text.includes('\0') || text.startsWith('\xef\xbb\xbf')) return undefined;
  const reader = new Reader(text);
  try {
    return reader.entries();
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

class Malformed extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;
  #section: Pick<GitConfigEntry, 'section' | 'subsection'> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  entries(): GitConfigEntry[] {
    const entries: GitConfigEntry[] = [];
    while (this.#at < this.#text.length) {
      const next = this.#take();
      if (next === '\n' || next === ' ' || next === '\t') continue;
      if (next === '#' || next === ';') this.#skipLine();
      else if (next === '[') this.#section = this.#header();
      else if (/[A-Za-z]/.test(next) && this.#section)
        entries.push({ ...this.#section, ...this.#variable(next) });
      else throw new Malformed();
    }
    return entries;
  }

  /** The end of the text ends a line, as for git. */
  #take(): string {
    return this.#text[this.#at++] ?? '\n';
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end === -1 ? this.#text.length : end + 1;
  }

  #header(): Pick<GitConfigEntry, 'section' | 'subsection'> {
    const [, section] = this.#match(/([A-Za-z0-9-]+)/y);
    if (this.#text[this.#at] === ']') {
      this.#at += 1;
      return { section: section!.toLowerCase(), subsection: undefined };
    }
    const [, quoted] = this.#match(/[ \t]+"((?:[^"\\\n]|\\[^\n])*)"\]/y);
    return { section: section!.toLowerCase(), subsection: quoted!.replace(/\\(.)/gs, '$1') };
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (!found) throw new Malformed();
    this.#at = pattern.lastIndex;
    return found;
  }

  #variable(first: string): Pick<GitConfigEntry, 'name' | 'value'> {
    const [rest] = this.#match(/[A-Za-z0-9-]*/y);
    const name = `${first}${rest}`.toLowerCase();
    this.#match(/[ \t]*/y);
    const next = this.#take();
    if (next === '\n') return { name, value: undefined };
    if (next !== '=') throw new Malformed();
    return { name, value: this.#value() };
  }

  #value(): string {
    let value = '';
    let spaces = 0;
    let quoted = false;
    for (;;) {
      let next = this.#take();
      if (next === '\n') {
        if (quoted) throw new Malformed();
        return value;
      }
      if (!quoted && (next === ' ' || next === '\t')) {
        if (value !== '') spaces += 1;
        continue;
      }
      if (!quoted && (next === '#' || next === ';')) {
        this.#skipLine();
        return value;
      }
      value += ' '.repeat(spaces);
      spaces = 0;
      if (next === '"') {
        quoted = !quoted;
        continue;
      }
      if (next === '\\') {
        next = this.#take();
        if (next === '\n') continue;
        const meant = ESCAPED[next];
        if (meant === undefined) throw new Malformed();
        next = meant;
      }
      value += next;
    }
  }
}

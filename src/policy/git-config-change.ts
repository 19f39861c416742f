/**
 * Whether a change of a repository's configuration may be made for somebody who is not trusted: only keys from which git, run
 * later on the host, runs nothing, with values that are what they seem.
 */
import { type GitConfigEntry, keyOf, parseGitConfig } from './git-config.ts';

export type GitConfigJudgement =
  /** `changed`: the keys, in the order of the file. */
  | { readonly kind: 'harmless'; readonly changed: readonly string[] }
  /** `key`: the first that is not harmless; absent: one of the files is not read without doubt. */
  | { readonly kind: 'refused'; readonly key?: string; readonly why: string };

const BOOLEAN = /^(true|false|yes|no|on|off|0|1)$/i;
/** git-check-ref-format(1): no control character, space or `~^:?*[\`. */
const REF = String.raw`[^\s~^:?*[\\]+`;
const REF_STAR = String.raw`[^\s~^:?[\\]+`;
/** The name of a remote; `.` is this repository. What has a colon would be a URL, what begins with a dot or slash a path. */
const REMOTE = /^(\.|[A-Za-z0-9][A-Za-z0-9._/-]*)$/;
const TEXT = /^.{0,256}$/s;
/** No control character; bytes beyond ASCII may be letters of any language. */
const PLAIN = /^[ -~\u0080-\u00ff]*$/;
/** Up to the next part a host must begin with a letter or figure: ssh takes what begins with a dash for an option (CVE-2017-1000117). */
const URLS = [
  /^(https?|git|ssh):\/\/([A-Za-z0-9_][A-Za-z0-9._~%+-]*@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?\/[^\s\\"'`]+$/,
  /^([A-Za-z0-9_][A-Za-z0-9._+-]*@)[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9_~/.][^\s\\"'`]*$/,
];

/**
 * A path of this machine is no harmless URL: to push there runs the hooks of a repository that anybody may have made. Nor is
 * `ext::COMMAND`, nor what decodes to a line break (CVE-2020-5260).
 */
export function isHarmlessUrl(url: string): boolean {
  return (
    PLAIN.test(url) &&
    !url.includes('::') &&
    !/%([01]|7f)/i.test(url) &&
    URLS.some((pattern) => pattern.test(url))
  );
}

interface Harmless {
  readonly value: (value: string) => boolean;
  /** It may be given where there was none, but not be changed, nor taken away: it says where what you push goes. */
  readonly once?: true;
}

const fits = (pattern: RegExp): Harmless => ({ value: (value) => PLAIN.test(value) && pattern.test(value) });

/** By section and name; `*` stands for any subsection. */
const HARMLESS: Readonly<Record<string, Harmless>> = {
  'core.repositoryformatversion': fits(/^[01]$/),
  'core.filemode': fits(BOOLEAN),
  'core.bare': fits(BOOLEAN),
  'core.logallrefupdates': fits(BOOLEAN),
  'core.ignorecase': fits(BOOLEAN),
  'core.precomposeunicode': fits(BOOLEAN),
  'core.symlinks': fits(BOOLEAN),
  'branch.*.remote': fits(REMOTE),
  'branch.*.pushremote': fits(REMOTE),
  'branch.*.merge': fits(new RegExp(`^refs/${REF}$`)),
  'branch.*.rebase': fits(/^(true|false|merges)$/),
  'remote.*.url': { value: isHarmlessUrl, once: true },
  'remote.*.fetch': fits(new RegExp(`^\\+?(HEAD|refs/${REF_STAR}):refs/(remotes|tags)/${REF_STAR}$`)),
  'remote.*.tagopt': fits(/^--(no-)?tags$/),
  'remote.*.prune': fits(BOOLEAN),
  'submodule.*.active': fits(BOOLEAN),
  'submodule.*.url': { value: isHarmlessUrl, once: true },
  'submodule.active': fits(/^\.$/),
  // `!command` is run (CVE-2019-19604).
  'submodule.*.update': fits(/^(checkout|rebase|merge|none)$/),
  'user.name': fits(TEXT),
  'user.email': fits(TEXT),
  'pull.rebase': fits(/^(true|false|merges)$/),
  'pull.ff': fits(/^(true|false|only)$/),
  'push.default': fits(/^(nothing|current|upstream|simple)$/),
  'push.autosetupremote': fits(BOOLEAN),
  'fetch.prune': fits(BOOLEAN),
};

function listed({ section, subsection, name }: GitConfigEntry): Harmless | undefined {
  const key = subsection === undefined ? `${section}.${name}` : `${section}.*.${name}`;
  return Object.hasOwn(HARMLESS, key) ? HARMLESS[key] : undefined;
}

function same(a: GitConfigEntry, b: GitConfigEntry): boolean {
  return keyOf(a) === keyOf(b) && a.value === b.value;
}

/** What is in `list` and not in `other`, each as often as it is there more often. */
function without(list: readonly GitConfigEntry[], other: readonly GitConfigEntry[]): GitConfigEntry[] {
  const left = [...other];
  return list.filter((entry) => {
    const at = left.findIndex((each) => same(each, entry));
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

export interface GitConfigKnown {
  /**
   * As the session found it; default: as it is. What was there then is not even taken away where it may be given only once: it
   * could be given anew, by this session or the next.
   */
  readonly first?: string | undefined;
  /** Of a submodule: what may be said of its working tree, since a `.git` file there leads here. */
  readonly worktree?: string | undefined;
}

/** `before`, `after`: the bytes as latin1; no file is the empty text. */
export function judgeGitConfig(
  before: string,
  after: string,
  { first = before, worktree }: GitConfigKnown = {},
): GitConfigJudgement {
  const harmlessOf = (entry: GitConfigEntry): Harmless | undefined =>
    keyOf(entry) === 'core.worktree' && entry.value === worktree ? { value: () => true } : listed(entry);
  const found = parseGitConfig(first);
  const old = parseGitConfig(before);
  const next = parseGitConfig(after);
  if (old === undefined || found === undefined)
    return { kind: 'refused', why: 'the configuration as it is cannot be read without doubt' };
  if (next === undefined)
    return { kind: 'refused', why: 'what it would become cannot be read without doubt' };
  const added = without(next, old);
  const removed = without(old, next);
  for (const entry of added) {
    const harmless = harmlessOf(entry);
    if (harmless === undefined) return refusal(entry, 'git may run programs, or obey others, by this key');
    if (entry.value === undefined || !harmless.value(entry.value)) {
      return refusal(entry, 'this value of it is not among the harmless ones');
    }
    if (harmless.once && old.some((each) => keyOf(each) === keyOf(entry))) {
      return refusal(entry, 'it is set already, and says where what you push goes');
    }
  }
  const kept = removed.find((entry) => {
    const harmless = harmlessOf(entry);
    return harmless === undefined || (harmless.once && found.some((each) => same(each, entry)));
  });
  if (kept) return refusal(kept, 'only a person takes this key away');
  // What is not harmless must also keep its order: a later line outdoes an earlier one.
  const fixed = (list: readonly GitConfigEntry[]) => list.filter((entry) => harmlessOf(entry) === undefined);
  const [was, is] = [fixed(old), fixed(next)];
  const moved = is.find((entry, index) => !same(entry, was[index]!));
  if (moved) return refusal(moved, 'it would stand in another place');
  return { kind: 'harmless', changed: [...new Set([...added, ...removed].map(keyOf))] };
}

/** What of a configuration may stand, and the keys of what may not, in the order of the file. */
export interface HarmlessPart {
  readonly text: string;
  readonly left: readonly string[];
}

/**
 * The harmless entries of a new repository's configuration, written down anew: so no reader of the format can find more in
 * them. Undefined where the file is not read without doubt.
 */
export function harmlessPart(text: string): HarmlessPart | undefined {
  const entries = parseGitConfig(text);
  if (entries === undefined) return undefined;
  const isHarmless = (entry: GitConfigEntry) =>
    entry.value !== undefined && listed(entry)?.value(entry.value) === true;
  return {
    text: textOf(entries.filter(isHarmless)),
    left: [...new Set(entries.filter((entry) => !isHarmless(entry)).map(keyOf))],
  };
}

/** For the end of a configuration: where the working tree of a submodule is. Throws for what no line can hold. */
export function worktreeLine(value: string): string {
  if (!PLAIN.test(value)) throw new RangeError('the path of its working tree has control characters');
  return textOf([{ section: 'core', subsection: undefined, name: 'worktree', value }]);
}

function textOf(entries: readonly GitConfigEntry[]): string {
  const quote = (word: string) => `"${word.replace(/["\\]/g, '\\$&')}"`;
  let last = '';
  return entries
    .map(({ section, subsection, name, value = '' }) => {
      const header = `[${subsection === undefined ? section : `${section} ${quote(subsection)}`}]\n`;
      const opening = header === last ? '' : header;
      last = header;
      return `${opening}\t${name} = ${/^[A-Za-z0-9+*:./@_-]+$/.test(value) ? value : quote(value)}\n`;
    })
    .join('');
}

function refusal(entry: GitConfigEntry, why: string): GitConfigJudgement {
  return { kind: 'refused', key: keyOf(entry), why };
}

/** Walks trees for names that rules mention: before a run, to protect what is there, and after it, to find what is new. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync } from 'node:fs';
import { type ComponentPattern, compileComponent, foldName } from '../policy/glob-component.ts';
import { descriptorPath } from './descriptor-path.ts';
import type { ScannedPath } from './existing.ts';

export interface TreeScanRequest {
  /** Absolute paths of the directories to walk. */
  readonly roots: readonly string[];
  /** Patterns of single names in the language of globs. A first sieve, blind to case: whoever asks decides about the hits. */
  readonly patterns: readonly string[];
  /** More entries than these are not looked at. Default: 5,000,000. */
  readonly limit?: number;
}

/** Which directory it was, whatever its name is by now. */
export interface DirectoryIdentity {
  /** `st_dev` and `st_ino` of stat(2). */
  readonly device: bigint;
  readonly inode: bigint;
}

export interface TreeScan {
  readonly roots: readonly string[];
  readonly hits: readonly ScannedPath[];
  /** Directories that could not be looked into: unreadable, or with names too long to be told. */
  readonly unseen: readonly string[];
  /** Hits and unseen directories whose path is not UTF-8, so that no plan can name them; readable only for people. */
  readonly unnameable: readonly (ScannedPath & { readonly unseen: boolean })[];
  /** Roots that were not there, or were no directory. */
  readonly missing: readonly string[];
  readonly entries: number;
  /** True when there were more entries than a scan will count. */
  readonly cutShort: boolean;
  /** The roots that were walked, as they were found. */
  readonly walked: ReadonlyMap<string, DirectoryIdentity>;
}

/** linux/limits.h; a longer path cannot be named in a system call. */
const PATH_MAX = 4096;
/** No path is longer than PATH_MAX, so none is deeper. */
const MAX_DEPTH = PATH_MAX / 2;
const DEFAULT_LIMIT = 5_000_000;

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** git's own stores hold many files and no name that a rule could mean. */
const GIT_STORES: ReadonlySet<string> = new Set(['objects', 'lfs', 'logs']);

/**
 * Paths and names are strings of bytes (latin1) on the way, so that those which are not UTF-8 lose nothing.
 *
 * SECURITY: each directory is opened from the descriptor of the one that holds it and without following a link, so that a
 * session that runs meanwhile cannot lead the walk elsewhere by exchanging a directory for a link.
 */
class Walk implements TreeScan {
  readonly hits: ScannedPath[] = [];
  readonly unseen: string[] = [];
  readonly unnameable: (ScannedPath & { unseen: boolean })[] = [];
  readonly missing: string[] = [];
  readonly walked = new Map<string, DirectoryIdentity>();
  entries = 0;
  cutShort = false;
  readonly #wants: (name: string) => boolean;
  readonly #limit: number;

  readonly roots: readonly string[];

  constructor({ roots, patterns, limit = DEFAULT_LIMIT }: TreeScanRequest) {
    this.roots = roots;
    this.#wants = sieve(patterns);
    this.#limit = limit;
  }

  root(path: string): void {
    const bytes = Buffer.from(path).toString('latin1');
    const descriptor = this.#open(path, bytes, ['ENOENT', 'ENOTDIR', 'ELOOP']);
    if (descriptor === undefined) return;
    if (descriptor === 'absent') {
      this.missing.push(path);
      return;
    }
    try {
      const { dev: device, ino: inode } = fstatSync(descriptor, { bigint: true });
      this.walked.set(path, { device, inode });
      this.#directory(descriptor, bytes, 0);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Undefined, and told as unseen, for what is there and cannot be opened: its owner inside could, and write there. */
  #open(path: string | Buffer, bytes: string, absent: readonly string[]): number | 'absent' | undefined {
    try {
      return openSync(path, DIRECTORY);
    } catch (error) {
      if (absent.includes((error as NodeJS.ErrnoException).code ?? '')) return 'absent';
      this.#tell(bytes, { directory: true, unseen: true });
      return undefined;
    }
  }

  #directory(descriptor: number, path: string, depth: number): void {
    const here = descriptorPath(descriptor);
    const entries = depth < MAX_DEPTH ? readEntries(here) : undefined;
    if (entries === undefined) {
      this.#tell(path, { directory: true, unseen: true });
      return;
    }
    this.entries += entries.length;
    if (this.entries > this.#limit) this.cutShort = true;
    const longest = PATH_MAX - 2 - path.length;
    const wants = this.#wants;
    let tooLong = false;
    for (const entry of entries) {
      const { name } = entry;
      const directory = entry.isDirectory();
      const wanted = wants(name);
      if (!directory && !wanted && name.length <= longest) continue;
      if (this.cutShort) return;
      if (name.length > longest) {
        tooLong = true;
        continue;
      }
      if (wanted) this.#tell(`${path}/${name}`, { directory, unseen: false });
      if (directory && !isStore(path, name)) this.#descend(here, path, name, depth + 1);
    }
    if (tooLong) this.#tell(path, { directory: true, unseen: true });
  }

  #descend(parent: string, parentPath: string, name: string, depth: number): void {
    const path = `${parentPath}/${name}`;
    // What went away a moment ago holds nothing.
    const child = this.#open(Buffer.from(`${parent}/${name}`, 'latin1'), path, ['ENOENT']);
    if (child === undefined || child === 'absent') return;
    try {
      this.#directory(child, path, depth);
    } finally {
      closeSync(child);
    }
  }

  #tell(
    bytes: string,
    { directory, unseen }: { readonly directory: boolean; readonly unseen: boolean },
  ): void {
    const path = decode(bytes);
    if (Buffer.from(path).toString('latin1') !== bytes) this.unnameable.push({ path, directory, unseen });
    else if (unseen) this.unseen.push(path);
    else this.hits.push({ path, directory });
  }
}

/** Synchronous, since a turn of the thread pool for each directory costs more than the look itself. */
export function scanTrees(request: TreeScanRequest): TreeScan {
  const walk = new Walk(request);
  for (const root of request.roots) walk.root(root);
  return walk;
}

interface Entry {
  readonly name: string;
  isDirectory(): boolean;
}

/** Undefined for a directory that cannot be read. */
function readEntries(directory: string): readonly Entry[] | undefined {
  try {
    return readdirSync(directory, { withFileTypes: true, encoding: 'latin1' });
  } catch {
    // Where a file system gives no types, Node asks for each by the name as text, which fails for one beyond ASCII.
    return askEach(directory);
  }
}

function askEach(directory: string): readonly Entry[] | undefined {
  try {
    return readdirSync(directory, { encoding: 'latin1' }).map((name) => {
      const path = Buffer.from(`${directory}/${name}`, 'latin1');
      return { name, isDirectory: () => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true };
    });
  } catch {
    return undefined;
  }
}

function isStore(parent: string, name: string): boolean {
  return GIT_STORES.has(name) && parent.endsWith('/.git');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII.
const BEYOND_ASCII = /[^\x00-\x7f]/;

function decode(bytes: string): string {
  return BEYOND_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

/** What every name of a pattern begins and ends with, in small letters; empty where that is not plain to see. */
function plainEnds(pattern: string): readonly [head: string, tail: string] {
  if (/[[\]\\]/.test(pattern) || BEYOND_ASCII.test(pattern)) return ['', ''];
  const parts = pattern.toLowerCase().split(/[*?]/);
  return [parts[0] ?? '', parts.at(-1) ?? ''];
}

/**
 * Whether some rule may mean a name, in either way in which rules compare names. Asked for every name of a project by code
 * that V8 does not optimise, so nearly all of them pass after a handful of calls.
 */
function sieve(patterns: readonly string[]): (name: string) => boolean {
  const exact = new Set<string>();
  const open: { head: string; tail: string; forms: readonly ComponentPattern[] }[] = [];
  for (const pattern of patterns) {
    const blind = compileComponent(pattern, true);
    if (blind.literal !== undefined) exact.add(foldName(blind.literal));
    else {
      const [head, tail] = plainEnds(pattern);
      open.push({ head, tail, forms: [blind, compileComponent(pattern, false)] });
    }
  }
  return (bytes) => {
    const plain = !BEYOND_ASCII.test(bytes);
    const name = plain ? bytes : decode(bytes);
    const folded = plain ? bytes.toLowerCase() : foldName(name);
    if (exact.has(folded)) return true;
    for (const { head, tail, forms } of open) {
      if (plain && !(folded.endsWith(tail) && folded.startsWith(head))) continue;
      if (forms.some((form) => form.matches(name))) return true;
    }
    return false;
  };
}

/** Walks trees for names that rules mention: before a run, to protect what is there, and after it, to find what is new. */
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { descriptorPath } from './descriptor-path.ts';
import type { ScannedPath } from './existing.ts';
import { decodeName, sieve } from './name-sieve.ts';
import { readEntries } from './named-entries.ts';
import { isUnchanged, keepsTimes, MOST_SEEN, type SeenDirectory, seenNow } from './seen-directories.ts';

export interface TreeScanRequest {
  /** Absolute paths of the directories to walk. */
  readonly roots: readonly string[];
  /** Patterns of single names in the language of globs. A first sieve, blind to case: whoever asks decides about the hits. */
  readonly patterns: readonly string[];
  /** More entries than these are not looked at. Default: 5,000,000. */
  readonly limit?: number;
  /** An earlier scan for the same patterns: where nothing can have changed since, nothing is read again. */
  readonly since?: Pick<TreeScan, 'seen'> | undefined;
  /** Milliseconds; what changed shortly before is read again by a later scan. Default: the clock's. */
  readonly now?: number;
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
  readonly directories: number;
  /** Those of them that were read, since no earlier scan had seen them as they are. */
  readonly read: number;
  /** True when there were more entries than a scan will count. */
  readonly cutShort: boolean;
  /** The roots that were walked, as they were found. */
  readonly walked: ReadonlyMap<string, DirectoryIdentity>;
  /** For a later scan: what was found of each root. */
  readonly seen: ReadonlyMap<string, SeenDirectory>;
}

/** linux/limits.h; a longer path cannot be named in a system call. */
const PATH_MAX = 4096;
/** No path is longer than PATH_MAX, so none is deeper. */
const MAX_DEPTH = PATH_MAX / 2;
const DEFAULT_LIMIT = 5_000_000;

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** git's own stores hold many files and no name that a rule could mean. */
const GIT_STORES: ReadonlySet<string> = new Set(['lfs', 'logs']);
/** In this one there is a directory with such names. */
const GIT_OBJECTS = { directory: '/.git/objects', looked: 'info' } as const;

/** A directory on the way. */
interface Opened {
  readonly descriptor: number;
  readonly path: string;
  readonly depth: number;
  readonly found: SeenDirectory;
  /** What an earlier scan found here, and whether it is still so. */
  readonly before: SeenDirectory | undefined;
  readonly same: boolean;
}

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
  readonly seen = new Map<string, SeenDirectory>();
  entries = 0;
  directories = 0;
  read = 0;
  cutShort = false;
  readonly #wants: (name: string) => boolean;
  readonly #limit: number;
  readonly #since: Pick<TreeScan, 'seen'> | undefined;
  readonly #now: number;
  #kept = 0;

  readonly roots: readonly string[];

  constructor({ roots, patterns, limit = DEFAULT_LIMIT, since, now = Date.now() }: TreeScanRequest) {
    this.roots = roots;
    this.#wants = sieve(patterns);
    this.#limit = limit;
    this.#since = since;
    this.#now = now;
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
      const stats = fstatSync(descriptor, { bigint: true });
      const found = seenNow(stats, this.#now);
      this.walked.set(path, { device: found.device, inode: found.inode });
      if (keepsTimes(path)) this.seen.set(path, found);
      const before = this.#since?.seen.get(path);
      this.#directory({ descriptor, path: bytes, depth: 0, found, before, same: isSame(before, stats) });
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

  #directory(at: Opened): void {
    if (at.same && at.before) this.#again(at, at.before);
    else this.#read(at);
  }

  /** Nothing in it changed: only what lies further down may have. */
  #again(at: Opened, before: SeenDirectory): void {
    at.found.entries = before.entries;
    at.found.hits = before.hits;
    this.#recall(at.path, before);
    if (before.below === undefined || this.cutShort) return;
    const here = descriptorPath(at.descriptor);
    for (const name of before.below.keys()) this.#descend(here, at, name);
  }

  /** What was found in a directory that did not change is in it still. */
  #recall(path: string, { entries, hits }: SeenDirectory): void {
    this.#count(entries);
    for (const { name, directory } of hits ?? []) this.#hit(path, name, directory);
  }

  #hit(path: string, name: string, directory: boolean): void {
    this.#tell(`${path}/${name}`, { directory, unseen: false });
  }

  #count(entries: number): void {
    this.directories++;
    this.entries += entries;
    if (this.entries > this.#limit) this.cutShort = true;
  }

  #read(at: Opened): void {
    const { descriptor, path, depth, found } = at;
    const here = descriptorPath(descriptor);
    const entries = depth < MAX_DEPTH ? readEntries(here) : undefined;
    if (entries === undefined) {
      found.changed = undefined;
      this.#tell(path, { directory: true, unseen: true });
      return;
    }
    this.read++;
    found.entries = entries.length;
    this.#count(entries.length);
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
      if (wanted) {
        found.hits ??= [];
        found.hits.push({ name, directory });
        this.#hit(path, name, directory);
      }
      if (directory && !isStore(path, name)) this.#descend(here, at, name);
    }
    if (!tooLong) return;
    found.changed = undefined;
    this.#tell(path, { directory: true, unseen: true });
  }

  #descend(parent: string, above: Opened, name: string): void {
    const path = `${above.path}/${name}`;
    const there = Buffer.from(`${parent}/${name}`, 'latin1');
    const before = above.before?.below?.get(name);
    // Without a directory in it there is no reason to open what did not change.
    if (before && before.below === undefined && this.#isSettled(there, before)) {
      this.#keep(above.found, name, before);
      this.#recall(path, before);
      return;
    }
    const descriptor = this.#open(there, path, ['ENOENT']);
    // What went away a moment ago holds nothing.
    if (descriptor === undefined || descriptor === 'absent') {
      above.found.changed = undefined;
      return;
    }
    try {
      const stats = fstatSync(descriptor, { bigint: true });
      const found = seenNow(stats, this.#now);
      this.#keep(above.found, name, found);
      const same = isSame(before, stats);
      this.#directory({ descriptor, path, depth: above.depth + 1, found, before, same });
    } finally {
      closeSync(descriptor);
    }
  }

  #isSettled(path: Buffer, before: SeenDirectory): boolean {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() === true && isUnchanged(before, stats);
  }

  /** SECURITY: what is not kept would not be looked into again, so the directory that holds it must be read anew. */
  #keep(parent: SeenDirectory, name: string, found: SeenDirectory): void {
    // Another file system may keep no times of its own.
    if (this.#kept >= MOST_SEEN || found.device !== parent.device) {
      parent.changed = undefined;
      return;
    }
    this.#kept++;
    parent.below ??= new Map();
    parent.below.set(name, found);
  }

  #tell(
    bytes: string,
    { directory, unseen }: { readonly directory: boolean; readonly unseen: boolean },
  ): void {
    const path = decodeName(bytes);
    if (Buffer.from(path).toString('latin1') !== bytes) this.unnameable.push({ path, directory, unseen });
    else if (unseen) this.unseen.push(path);
    else this.hits.push({ path, directory });
  }
}

function isSame(before: SeenDirectory | undefined, stats: BigIntStats): boolean {
  return before !== undefined && isUnchanged(before, stats);
}

/** Synchronous, since a turn of the thread pool for each directory costs more than the look itself. */
export function scanTrees(request: TreeScanRequest): TreeScan {
  const walk = new Walk(request);
  for (const root of request.roots) walk.root(root);
  return walk;
}

function isStore(parent: string, name: string): boolean {
  if (parent.endsWith(GIT_OBJECTS.directory)) return name !== GIT_OBJECTS.looked;
  return GIT_STORES.has(name) && parent.endsWith('/.git');
}

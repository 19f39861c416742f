/** Walks trees for names that rules mention: before a run, to protect what is there, and after it, to find what is new. */
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { descriptorPath } from './descriptor-path.ts';
import { isStore } from './git-stores.ts';
import { sieve } from './name-sieve.ts';
import { readEntries } from './named-entries.ts';
import { ScanFindings, type TreeScan } from './scan-findings.ts';
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

/** linux/limits.h; a longer path cannot be named in a system call. */
const PATH_MAX = 4096;
/** No path is longer than PATH_MAX, so none is deeper. */
const MAX_DEPTH = PATH_MAX / 2;
const DEFAULT_LIMIT = 5_000_000;

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

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
class Walk {
  readonly #findings: ScanFindings;
  readonly #wants: (name: string) => boolean;
  readonly #since: Pick<TreeScan, 'seen'> | undefined;
  readonly #now: number;
  #kept = 0;

  constructor(
    { patterns, since, now = Date.now() }: Omit<TreeScanRequest, 'roots' | 'limit'>,
    findings: ScanFindings,
  ) {
    this.#findings = findings;
    this.#wants = sieve(patterns);
    this.#since = since;
    this.#now = now;
  }

  root(path: string): void {
    const bytes = Buffer.from(path).toString('latin1');
    const descriptor = this.#open(path, bytes, ['ENOENT', 'ENOTDIR', 'ELOOP']);
    if (descriptor === undefined) return;
    if (descriptor === 'absent') {
      this.#findings.missing.push(path);
      return;
    }
    try {
      const stats = fstatSync(descriptor, { bigint: true });
      const found = seenNow(stats, this.#now);
      this.#findings.walked.set(path, { device: found.device, inode: found.inode });
      if (keepsTimes(path)) this.#findings.seen.set(path, found);
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
      this.#findings.addUnseen(bytes);
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
    if (before.below === undefined || this.#findings.cutShort) return;
    const here = descriptorPath(at.descriptor);
    for (const name of before.below.keys()) this.#descend(here, at, name);
  }

  /** What was found in a directory that did not change is in it still. */
  #recall(path: string, { entries, hits }: SeenDirectory): void {
    this.#findings.count(entries);
    for (const { name, directory } of hits ?? []) this.#findings.addHit(path, name, directory);
  }

  #read(at: Opened): void {
    const { descriptor, path, depth, found } = at;
    const here = descriptorPath(descriptor);
    const entries = depth < MAX_DEPTH ? readEntries(here) : undefined;
    if (entries === undefined) {
      found.changed = undefined;
      this.#findings.addUnseen(path);
      return;
    }
    this.#findings.read++;
    found.entries = entries.length;
    this.#findings.count(entries.length);
    const longest = PATH_MAX - 2 - path.length;
    const wants = this.#wants;
    let tooLong = false;
    for (const entry of entries) {
      const { name } = entry;
      const directory = entry.isDirectory();
      const wanted = wants(name);
      if (!directory && !wanted && name.length <= longest) continue;
      if (this.#findings.cutShort) return;
      if (name.length > longest) {
        tooLong = true;
        continue;
      }
      if (wanted) {
        found.hits ??= [];
        found.hits.push({ name, directory });
        this.#findings.addHit(path, name, directory);
      }
      if (directory && !isStore(path, name)) this.#descend(here, at, name);
    }
    if (!tooLong) return;
    found.changed = undefined;
    this.#findings.addUnseen(path);
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
}

function isSame(before: SeenDirectory | undefined, stats: BigIntStats): boolean {
  return before !== undefined && isUnchanged(before, stats);
}

/** Synchronous, since a turn of the thread pool for each directory costs more than the look itself. */
export function scanTrees(request: TreeScanRequest): TreeScan {
  const { roots, limit = DEFAULT_LIMIT } = request;
  const findings = new ScanFindings(roots, limit);
  const walk = new Walk(request, findings);
  for (const root of roots) walk.root(root);
  return findings;
}

/** What a scan saw, kept for the next run: a project of 100,000 files is then looked at by its directories, not by its files. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../policy/sha256.ts';
import type { TreeScan } from './scan-findings.ts';
import { outlivesMount, type SeenDirectory, type SeenName } from './seen-directories.ts';
import type { TreeScanRequest } from './tree-scan.ts';

/** Of the file; what another version wrote is not read. */
const VERSION = 1;
/** A tree with fewer names is read as fast as the memory of it. */
const FEWEST_ENTRIES = 1000;
/** It is written anew when more than this part of the directories had to be read. */
const STALE = 0.05;
/** Projects whose scans are kept. */
const MOST_FILES = 32;

/** Inode, time of change (0: to be read again), number of names, those that rules mean, directories by name. Numbers of 64 bits are text. */
type Row = readonly [string, string | 0, number, readonly NameRow[] | 0, Readonly<Record<string, Row>> | 0];
type NameRow = readonly [name: string, directory: 0 | 1];

interface Stored {
  readonly version: number;
  readonly patterns: readonly string[];
  /** By path: the device, and the directory. */
  readonly roots: Readonly<Record<string, readonly [device: string, Row]>>;
}

function toRow({ inode, changed, entries, hits, below }: SeenDirectory): Row {
  const names = hits?.map(({ name, directory }): NameRow => [name, directory ? 1 : 0]) ?? 0;
  const inner = below && Object.fromEntries([...below].map(([name, each]) => [name, toRow(each)]));
  return [String(inode), changed === undefined ? 0 : String(changed), entries, names, inner ?? 0];
}

function fromRow(device: bigint, [inode, changed, entries, names, inner]: Row): SeenDirectory {
  return {
    device,
    inode: BigInt(inode),
    changed: changed === 0 ? undefined : BigInt(changed),
    entries,
    hits: names === 0 ? undefined : names.map(([name, is]): SeenName => ({ name, directory: is === 1 })),
    below:
      inner === 0
        ? undefined
        : new Map(Object.entries(inner).map(([name, row]) => [name, fromRow(device, row)])),
  };
}

/**
 * The memory of one run's trees. SECURITY: it lies in Pinfold's state directory, which nothing inside can write, and each
 * directory is compared with what is there before it is believed (seen-directories.ts).
 */
export class ScanMemory {
  /** For `scanTrees`; undefined where nothing is remembered for these trees and patterns. */
  readonly since: Pick<TreeScan, 'seen'> | undefined;
  readonly #directory: string;
  readonly #path: string;
  readonly #patterns: readonly string[];
  readonly #outlives: (path: string) => boolean;

  /**
   * `stateDir`: Pinfold's own. What cannot be read, or is damaged, is not remembered. `outlives`: whether the times on the file
   * system of a root mean the same in a later run; default: as its kind says.
   */
  constructor(stateDir: string, { roots, patterns }: TreeScanRequest, outlives = outlivesMount) {
    this.#outlives = outlives;
    this.#directory = join(stateDir, 'scans');
    this.#path = join(this.#directory, `${sha256(roots.join('\0')).slice(0, 32)}.json`);
    this.#patterns = patterns;
    this.since = this.#recall();
  }

  /** `scan`: the last one of the run, which knew what the first had seen; `read`: directories that the first had to read. */
  keep(scan: TreeScan, read: number): void {
    if (scan.cutShort || scan.entries < FEWEST_ENTRIES || read <= scan.directories * STALE) return;
    const roots = [...scan.seen].filter(([path]) => this.#outlives(path));
    const stored: Stored = {
      version: VERSION,
      patterns: this.#patterns,
      roots: Object.fromEntries(roots.map(([path, seen]) => [path, [String(seen.device), toRow(seen)]])),
    };
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const draft = `${this.#path}.${process.pid}.new`;
      writeFileSync(draft, JSON.stringify(stored), { mode: 0o600 });
      renameSync(draft, this.#path);
      this.#prune();
    } catch {
      // Only slower: the next run reads the trees again.
    }
  }

  #recall(): Pick<TreeScan, 'seen'> | undefined {
    try {
      const stored: Stored = JSON.parse(readFileSync(this.#path, 'utf8'));
      if (stored.version !== VERSION || !isSame(stored.patterns, this.#patterns)) return undefined;
      const roots = Object.entries(stored.roots);
      return { seen: new Map(roots.map(([path, [device, row]]) => [path, fromRow(BigInt(device), row)])) };
    } catch {
      return undefined;
    }
  }

  #prune(): void {
    const names = readdirSync(this.#directory);
    if (names.length <= MOST_FILES) return;
    const aged = names
      .map((name) => join(this.#directory, name))
      .map((path) => ({ path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => b.time - a.time);
    for (const { path } of aged.slice(MOST_FILES)) rmSync(path, { force: true });
  }
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each, index) => each === right[index]);
}

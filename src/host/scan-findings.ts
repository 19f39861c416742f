/** What a scan of trees found, collected while it walks. */
import type { ScannedPath } from './existing.ts';
import { decodeName } from './name-sieve.ts';
import type { SeenDirectory } from './seen-directories.ts';

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

/** Paths come as strings of bytes (latin1), so that those which are not UTF-8 lose nothing. */
export class ScanFindings implements TreeScan {
  readonly roots: readonly string[];
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
  readonly #limit: number;

  /** `limit`: entries that are looked at. */
  constructor(roots: readonly string[], limit: number) {
    this.roots = roots;
    this.#limit = limit;
  }

  /** A directory with so many entries. */
  count(entries: number): void {
    this.directories++;
    this.entries += entries;
    if (this.entries > this.#limit) this.cutShort = true;
  }

  addHit(parent: string, name: string, directory: boolean): void {
    const bytes = `${parent}/${name}`;
    const path = decodeName(bytes);
    if (isNamed(path, bytes)) this.hits.push({ path, directory });
    else this.unnameable.push({ path, directory, unseen: false });
  }

  /** Of a directory. */
  addUnseen(bytes: string): void {
    const path = decodeName(bytes);
    if (isNamed(path, bytes)) this.unseen.push(path);
    else this.unnameable.push({ path, directory: true, unseen: true });
  }
}

/** Whether the path as it is read is the one that is meant. */
function isNamed(path: string, bytes: string): boolean {
  return Buffer.from(path).toString('latin1') === bytes;
}

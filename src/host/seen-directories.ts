/** What a walk keeps of the directories it read, so that a later one reads again only those in which something may have changed. */
import { type BigIntStats, statfsSync } from 'node:fs';

/** One name in a directory that a rule may mean, by its bytes (latin1). */
export interface SeenName {
  readonly name: string;
  readonly directory: boolean;
}

/**
 * Names that come, go or are moved change the time of change of the directory that holds them. SECURITY: nobody can set
 * that time (inode(7)), unlike the time of modification; so one that is the same means the same names.
 */
export interface SeenDirectory {
  readonly device: bigint;
  readonly inode: bigint;
  /** Nanoseconds; undefined where it proves nothing, or not all that is in it is known. */
  changed: bigint | undefined;
  /** Names in it. */
  entries: number;
  /** Those of them that a rule may mean; made when there is one. */
  hits: SeenName[] | undefined;
  /** The directories in it that were looked into, by the bytes of their names; made when there is one. */
  below: Map<string, SeenDirectory> | undefined;
}

/** Nanoseconds: a change may carry the time of an earlier one within the kernel's tick (10 ms at most), or on a coarse disk within 2 s. */
const TICK = 2_000_000_000n;

/** linux/magic.h: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, bcachefs, ZFS. Others may take that time from elsewhere, or make it up. */
const KEEPS_TIMES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0xca451a4e, 0x2fc12fc1,
]);

/** Directories that one walk keeps; a larger tree is read anew beyond them. Each takes some 200 bytes. */
export const MOST_SEEN = 50_000;

/** Whether the file system that holds `path` keeps the times of its directories itself. */
export function keepsTimes(path: string): boolean {
  try {
    return KEEPS_TIMES.has(statfsSync(path).type);
  } catch {
    return false; // Only slower.
  }
}

/** linux/magic.h: what lies under an overlay may be changed while it is not mounted, and its own times do not show that. */
const OVERLAY = 0x794c7630;

/** Whether times on the file system that holds `path` mean the same names after it was mounted anew. */
export function outlivesMount(path: string): boolean {
  try {
    return statfsSync(path).type !== OVERLAY;
  } catch {
    return false; // Only slower.
  }
}

/** `now`: milliseconds, from before the directory is read. */
export function seenNow({ dev, ino, ctimeNs }: BigIntStats, now: number): SeenDirectory {
  const settled = ctimeNs + TICK < BigInt(now) * 1_000_000n;
  return {
    device: dev,
    inode: ino,
    changed: settled ? ctimeNs : undefined,
    entries: 0,
    hits: undefined,
    below: undefined,
  };
}

/** Whether the directory that is there now is `before`, with the same names in it. */
export function isUnchanged(before: SeenDirectory, { dev, ino, ctimeNs }: BigIntStats): boolean {
  return before.changed === ctimeNs && before.inode === ino && before.device === dev;
}

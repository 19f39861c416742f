/**
 * How much of a disk a directory takes that others write to meanwhile. SECURITY: whoever writes there may swap a directory for a
 * link that leads elsewhere; each is opened beneath the one before it, and no link is followed (disk-usage.test.ts).
 */
import { closeSync, constants, lstatSync, opendirSync, openSync } from 'node:fs';
import { setImmediate as immediately } from 'node:timers/promises';

/** Of directories in each other, each of which is held open. Nobody's cache is as deep, and what is deeper is not measured. */
const DEEPEST = 256;
/** Milliseconds for which this process does nothing else. */
const SLICE = 2;
/** Of st_blocks (stat(2)). */
const BLOCK = 512;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** What becomes of a directory that was removed or swapped meanwhile. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP']);

export interface DiskUsage {
  /** Allocated; what has several names counts once. */
  readonly bytes: number;
  /** Milliseconds that it took of this process. */
  readonly spentMs: number;
  /** A directory that could not be looked into, or is too deep: more may be in it. */
  readonly unseen: string | undefined;
}

class Walk {
  bytes = 0;
  unseen: string | undefined;
  readonly #linked = new Set<string>();

  /** Yields after each entry. Names are bytes, as latin1. */
  *directory(path: string, shown: string, depth: number): Generator<void> {
    const opened = this.#open(path, shown, depth);
    if (opened === undefined) return;
    const here = `/proc/self/fd/${opened}`;
    try {
      const entries = opendirSync(here, { encoding: 'latin1', bufferSize: 64 });
      try {
        for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
          if (this.#count(`${here}/${entry.name}`)) {
            yield* this.directory(`${here}/${entry.name}`, `${shown}/${entry.name}`, depth + 1);
          }
          yield;
        }
      } finally {
        entries.closeSync();
      }
    } catch (error) {
      this.#miss(error, shown);
    } finally {
      closeSync(opened);
    }
  }

  #miss(error: unknown, shown: string): void {
    if (!GONE.has((error as NodeJS.ErrnoException).code ?? '')) this.unseen ??= shown;
  }

  #open(path: string, shown: string, depth: number): number | undefined {
    if (depth > DEEPEST) {
      this.unseen ??= shown;
      return undefined;
    }
    try {
      return openSync(Buffer.from(path, 'latin1'), DIRECTORY);
    } catch (error) {
      this.#miss(error, shown);
      return undefined;
    }
  }

  /** Whether it is a directory. */
  #count(path: string): boolean {
    const stat = lstatSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false });
    if (stat === undefined) return false;
    const link = !stat.isDirectory() && stat.nlink > 1 ? `${stat.dev}:${stat.ino}` : undefined;
    if (link !== undefined && this.#linked.has(link)) return false;
    if (link !== undefined) this.#linked.add(link);
    this.bytes += stat.blocks * BLOCK;
    return stat.isDirectory();
  }
}

/** A directory that is not there takes nothing. `stopped` is asked now and then; what was found until then is the answer. */
export async function diskUsage(root: string, stopped: () => boolean = () => false): Promise<DiskUsage> {
  const walk = new Walk();
  const steps = walk.directory(Buffer.from(root).toString('latin1'), root, 0);
  let spentMs = 0;
  for (;;) {
    const from = performance.now();
    let done = stopped();
    while (!done && performance.now() - from < SLICE) done = steps.next().done === true;
    spentMs += performance.now() - from;
    if (done) break;
    await immediately();
  }
  steps.return(undefined);
  return { bytes: walk.bytes, spentMs, unseen: walk.unseen };
}

/** Keeps `limits.disk`, which no kernel has a limit for that a user may set: measures what the private places take. */
import { statfsSync } from 'node:fs';
import { diskUsage } from '../host/disk-usage.ts';

/** Milliseconds between two looks at how full the disk is, which cost nothing. */
const EVERY = 250;
/** How much longer than a measurement took nothing is measured: at leisure, and when the disk gets fuller. */
const [LEISURE, HASTE] = [20, 4];

export interface Found {
  readonly path: string;
  /** Undefined: it cannot be measured, which counts as more than is allowed. */
  readonly bytes: number | undefined;
}

/** Bytes that are free on the disk of `path`. */
function freeAt(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    // It is not there yet.
    return 0;
  }
}

/** Measures `places` until it is told to stop, or finds more than `limit` bytes in them together. */
export class DiskWatch {
  readonly #places: readonly string[];
  readonly #limit: number;
  readonly #onExceeded: (found: Found) => void;
  readonly #timer: NodeJS.Timeout;
  #measuring = false;
  #stopped = false;
  #bytes = 0;
  #spentMs = 0;
  #measured = Number.NEGATIVE_INFINITY;
  #free = 0;

  constructor(places: readonly string[], limit: number, onExceeded: (found: Found) => void) {
    this.#places = places;
    this.#limit = limit;
    this.#onExceeded = onExceeded;
    this.#timer = setInterval(() => this.#look(), EVERY).unref();
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#measuring || this.#stopped) return;
    const idle = performance.now() - this.#measured;
    // Others may have freed what was written here, so this only hastens what comes anyway.
    const fuller = this.#free - this.#freeNow() >= (this.#limit - this.#bytes) / 2;
    if (idle >= this.#spentMs * (fuller ? HASTE : LEISURE)) void this.#measure();
  }

  #freeNow(): number {
    return this.#places.reduce((sum, place) => sum + freeAt(place), 0);
  }

  async #measure(): Promise<void> {
    this.#measuring = true;
    const free = this.#freeNow();
    let [bytes, spentMs] = [0, 0];
    let most: Found | undefined;
    for (const path of this.#places) {
      const usage = await diskUsage(path, () => this.#stopped);
      if (this.#stopped) return;
      spentMs += usage.spentMs;
      bytes += usage.bytes;
      if (usage.unseen !== undefined) most = { path: usage.unseen, bytes: undefined };
      else if (most === undefined || (most.bytes ?? usage.bytes) < usage.bytes) {
        most = { path, bytes: usage.bytes };
      }
    }
    [this.#bytes, this.#spentMs, this.#free] = [bytes, spentMs, free];
    this.#measured = performance.now();
    this.#measuring = false;
    if (most === undefined || (bytes <= this.#limit && most.bytes !== undefined)) return;
    this.stop();
    this.#onExceeded(most);
  }
}

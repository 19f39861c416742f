/**
 * The second and third net for names from which the host runs code: a watch while the session runs, a sweep at its end.
 * The first, the supervisor's refusal, is decided outside the kernel and can be raced; whatever wins that race is moved
 * into the session's quarantine and ends the session.
 */
import { type FSWatcher, lstatSync, mkdirSync, renameSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface GuardedEntry {
  readonly path: string;
  readonly directory: boolean;
}

export interface Quarantined {
  readonly path: string;
  readonly movedTo: string;
}

export interface NameGuardOptions {
  /** Writable trees whose own directory is watched. */
  readonly roots: readonly string[];
  /** Guarded entries that were there before the start: the person's own. */
  readonly before: readonly GuardedEntry[];
  /** Which of these entries (existing paths) are guarded ones. */
  readonly guarded: (entries: readonly GuardedEntry[]) => readonly GuardedEntry[];
  readonly quarantineDir: string;
  readonly onCaught: (caught: Quarantined) => void;
}

/** Directories of which one is watched each: more would cost start-up time; the sweep sees the rest. */
const MAX_WATCHES = 256;

function exists(path: string): GuardedEntry | undefined {
  try {
    return { path, directory: lstatSync(path).isDirectory() };
  } catch {
    // Gone again before we looked: nothing is left for the host to run.
    return undefined;
  }
}

/** Who it is, and when it last changed in itself: to move a directory above it changes neither. */
function stateOf(path: string): string | undefined {
  try {
    const { dev, ino, ctimeNs } = lstatSync(path, { bigint: true });
    return `${dev} ${ino} ${ctimeNs}`;
  } catch {
    return undefined;
  }
}

function holdsContent(path: string): boolean {
  const stats = lstatSync(path);
  return stats.isFile() || stats.isDirectory() || stats.isSymbolicLink();
}

export class NameGuard {
  readonly #options: NameGuardOptions;
  readonly #before: ReadonlySet<string>;
  readonly #states: ReadonlySet<string | undefined>;
  readonly #spared = new Set<string>();
  readonly #watchers: FSWatcher[] = [];
  readonly #moves: Promise<void>[] = [];
  #caught = 0;

  constructor(options: NameGuardOptions) {
    this.#options = options;
    this.#before = new Set(options.before.map((entry) => entry.path));
    this.#states = new Set(options.before.map((entry) => stateOf(entry.path)));
  }

  /** Number of entries that had slipped past the refusal so far. */
  get caught(): number {
    return this.#caught;
  }

  start(): void {
    const directories = new Set([
      ...this.#options.roots,
      ...this.#options.before.map((entry) => dirname(entry.path)),
    ]);
    for (const directory of [...directories].slice(0, MAX_WATCHES)) this.watch(directory);
  }

  /** Watches one more directory. */
  watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => {
        if (name !== null) this.#look([join(directory, name)]);
      });
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // The host is out of inotify watches, or the directory went away: the sweep at the end still sees it.
    }
  }

  /** This socket is ours, whatever name it bears: nobody can read anything from it. */
  spare(path: string): void {
    const { dev, ino } = lstatSync(path, { bigint: true });
    this.#spared.add(`${dev} ${ino}`);
  }

  /** Which of these entries, were they on the host, would be guarded ones. */
  guarded(entries: readonly GuardedEntry[]): readonly GuardedEntry[] {
    return this.#options.guarded(entries);
  }

  /** Watches no more: nothing was started. */
  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }

  /** Looks once more at everything; `entries` come from a fresh scan. Call when nothing inside runs any more. */
  async sweep(entries: readonly GuardedEntry[]): Promise<void> {
    this.close();
    this.#quarantineNew(entries);
    await Promise.all(this.#moves);
  }

  #look(paths: readonly string[]): void {
    const entries = paths.filter((path) => !this.#before.has(path)).flatMap((path) => exists(path) ?? []);
    if (entries.length > 0) this.#quarantineNew(entries);
  }

  #quarantineNew(entries: readonly GuardedEntry[]): void {
    const fresh = entries.filter((entry) => !this.#before.has(entry.path));
    for (const entry of this.#options.guarded(fresh)) {
      if (exists(entry.path) && !this.#isMoved(entry) && !this.#isSpared(entry)) this.#quarantine(entry);
    }
  }

  /**
   * The person's own, come along with a directory that was moved. SECURITY: it is what it was, since inside it was read-only
   * under every name; what was made or linked since, even with a number that has become free, changed later than that.
   */
  #isMoved({ path }: GuardedEntry): boolean {
    const state = stateOf(path);
    return state !== undefined && this.#states.has(state);
  }

  #isSpared({ path }: GuardedEntry): boolean {
    if (this.#spared.size === 0) return false;
    const { dev, ino } = lstatSync(path, { bigint: true });
    return this.#spared.has(`${dev} ${ino}`) && lstatSync(path).isSocket();
  }

  #quarantine(entry: GuardedEntry): void {
    this.#caught++;
    const target = join(this.#options.quarantineDir, `${this.#caught}-${basename(entry.path)}`);
    mkdirSync(this.#options.quarantineDir, { recursive: true, mode: 0o700 });
    try {
      renameSync(entry.path, target);
    } catch {
      // Another file system: put it out of reach under a name nobody runs, then copy and remove.
      const aside = `${entry.path}.pinfold-quarantine-${process.pid}-${this.#caught}`;
      renameSync(entry.path, aside);
      this.#moves.push(
        import('node:fs/promises').then(async ({ cp, rm }) => {
          // A socket or a pipe cannot be copied and holds nothing that could be kept.
          await cp(aside, target, { recursive: true, verbatimSymlinks: true, filter: holdsContent });
          await rm(aside, { recursive: true, force: true });
        }),
      );
    }
    this.#options.onCaught({ path: entry.path, movedTo: target });
  }
}

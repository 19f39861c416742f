/** Reaches the places of the new root while it is built, one at a time, and attaches mounts there. */
import { baseOf, isWithin, parentOf } from '../../../policy/paths.ts';
import type { CallList } from '../call-list.ts';
import {
  EBADF,
  EEXIST,
  EMPTY_PATHS,
  EMPTY_SOURCE,
  ENOENT,
  O_PATH,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_SYMLINKS,
  S_IFREG,
} from '../mount-api.ts';
import type { PathKind } from '../places.ts';
import type { RootContents } from './contents.ts';
import { POINT, ROOT } from './descriptors.ts';

/** One for all calls: the kernel only reads it. */
const IN_ROOT = openHow(O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

export class Point {
  readonly #calls: CallList;
  readonly #contents: RootContents;
  /** The path that POINT was opened by, as long as it leads there. */
  #at: string | undefined;

  constructor(calls: CallList, contents: RootContents) {
    this.#calls = calls;
    this.#contents = contents;
  }

  /** Opens a path of the new root as POINT, where it is not that already. */
  open(path: string): void {
    if (path === this.#at) return;
    this.#at = path;
    this.#openAt(path, []);
  }

  /** Where nothing is there POINT is no descriptor, and `layIfThere` does nothing. */
  openIfThere(path: string): void {
    this.#at = undefined;
    this.#openAt(path, [ENOENT]);
  }

  /** Lays a mount over what `openIfThere` has opened. */
  layIfThere(mount: number, target: string): void {
    this.#calls.add('move_mount', [mount, '', POINT, '', EMPTY_PATHS], { tolerates: [EBADF] });
    this.leave(target);
  }

  /** Attaches a mount at `target`, and closes its descriptor. */
  attach(mount: number, target: string, kind: PathKind): void {
    this.move(mount, target, kind);
    this.#calls.add('close', [mount]);
  }

  /** What is missing is made where the plan's own file systems are, and nowhere else: on the host it would stay. */
  move(mount: number, target: string, kind: PathKind): void {
    const missing = this.#contents.missing(target);
    this.makeDirectories(kind === 'file' ? missing.filter((path) => path !== target) : missing);
    if (this.#contents.isOwn(target)) {
      // Nobody else is there to exchange it, so its name is enough.
      const name = baseOf(target);
      this.open(parentOf(target));
      if (kind === 'file' && missing.includes(target))
        this.#calls.add('mknodat', [POINT, name, S_IFREG | 0o644, 0], { tolerates: [EEXIST] });
      this.#calls.add('move_mount', [mount, '', POINT, name, EMPTY_SOURCE]);
    } else {
      this.open(target);
      this.#calls.add('move_mount', [mount, '', POINT, '', EMPTY_PATHS]);
    }
    this.leave(target);
  }

  makeDirectories(paths: readonly string[]): void {
    for (const path of paths) {
      // Not by its path: a link that the plan made on the way would lead mkdir(2) out to the host.
      this.open(parentOf(path));
      this.#calls.add('mkdirat', [POINT, baseOf(path), 0o755], { tolerates: [EEXIST] });
    }
  }

  /** Something lies over `target` now, or no longer does: what was opened there or beneath is another place. */
  leave(target: string): void {
    if (this.#at !== undefined && isWithin(this.#at, target)) this.#at = undefined;
  }

  #openAt(path: string, tolerates: readonly number[]): void {
    const how = [IN_ROOT, IN_ROOT.length] as const;
    this.#calls.add('openat2', [ROOT, path.slice(1) || '.', ...how], { place: POINT, tolerates });
  }
}

/** The tripwire file system: mounted once, and shown in parts, each at a directory whose hidden names it answers for. */
import type { CallList } from '../call-list.ts';
import { EMPTY_PATHS, MNT_DETACH, O_CLOEXEC, O_DIRECTORY, OPEN_TREE_CLONE } from '../mount-api.ts';
import type { MountStep } from '../plan.ts';
import { MASKS, PART, TRIPWIRE } from './descriptors.ts';
import type { Point } from './point.ts';

/** Entries of the tripwire's root in one answer of at most a page: 160 bytes each (fuse.h), and 32 in what getdents64(2) gives. */
const PARTS_LISTED = 25;
const DIRENT_BYTES = 32;

/** A listing brings every name with it (READDIRPLUS), in place of a request for each of the `parts` that are attached. */
export function addTripwire(calls: CallList, parts: number): void {
  calls.label = 'tripwire';
  calls.add('tripwire', [], { place: TRIPWIRE });
  calls.add('openat', [TRIPWIRE, '.', O_DIRECTORY[calls.arch]], { place: PART });
  const names = Buffer.alloc(PARTS_LISTED * DIRENT_BYTES);
  for (let listed = 0; listed < parts; listed += PARTS_LISTED) {
    calls.add('getdents64', [PART, names, names.length]);
  }
  calls.add('close', [PART]);
}

/**
 * While parts of it are cloned it lies over the directory that masks are copies of: before Linux 6.15 open_tree(2) refuses what is
 * attached nowhere.
 */
export function layTripwire(calls: CallList): void {
  calls.add('move_mount', [TRIPWIRE, '', MASKS.directory, '', EMPTY_PATHS]);
}

/** `path`: of the directory that it lies over. */
export function liftTripwire(calls: CallList, path: string): void {
  calls.add('umount2', [path, MNT_DETACH]);
}

export function addTripwirePart(
  calls: CallList,
  point: Point,
  { source, target, optional }: Extract<MountStep, { readonly op: 'tripwire' }>,
): void {
  calls.add('open_tree', [TRIPWIRE, source, O_CLOEXEC | OPEN_TREE_CLONE], { place: PART });
  if (!optional) {
    point.move(PART, target, 'directory');
    return;
  }
  point.openIfThere(target);
  point.layIfThere(PART, target);
}

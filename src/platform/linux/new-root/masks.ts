/** Masks: what covers a name so that nobody may open what it has. */
import type { CallList } from '../call-list.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  BARE,
  MOUNT,
  O_CLOEXEC,
  O_PATH,
  OPEN_TREE_CLONE,
  S_IFREG,
} from '../mount-api.ts';
import type { PathKind } from '../places.ts';
import { MASKS, PART, ROOT } from './descriptors.ts';
import { addAttributes } from './file-systems.ts';
import type { Point } from './point.ts';

export const MASK_NAMES = { directory: '.masked-directory', file: '.masked-file' } as const;

/** Two empty things that nobody may open, mode 0 on a read-only mount so that not even their owner can chmod them. */
export function addMasks(calls: CallList): void {
  calls.add('mkdirat', [ROOT, MASK_NAMES.directory, 0]);
  calls.add('mknodat', [ROOT, MASK_NAMES.file, S_IFREG, 0]);
  for (const kind of ['directory', 'file'] as const) {
    calls.add('openat', [ROOT, MASK_NAMES[kind], O_PATH], { place: MASKS[kind] });
  }
}

export function addMask(calls: CallList, point: Point, target: string, kind: PathKind): void {
  point.openIfThere(target);
  calls.add('open_tree', [MASKS[kind], '', O_CLOEXEC | OPEN_TREE_CLONE | AT_EMPTY_PATH], { place: PART });
  addAttributes(calls, PART, MOUNT.rdonly | BARE);
  point.layIfThere(PART, target);
}

/** Takes their own names away; what they cover stays covered. */
export function addMasksRemoval(calls: CallList): void {
  calls.add('unlinkat', [ROOT, MASK_NAMES.directory, AT_REMOVEDIR]);
  calls.add('unlinkat', [ROOT, MASK_NAMES.file, 0]);
}

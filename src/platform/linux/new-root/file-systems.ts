/** Makes file systems that lie nowhere yet, and says what a mount allows. */
import type { CallList } from '../call-list.ts';
import { AT_EMPTY_PATH, attributes, FSCONFIG, MOUNT } from '../mount-api.ts';
import type { MountStep } from '../plan.ts';

/** In a private temporary place, however small its limit. */
const FEWEST_INODES = 1024;
const PAGE_BYTES = 4096;

/** By what they set, any of MOUNT: one of each for all calls, since the kernel only reads them. */
const ATTRIBUTES: readonly Buffer[] = Array.from({ length: 16 }, (_, set) => attributes(set, 0));

export function addTmpfs(
  calls: CallList,
  { mode, sizeBytes, noexec }: Omit<Extract<MountStep, { readonly op: 'tmpfs' }>, 'op' | 'target'>,
  place: number,
): void {
  // Files without content have a size too, in memory of the kernel: one for each page, as where nothing is limited.
  const bounds = sizeBytes && [
    ['size', String(sizeBytes)],
    ['nr_inodes', String(Math.max(FEWEST_INODES, Math.ceil(sizeBytes / PAGE_BYTES)))],
  ];
  const options = [['mode', mode.toString(8)], ...(bounds || [])];
  const set = MOUNT.nosuid | MOUNT.nodev | (noexec ? MOUNT.noexec : 0);
  addFileSystem(calls, { type: 'tmpfs', options, set, place });
}

export interface FileSystem {
  readonly type: 'tmpfs' | 'proc' | 'devpts' | 'overlay';
  /** A key alone is a flag. */
  readonly options: readonly (readonly string[])[];
  /** Bits of MOUNT. */
  readonly set: number;
  readonly place: number;
}

export function addFileSystem(calls: CallList, { type, options, set, place }: FileSystem): void {
  calls.add('fsopen', [type, 1], { place });
  for (const [key = '', value] of options) {
    const kind = value === undefined ? FSCONFIG.flag : FSCONFIG.string;
    calls.add('fsconfig', [place, kind, key, value ?? 0, 0]);
  }
  calls.add('fsconfig', [place, FSCONFIG.create, 0, 0, 0]);
  calls.add('fsmount', [place, 1, set], { place });
}

/** `flags`: AT_RECURSIVE for the mounts beneath as well. */
export function addAttributes(calls: CallList, mount: number, set: number, flags = 0): void {
  const known = ATTRIBUTES[set]!;
  calls.add('mount_setattr', [mount, '', AT_EMPTY_PATH | flags, known, known.length]);
}

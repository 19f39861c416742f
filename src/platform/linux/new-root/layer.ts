/** A layer over a directory that is shown: what is written there goes into memory of the session, and the host's stays as it is. */
import type { CallList } from '../call-list.ts';
import { EMPTY_SOURCE, MNT_DETACH, MOUNT } from '../mount-api.ts';
import { LAYER_LABEL, type MountStep } from '../plan.ts';
import { FRESH, POINT } from './descriptors.ts';
import { addAttributes, addFileSystem, addTmpfs } from './file-systems.ts';
import type { Point } from './point.ts';

const LAYER_NAMES = ['shown', 'changes', 'work'] as const;

export interface Layer extends NonNullable<Extract<MountStep, { readonly op: 'bind' }>['layer']> {
  readonly target: string;
  /** Descriptor of what is shown beneath. */
  readonly source: number;
}

/**
 * What is shown lies in memory beside what takes the changes, all by names that need no quoting, and only as long as it takes
 * to make one file system of both: that keeps what it needs, and nothing inside comes at it any other way.
 */
export function addLayer(calls: CallList, point: Point, { target, source, ...size }: Layer): void {
  calls.label = `${LAYER_LABEL}${target}`;
  addAttributes(calls, source, MOUNT.rdonly | MOUNT.nosuid | MOUNT.nodev);
  addTmpfs(calls, { mode: 0o700, ...size }, FRESH);
  point.attach(FRESH, target, 'directory');
  point.open(target);
  const [lower, upper, work] = LAYER_NAMES;
  for (const name of LAYER_NAMES) calls.add('mkdirat', [POINT, name, 0o700]);
  calls.add('move_mount', [source, '', POINT, lower, EMPTY_SOURCE]);
  calls.add('fchdir', [POINT]);
  const options = [['userxattr'], ['lowerdir', lower], ['upperdir', upper], ['workdir', work]];
  addFileSystem(calls, { type: 'overlay', options, set: MOUNT.nosuid | MOUNT.nodev, place: FRESH });
  calls.add('umount2', ['.', MNT_DETACH]);
  point.leave(target);
  point.attach(FRESH, target, 'directory');
  calls.add('close', [source]);
}

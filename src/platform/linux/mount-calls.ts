/** Says the steps of building the new root in system calls, with the new mount API, in their order. Pure. */
import type { CallList } from './call-list.ts';
import type { Ground } from './ground.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  attributes,
  BARE,
  EMPTY_PATHS,
  MNT_DETACH,
  MOUNT,
  MS_PRIVATE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
} from './mount-api.ts';
import { RootContents } from './new-root/contents.ts';
import { FRESH, PART, POINT, ROOT } from './new-root/descriptors.ts';
import { addEntry } from './new-root/entries.ts';
import { addAttributes, addFileSystem, addTmpfs } from './new-root/file-systems.ts';
import { addLayer } from './new-root/layer.ts';
import { addMask, addMasks, addMasksRemoval, MASK_NAMES } from './new-root/masks.ts';
import { Point } from './new-root/point.ts';
import { type Bind, openSources } from './new-root/sources.ts';
import { addTripwire, addTripwirePart, layTripwire, liftTripwire } from './new-root/tripwire-parts.ts';
import type { MountStep } from './plan.ts';

/** The new root is first attached over a directory that every system has, and pivoted to from there. */
const STAGE = '/usr';
const DEVPTS_OPTIONS = [['newinstance'], ['ptmxmode', '0666'], ['mode', '0620']];

/** Adds what builds the root of `steps`, the first of which is the root itself, and enters it. */
export function addMountCalls(calls: CallList, steps: readonly MountStep[], ground: Ground): void {
  new MountCalls(calls, steps, ground).build();
  calls.label = 'enter root';
  calls.add('fchdir', [ROOT]);
  calls.add('pivot_root', ['.', '.']);
  // The old root now lies over the new one at "."; detaching uncovers it (pivot_root(2), NOTES).
  calls.add('umount2', ['.', MNT_DETACH]);
  calls.add('chdir', ['/']);
}

/**
 * Adds what mounts `steps` in a root that is thrown away again, and takes what lies at `target` out of it: a mount that is
 * attached nowhere, as the descriptor whose number is returned.
 */
export function addDetachedTree(
  calls: CallList,
  steps: readonly MountStep[],
  target: string,
  ground: Ground,
): number {
  const point = new MountCalls(calls, steps, ground).build();
  calls.label = `take ${target}`;
  point.open(target);
  const flags = O_CLOEXEC | OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH;
  calls.add('open_tree', [POINT, '', flags], { place: PART });
  return PART;
}

class MountCalls {
  readonly #calls: CallList;
  readonly #steps: readonly MountStep[];
  readonly #ground: Ground;
  readonly #contents: RootContents;
  readonly #point: Point;

  constructor(calls: CallList, steps: readonly MountStep[], ground: Ground) {
    this.#calls = calls;
    this.#steps = steps;
    this.#ground = ground;
    this.#contents = new RootContents(ground.kindOf);
    this.#point = new Point(calls, this.#contents);
  }

  /** What it gives reaches the places of the root that stands then. */
  build(): Point {
    const calls = this.#calls;
    const [first, ...rest] = this.#steps;
    calls.label = 'make mounts private';
    calls.add('mount_setattr', [AT_FDCWD, '/', AT_RECURSIVE, attributes(0, MS_PRIVATE), 32]);
    const parts = rest.filter(({ op }) => op === 'tripwire').length;
    if (parts > 0) addTripwire(calls, parts);
    const sources = openSources(calls, this.#steps, this.#ground);
    this.#makeRoot(first);
    if (parts > 0) layTripwire(calls);
    for (const step of rest) {
      // The masks' own entries go before the root may be sealed.
      if (step.op === 'seal' && step.target === '/') {
        calls.label = 'discard masks';
        if (parts > 0) liftTripwire(calls, `${STAGE}/${MASK_NAMES.directory}`);
        addMasksRemoval(calls);
      }
      calls.label = `${step.op} ${targetOf(step)}`;
      if (step.op === 'bind' || step.op === 'console') this.#attachSource(step, sources.get(step));
      else this.#carryOut(step);
      this.#contents.note(step);
    }
    return this.#point;
  }

  #makeRoot(step: MountStep | undefined): void {
    if (step?.op !== 'tmpfs' || step.target !== '/') throw new Error('a plan begins with its root');
    const calls = this.#calls;
    calls.label = 'make root';
    addTmpfs(calls, step, ROOT);
    calls.add('openat', [AT_FDCWD, STAGE, O_PATH | O_DIRECTORY[this.#ground.arch]], { place: POINT });
    calls.add('move_mount', [ROOT, '', POINT, '', EMPTY_PATHS]);
    addMasks(calls);
    this.#contents.note(step);
  }

  #carryOut(step: Exclude<MountStep, Bind>): void {
    const calls = this.#calls;
    const point = this.#point;
    const contents = this.#contents;
    if (step.op === 'relay') throw new Error(`nothing relays to ${step.target}`);
    else if (step.op === 'mask') {
      const kind = contents.kindOf(step.target);
      // Gone since the plan was made; making it anew is what the guarded names refuse.
      if (kind !== undefined) addMask(calls, point, step.target, kind);
    } else if (step.op === 'tripwire') addTripwirePart(calls, point, step);
    else if (step.op === 'seal') {
      point.open(step.target);
      addAttributes(calls, POINT, MOUNT.rdonly);
    } else if ('path' in step) addEntry(calls, { point, contents }, step);
    else {
      this.#makeFileSystem(step);
      point.attach(FRESH, step.target, 'directory');
    }
  }

  #makeFileSystem(step: Extract<MountStep, { readonly op: 'tmpfs' | 'proc' | 'devpts' }>): void {
    if (step.op === 'tmpfs') {
      addTmpfs(this.#calls, step, FRESH);
      return;
    }
    const what =
      step.op === 'proc'
        ? { options: [], set: BARE }
        : { options: DEVPTS_OPTIONS, set: MOUNT.nosuid | MOUNT.noexec };
    addFileSystem(this.#calls, { type: step.op, ...what, place: FRESH });
  }

  /** `source`: undefined where there is nothing to show. */
  #attachSource(step: Bind, source: number | undefined): void {
    if (source === undefined) return;
    const calls = this.#calls;
    if (step.op === 'console') {
      addAttributes(calls, source, MOUNT.nosuid | MOUNT.noexec);
      this.#point.attach(source, step.target, 'file');
      return;
    }
    if (step.layer) {
      addLayer(calls, this.#point, { target: step.target, source, ...step.layer });
      return;
    }
    const set =
      MOUNT.nosuid |
      (step.writable ? 0 : MOUNT.rdonly) |
      (step.devices ? 0 : MOUNT.nodev) |
      (step.noexec ? MOUNT.noexec : 0);
    addAttributes(calls, source, set, AT_RECURSIVE);
    this.#point.attach(source, step.target, this.#ground.kindOf(step.source) ?? 'directory');
  }
}

function targetOf(step: MountStep): string {
  return 'target' in step ? step.target : step.path;
}

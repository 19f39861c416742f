/** Says the steps of building the new root in system calls, with the new mount API. Pure. */
import { baseOf, isWithin, parentOf } from '../../policy/paths.ts';
import { addIdentityCheck, type CallList, type CallOptions } from './call-list.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  AT_REMOVEDIR,
  attributes,
  BARE,
  EBADF,
  EEXIST,
  EMPTY_PATHS,
  EMPTY_SOURCE,
  ENOENT,
  FSCONFIG,
  MNT_DETACH,
  MOUNT,
  MS_PRIVATE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  O_WRONLY_CREAT_EXCL,
  OPEN_TREE_CLONE,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_SYMLINKS,
  S_IFREG,
} from './mount-api.ts';
import { NewRoot } from './new-root.ts';
import type { PathKind } from './places.ts';
import { LAYER_LABEL, type MountStep } from './plan.ts';
import type { Arch } from './seccomp/tables.ts';

/** What is there when the plan is carried out. */
export interface Ground {
  readonly arch: Arch;
  /** Of a path of the host, itself and not what it leads to; undefined: nothing is there. */
  readonly kindOf: (path: string) => PathKind | undefined;
  /** The terminal that is on one of the standard streams. */
  readonly terminal?: string | undefined;
}

/** In a private temporary place, however small its limit. */
const FEWEST_INODES = 1024;
const PAGE_BYTES = 4096;
/** The new root is first attached over a directory that every system has, and pivoted to from there. */
const STAGE = '/usr';
/** Descriptors by number. Init's own are all below. */
const ROOT = 32;
const POINT = 33;
const FRESH = 34;
const MASKS = { directory: 35, file: 36 } as const;
const TRIPWIRE = 37;
const PART = 38;
const SOURCES = 40;
/** Entries of the tripwire's root in one answer of at most a page: 160 bytes each (fuse.h), and 32 in what getdents64(2) gives. */
const PARTS_LISTED = 25;
const DIRENT_BYTES = 32;
const LAYER_NAMES = ['shown', 'changes', 'work'] as const;
const MASK_NAMES = { directory: '.masked-directory', file: '.masked-file' } as const;

/** One of each for all calls: the kernel only reads them. */
const IN_ROOT = openHow(O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
const ON_HOST = openHow(O_PATH, RESOLVE_NO_SYMLINKS);

const DEVPTS_OPTIONS = [['newinstance'], ['ptmxmode', '0666'], ['mode', '0620']];

type Bind = Extract<MountStep, { readonly op: 'bind' | 'console' }>;

/** Adds what builds the root of `steps`, the first of which is the root itself, and enters it. */
export function addMountCalls(calls: CallList, steps: readonly MountStep[], ground: Ground): void {
  new MountCalls(calls, steps, ground).add();
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
  return new MountCalls(calls, steps, ground).detach(target);
}

class MountCalls {
  readonly #calls: CallList;
  readonly #steps: readonly MountStep[];
  readonly #ground: Ground;
  readonly #root: NewRoot;
  /** Number of the descriptor that holds what a step shows. */
  readonly #sources = new Map<MountStep, number>();
  /** The path that POINT was opened by, as long as it leads there. */
  #at: string | undefined;
  /** By what they set. */
  readonly #attributes = new Map<number, Buffer>();

  constructor(calls: CallList, steps: readonly MountStep[], ground: Ground) {
    this.#calls = calls;
    this.#steps = steps;
    this.#ground = ground;
    this.#root = new NewRoot(ground.kindOf);
  }

  add(): void {
    this.#build();
    this.#say('enter root', 'fchdir', [ROOT]);
    this.#call('pivot_root', ['.', '.']);
    // The old root now lies over the new one at "."; detaching uncovers it (pivot_root(2), NOTES).
    this.#call('umount2', ['.', MNT_DETACH]);
    this.#call('chdir', ['/']);
  }

  detach(target: string): number {
    this.#build();
    this.#calls.label = `take ${target}`;
    this.#open(target);
    this.#call('open_tree', [POINT, '', O_CLOEXEC | OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH], {
      place: PART,
    });
    return PART;
  }

  #build(): void {
    const [first, ...rest] = this.#steps;
    this.#say('make mounts private', 'mount_setattr', [
      AT_FDCWD,
      '/',
      AT_RECURSIVE,
      attributes(0, MS_PRIVATE),
      32,
    ]);
    const tripwire = rest.some(({ op }) => op === 'tripwire');
    if (tripwire) this.#makeTripwire(rest.filter(({ op }) => op === 'tripwire').length);
    this.#openSources();
    this.#makeRoot(first, tripwire);
    for (const step of rest) {
      // The masks' own entries go before the root may be sealed.
      if (step.op === 'seal' && step.target === '/') this.#discardMasks(tripwire);
      this.#calls.label = `${step.op} ${targetOf(step)}`;
      this.#carryOut(step);
      this.#root.note(step);
    }
  }

  /**
   * Opens what binds show, before anything is mounted. SECURITY: no symbolic link is followed anywhere on the way: the
   * plan holds resolved paths, so a link that is there now was put there since, to lead us elsewhere (CVE-2024-21626).
   */
  #openSources(): void {
    for (const step of this.#steps) {
      if (step.op !== 'bind' && step.op !== 'console') continue;
      const path = step.op === 'bind' ? step.source : this.#ground.terminal;
      const absent = path === undefined || this.#ground.kindOf(path) === undefined;
      if (path === undefined || (absent && (step.op === 'console' || step.optional))) continue;
      const source = SOURCES + this.#sources.size;
      this.#sources.set(step, source);
      const layered = step.op === 'bind' && step.layer !== undefined;
      this.#say(
        `${layered ? LAYER_LABEL : 'open '}${path}`,
        'openat2',
        [AT_FDCWD, path, ON_HOST, ON_HOST.length],
        { place: source },
      );
      if (step.op === 'bind' && step.identity) addIdentityCheck(this.#calls, source, step.identity);
      // Of a layer's, overlayfs shows one mount alone; where that would uncover something, the kernel answers EINVAL.
      const depth = layered ? 0 : AT_RECURSIVE;
      this.#call('open_tree', [source, '', O_CLOEXEC | OPEN_TREE_CLONE | depth | AT_EMPTY_PATH], {
        place: source,
      });
    }
  }

  /** A listing brings every name with it (READDIRPLUS), in place of a request for each part that is attached. */
  #makeTripwire(parts: number): void {
    this.#say('tripwire', 'tripwire', [], { place: TRIPWIRE });
    this.#call('openat', [TRIPWIRE, '.', O_DIRECTORY[this.#ground.arch]], { place: PART });
    const names = Buffer.alloc(PARTS_LISTED * DIRENT_BYTES);
    for (let listed = 0; listed < parts; listed += PARTS_LISTED) {
      this.#call('getdents64', [PART, names, names.length]);
    }
    this.#call('close', [PART]);
  }

  #makeRoot(step: MountStep | undefined, tripwire: boolean): void {
    if (step?.op !== 'tmpfs' || step.target !== '/') throw new Error('a plan begins with its root');
    this.#calls.label = 'make root';
    this.#makeTmpfs(step, ROOT);
    this.#call('openat', [AT_FDCWD, STAGE, O_PATH | O_DIRECTORY[this.#ground.arch]], { place: POINT });
    this.#call('move_mount', [ROOT, '', POINT, '', EMPTY_PATHS]);
    // Two empty things that nobody may open, mode 0 on a read-only mount so that not even their owner can chmod them.
    this.#call('mkdirat', [ROOT, MASK_NAMES.directory, 0]);
    this.#call('mknodat', [ROOT, MASK_NAMES.file, S_IFREG, 0]);
    for (const kind of ['directory', 'file'] as const) {
      this.#call('openat', [ROOT, MASK_NAMES[kind], O_PATH], { place: MASKS[kind] });
    }
    // While parts of it are cloned it lies there: before Linux 6.15 open_tree(2) refuses what is attached nowhere.
    if (tripwire) this.#call('move_mount', [TRIPWIRE, '', MASKS.directory, '', EMPTY_PATHS]);
    this.#root.note(step);
  }

  #discardMasks(tripwire: boolean): void {
    this.#calls.label = 'discard masks';
    if (tripwire) this.#call('umount2', [`${STAGE}/${MASK_NAMES.directory}`, MNT_DETACH]);
    this.#call('unlinkat', [ROOT, MASK_NAMES.directory, AT_REMOVEDIR]);
    this.#call('unlinkat', [ROOT, MASK_NAMES.file, 0]);
  }

  #carryOut(step: MountStep): void {
    if (step.op === 'bind' || step.op === 'console') this.#attachSource(step);
    else if (step.op === 'relay') throw new Error(`nothing relays to ${step.target}`);
    else if (step.op === 'mask') this.#mask(step.target);
    else if (step.op === 'tripwire') this.#attachTripwire(step);
    else if (step.op === 'seal') {
      this.#open(step.target);
      this.#setAttributes(POINT, MOUNT.rdonly, 0);
    } else if ('path' in step) this.#makeEntry(step);
    else {
      if (step.op === 'tmpfs') this.#makeTmpfs(step, FRESH);
      else if (step.op === 'proc') this.#makeFilesystem('proc', [], BARE);
      else this.#makeFilesystem('devpts', DEVPTS_OPTIONS, MOUNT.nosuid | MOUNT.noexec);
      this.#attach(FRESH, step.target, 'directory');
    }
  }

  #makeTmpfs({ mode, sizeBytes, noexec }: Extract<MountStep, { readonly op: 'tmpfs' }>, place: number): void {
    // Files without content have a size too, in memory of the kernel: one for each page, as where nothing is limited.
    const bounds = sizeBytes && [
      ['size', String(sizeBytes)],
      ['nr_inodes', String(Math.max(FEWEST_INODES, Math.ceil(sizeBytes / PAGE_BYTES)))],
    ];
    const options = [['mode', mode.toString(8)], ...(bounds || [])];
    this.#makeFilesystem('tmpfs', options, MOUNT.nosuid | MOUNT.nodev | (noexec ? MOUNT.noexec : 0), place);
  }

  /** A mount of a fresh file system, attached nowhere yet. */
  #makeFilesystem(
    type: string,
    options: readonly (readonly string[])[],
    attributes: number,
    place: number = FRESH,
  ): void {
    this.#call('fsopen', [type, 1], { place });
    for (const [key = '', value] of options) {
      this.#call('fsconfig', [
        place,
        value === undefined ? FSCONFIG.flag : FSCONFIG.string,
        key,
        value ?? 0,
        0,
      ]);
    }
    this.#call('fsconfig', [place, FSCONFIG.create, 0, 0, 0]);
    this.#call('fsmount', [place, 1, attributes], { place });
  }

  #attachSource(step: Bind): void {
    const source = this.#sources.get(step);
    if (source === undefined) return;
    if (step.op === 'console') {
      this.#setAttributes(source, MOUNT.nosuid | MOUNT.noexec, 0);
      this.#attach(source, step.target, 'file');
      return;
    }
    if (step.layer) {
      this.#attachLayer(step.target, source, step.layer);
      return;
    }
    const set =
      MOUNT.nosuid |
      (step.writable ? 0 : MOUNT.rdonly) |
      (step.devices ? 0 : MOUNT.nodev) |
      (step.noexec ? MOUNT.noexec : 0);
    this.#setAttributes(source, set, AT_RECURSIVE);
    this.#attach(source, step.target, this.#ground.kindOf(step.source) ?? 'directory');
  }

  /**
   * What is shown lies in memory beside what takes the changes, all by names that need no quoting, and only as long as it takes
   * to make one file system of both: that keeps what it needs, and nothing inside comes at it any other way.
   */
  #attachLayer(target: string, source: number, size: { readonly sizeBytes?: number }): void {
    this.#calls.label = `${LAYER_LABEL}${target}`;
    this.#setAttributes(source, MOUNT.rdonly | MOUNT.nosuid | MOUNT.nodev, 0);
    this.#makeTmpfs({ op: 'tmpfs', target, mode: 0o700, ...size }, FRESH);
    this.#attach(FRESH, target, 'directory');
    this.#open(target);
    const [lower, upper, work] = LAYER_NAMES;
    for (const name of LAYER_NAMES) this.#call('mkdirat', [POINT, name, 0o700]);
    this.#call('move_mount', [source, '', POINT, lower, EMPTY_SOURCE]);
    this.#call('fchdir', [POINT]);
    const options = [['userxattr'], ['lowerdir', lower], ['upperdir', upper], ['workdir', work]];
    this.#makeFilesystem('overlay', options, MOUNT.nosuid | MOUNT.nodev);
    this.#call('umount2', ['.', MNT_DETACH]);
    this.#leave(target);
    this.#attach(FRESH, target, 'directory');
    this.#call('close', [source]);
  }

  #mask(target: string): void {
    const kind = this.#root.kindOf(target);
    // Gone since the plan was made; making it anew is what the guarded names refuse.
    if (kind === undefined) return;
    this.#open(target, { tolerates: [ENOENT] });
    this.#call('open_tree', [MASKS[kind], '', O_CLOEXEC | OPEN_TREE_CLONE | AT_EMPTY_PATH], { place: PART });
    this.#setAttributes(PART, MOUNT.rdonly | BARE, 0);
    this.#call('move_mount', [PART, '', POINT, '', EMPTY_PATHS], { tolerates: [EBADF] });
    this.#leave(target);
  }

  #attachTripwire({ source, target, optional }: Extract<MountStep, { readonly op: 'tripwire' }>): void {
    this.#call('open_tree', [TRIPWIRE, source, O_CLOEXEC | OPEN_TREE_CLONE], { place: PART });
    if (!optional) {
      this.#move(PART, target, 'directory');
      return;
    }
    this.#open(target, { tolerates: [ENOENT] });
    this.#call('move_mount', [PART, '', POINT, '', EMPTY_PATHS], { tolerates: [EBADF] });
    this.#leave(target);
  }

  #makeEntry(step: Extract<MountStep, { readonly op: 'directory' | 'symlink' | 'file' }>): void {
    this.#makeDirectories(this.#root.missing(parentOf(step.path)));
    const name = baseOf(step.path);
    this.#open(parentOf(step.path));
    if (!this.#root.isOwn(step.path)) throw new Error(`${step.path} is not the plan’s to make`);
    if (step.op === 'symlink') {
      this.#call('symlinkat', [step.to, POINT, name]);
    } else if (step.op === 'directory') {
      this.#call('mkdirat', [POINT, name, step.mode], { tolerates: [EEXIST] });
      this.#call('fchmodat', [POINT, name, step.mode]);
    } else {
      const content = typeof step.content === 'string' ? Buffer.from(step.content) : step.content;
      this.#call('openat', [POINT, name, O_WRONLY_CREAT_EXCL | O_CLOEXEC, step.mode], { place: PART });
      this.#call('write', [PART, content, content.length]);
      this.#call('close', [PART]);
    }
  }

  #attach(mount: number, target: string, kind: PathKind): void {
    this.#move(mount, target, kind);
    this.#call('close', [mount]);
  }

  /** What is missing is made where the plan's own file systems are, and nowhere else: on the host it would stay. */
  #move(mount: number, target: string, kind: PathKind): void {
    const missing = this.#root.missing(target);
    this.#makeDirectories(kind === 'file' ? missing.filter((path) => path !== target) : missing);
    if (this.#root.isOwn(target)) {
      // Nobody else is there to exchange it, so its name is enough.
      const name = baseOf(target);
      this.#open(parentOf(target));
      if (kind === 'file' && missing.includes(target))
        this.#call('mknodat', [POINT, name, S_IFREG | 0o644, 0], { tolerates: [EEXIST] });
      this.#call('move_mount', [mount, '', POINT, name, EMPTY_SOURCE]);
    } else {
      this.#open(target);
      this.#call('move_mount', [mount, '', POINT, '', EMPTY_PATHS]);
    }
    this.#leave(target);
  }

  #makeDirectories(paths: readonly string[]): void {
    for (const path of paths) {
      // Not by its path: a link that the plan made on the way would lead mkdir(2) out to the host.
      this.#open(parentOf(path));
      this.#call('mkdirat', [POINT, baseOf(path), 0o755], { tolerates: [EEXIST] });
    }
  }

  /** Something lies over `target` now: what was opened there or beneath is another place. */
  #leave(target: string): void {
    if (this.#at !== undefined && isWithin(this.#at, target)) this.#at = undefined;
  }

  /** Opens a path of the new root as POINT, where it is not that already. */
  #open(path: string, options: CallOptions = {}): void {
    if (path === this.#at && options.tolerates === undefined) return;
    this.#at = options.tolerates === undefined ? path : undefined;
    this.#call('openat2', [ROOT, path.slice(1) || '.', IN_ROOT, IN_ROOT.length], {
      place: POINT,
      ...options,
    });
  }

  #setAttributes(mount: number, set: number, flags: number): void {
    let known = this.#attributes.get(set);
    if (known === undefined) {
      known = attributes(set, 0);
      this.#attributes.set(set, known);
    }
    this.#call('mount_setattr', [mount, '', AT_EMPTY_PATH | flags, known, known.length]);
  }

  #say(label: string, name: string, args: Parameters<CallList['add']>[1], options: CallOptions = {}): void {
    this.#calls.label = label;
    this.#call(name, args, options);
  }

  #call(name: string, args: Parameters<CallList['add']>[1], options: CallOptions = {}): void {
    this.#calls.add(name, args, options);
  }
}

function targetOf(step: MountStep): string {
  return 'target' in step ? step.target : step.path;
}

/** What the new root holds while it is being built: which file system each path lies on, and what is missing there. */
import { ancestorsOf, isWithin, parentOf } from '../../../policy/paths.ts';
import type { PathKind } from '../places.ts';
import type { MountStep } from '../plan.ts';

/** `own`: made by the plan, and empty at first; `host`: shown; `other`: devices, masks, the tripwire. */
type FileSystem = { readonly kind: 'own' | 'other' } | { readonly kind: 'host'; readonly source: string };

export class RootContents {
  readonly #kindOnHost: (path: string) => PathKind | undefined;
  readonly #mounts = new Map<string, FileSystem>();
  /** Entries of the plan's own file systems. */
  readonly #made = new Map<string, PathKind>();
  /** Directories above any of these, so that most steps need not look for what they hide. */
  readonly #holding = new Set(['/']);

  /** `kindOnHost`: of a path of the host. */
  constructor(kindOnHost: (path: string) => PathKind | undefined) {
    this.#kindOnHost = kindOnHost;
  }

  /** Takes a step for done. */
  note(step: MountStep): void {
    const path = 'target' in step ? step.target : step.path;
    if (step.op === 'seal' || (step.op === 'mask' && this.kindOf(path) === undefined)) return;
    const absent = step.op === 'bind' && this.#kindOnHost(step.source) === undefined;
    if (absent || (step.op === 'tripwire' && step.optional && this.kindOf(path) === undefined)) return;
    for (const directory of this.missing(path)) this.#made.set(directory, 'directory');
    for (let above = parentOf(path); !this.#holding.has(above); above = parentOf(above))
      this.#holding.add(above);
    if (step.op === 'directory') return;
    if (step.op === 'file' || step.op === 'symlink' || step.op === 'console') {
      this.#made.set(path, 'file');
      return;
    }
    if (this.#holding.has(path)) this.#hide(path);
    if (step.op === 'tmpfs') this.#mounts.set(path, { kind: 'own' });
    else if (step.op === 'bind') this.#mounts.set(path, { kind: 'host', source: step.source });
    // What it has besides processes, the host's has too.
    else if (step.op === 'proc') this.#mounts.set(path, { kind: 'host', source: '/proc' });
    else this.#mounts.set(path, { kind: 'other' });
  }

  /** `path` and the directories above it that are not there, topmost first; none where they are not the plan's to make. */
  missing(path: string): string[] {
    const [mount, { kind }] = this.#fileSystemOf(path);
    if (kind !== 'own') return [];
    return [...ancestorsOf(path)]
      .filter((each) => each !== mount && isWithin(each, mount) && !this.#made.has(each))
      .reverse();
  }

  /** Whether an entry at `path` would lie on a file system that the plan made. */
  isOwn(path: string): boolean {
    return this.#fileSystemOf(path)[1].kind === 'own';
  }

  /** Undefined: nothing is there, or it cannot be told. */
  kindOf(path: string): PathKind | undefined {
    const [mount, system] = this.#fileSystemOf(path);
    if (system.kind === 'host')
      return this.#kindOnHost(`${system.source}${path.slice(mount === '/' ? 0 : mount.length)}`);
    return path === mount ? 'directory' : this.#made.get(path);
  }

  /** What was made beneath is hidden now. */
  #hide(path: string): void {
    for (const made of this.#made.keys()) if (made !== path && isWithin(made, path)) this.#made.delete(made);
    for (const mount of this.#mounts.keys()) if (isWithin(mount, path)) this.#mounts.delete(mount);
  }

  #fileSystemOf(path: string): readonly [mount: string, system: FileSystem] {
    for (const each of ancestorsOf(path)) {
      const system = this.#mounts.get(each);
      if (system) return [each, system];
    }
    return ['/', { kind: 'own' }];
  }
}

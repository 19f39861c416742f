/** The names that the tripwire file system knows: a fixed skeleton, and the what is hidden and was walked through. */
import type { Attributes } from './answers.ts';
import { type HiddenKind, KINDS, type NodeKind, type TripwireKind } from './kinds.ts';

export interface TripwireEntry {
  /** Absolute, the same inside and on the host. */
  readonly path: string;
  readonly kind: TripwireKind;
  /** Where a link leads. */
  readonly to?: string;
}

/** What the file system is made of. Data, made by the plan and served by Node. */
export interface TripwireLayout {
  /** Each is shown at its own path; in the file system it is an entry of the root, named by its index. */
  readonly attached: readonly TripwireEntry[];
  /** Beneath the attached ones; missing directories on the way are made. */
  readonly beneath: readonly TripwireEntry[];
}

/** Names and paths are kept as one character for each byte (latin1): the kernel's names need not be UTF-8. */
export interface TripwireNode {
  readonly id: bigint;
  readonly path: string;
  /** Changes when something beneath it is shown while a session runs. */
  kind: NodeKind;
  readonly to?: string;
  readonly children: Map<string, TripwireNode>;
  /** Of what is hidden: the directory it was found in, and how often the kernel holds it. */
  readonly parent?: TripwireNode;
  lookups: bigint;
}

/** Hidden names that are remembered at once; each is there because the kernel holds it. */
const MAX_HIDDEN = 1 << 16;

const ROOT_ID = 1n;

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

export class NodeTable {
  readonly #nodes = new Map<bigint, TripwireNode>();
  readonly #root: TripwireNode;
  #next = ROOT_ID;
  #hidden = 0;

  constructor(layout: TripwireLayout) {
    this.#root = this.#add('root', '');
    for (const [index, entry] of layout.attached.entries()) {
      this.#root.children.set(String(index), this.#add(entry.kind, latin1(entry.path)));
    }
    for (const entry of layout.beneath) {
      const path = latin1(entry.path);
      const top = this.#topOf(path);
      if (top === undefined) throw new RangeError(`${entry.path} is beneath no attached directory`);
      this.#place(top, path, entry);
    }
  }

  get(id: bigint): TripwireNode | undefined {
    return this.#nodes.get(id);
  }

  /** Something hidden that the kernel asked for once more; undefined when there is too much, or it was of another kind. */
  hold(parent: TripwireNode, name: string, kind: HiddenKind): TripwireNode | undefined {
    const known = parent.children.get(name);
    if (known === undefined ? this.#hidden >= MAX_HIDDEN : known.kind !== kind) return undefined;
    const node = known ?? this.#add(kind, pathOf(parent, name), parent);
    if (known === undefined) {
      this.#hidden++;
      parent.children.set(name, node);
    }
    node.lookups++;
    return node;
  }

  /** The kernel lets go. What the skeleton is made of stays. */
  forget(id: bigint, lookups: bigint): void {
    const node = this.#nodes.get(id);
    if (node === undefined || !isHidden(node)) return;
    node.lookups -= lookups;
    if (node.lookups > 0n) return;
    this.#nodes.delete(id);
    this.#hidden--;
    node.parent?.children.delete(nameOf(node));
  }

  /**
   * Makes the way to `path`, so that it can be mounted on and that programs may look at each directory above it. Gives the
   * directories whose listing is another one now. Throws RangeError where nothing attached lies above.
   */
  lead(path: string, kind: 'file' | 'lent-file' | 'directory'): bigint[] {
    const wanted = latin1(path);
    const top = this.#topOf(wanted);
    if (top === undefined) throw new RangeError(`${path} is beneath no attached directory`);
    const changed: bigint[] = [];
    let at = top;
    at.kind = 'directory';
    for (const name of wanted.slice(top.path.length + 1).split('/')) {
      const path = pathOf(at, name);
      const known = at.children.get(name);
      const next = known ?? this.#add('directory', path);
      if (known === undefined) at.children.set(name, next);
      else if (isHidden(known)) this.#hidden--;
      if (known?.kind !== 'directory') changed.push(at.id);
      next.kind = path === wanted ? kind : 'directory';
      at = next;
    }
    return changed;
  }

  /** What the skeleton has at `path`. */
  at(path: string): TripwireNode | undefined {
    const wanted = latin1(path);
    const top = this.#topOf(wanted);
    let node = top;
    for (const name of top === undefined ? [] : wanted.slice(top.path.length + 1).split('/'))
      node = node?.children.get(name);
    return node;
  }

  /**
   * `path` is closed again; the directories above it stay what they became. Its node stays too, as the kernel may know it.
   * Gives the directory whose listing is another one now.
   */
  hide(path: string): bigint | undefined {
    const wanted = latin1(path);
    const top = this.#topOf(wanted);
    let parent: TripwireNode | undefined;
    let node = top;
    for (const name of top === undefined ? [] : wanted.slice(top.path.length + 1).split('/')) {
      parent = node;
      node = node?.children.get(name);
    }
    if (node === undefined || parent === undefined) return undefined;
    node.kind = node.kind === 'file' || node.kind === 'lent-file' ? 'closed-file' : 'closed-directory';
    return parent.id;
  }

  get size(): number {
    return this.#nodes.size;
  }

  #topOf(path: string): TripwireNode | undefined {
    const [top] = [...this.#root.children.values()]
      .filter((each) => path.startsWith(`${each.path}/`))
      .sort((a, b) => b.path.length - a.path.length);
    return top;
  }

  #place(top: TripwireNode, path: string, entry: TripwireEntry): void {
    const names = path.slice(top.path.length + 1).split('/');
    let at = top;
    names.forEach((name, index) => {
      const last = index === names.length - 1;
      const known = at.children.get(name);
      if (known) {
        at = known;
        return;
      }
      const node = this.#add(last ? entry.kind : 'directory', pathOf(at, name), undefined, entry.to);
      at.children.set(name, node);
      at = node;
    });
  }

  #add(kind: TripwireNode['kind'], path: string, parent?: TripwireNode, to?: string): TripwireNode {
    const node: TripwireNode = {
      id: this.#next++,
      path,
      kind,
      children: new Map(),
      lookups: 0n,
      ...(parent !== undefined && { parent }),
      ...(kind === 'link' && to !== undefined && { to }),
    };
    this.#nodes.set(node.id, node);
    return node;
  }
}

export function isHidden({ kind }: Pick<TripwireNode, 'kind'>): boolean {
  return kind === 'hidden' || kind === 'hidden-file';
}

export function pathOf(parent: TripwireNode, name: string): string {
  return `${parent.path}/${name}`;
}

function nameOf(node: TripwireNode): string {
  return node.path.slice(node.path.lastIndexOf('/') + 1);
}

/** `lent`: bytes of a file that is given away; they hold for whoever asks now. */
export function attributesOf(
  node: TripwireNode,
  owner: { uid: number; gid: number },
  lent?: number,
): Attributes {
  return {
    inode: node.id,
    mode: KINDS[node.kind].mode,
    uid: owner.uid,
    gid: owner.gid,
    size: lent ?? (node.to === undefined ? 0 : Buffer.byteLength(node.to)),
    keep: isHidden(node) || node.kind === 'lent-file' || lent !== undefined ? 'never' : 'long',
  };
}

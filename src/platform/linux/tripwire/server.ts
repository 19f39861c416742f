/**
 * Answers the requests of the tripwire file system: the skeleton as it is, a hidden name with EACCES where the host has it
 * and with ENOENT where not. SECURITY: nothing of the host is behind these answers, so none of them can give anything away
 * but that a name exists; whatever fails here fails as an error inside.
 */
import {
  absentReply,
  attributesReply,
  bytesReply,
  emptyReply,
  entryReply,
  errorReply,
  forgetInode,
  initReply,
  listingReply,
  openedFileReply,
  openedReply,
  statfsReply,
} from './answers.ts';
import { type HostLook, lookAtHost } from './host-look.ts';
import { KINDS } from './kinds.ts';
import { type LentFile, Loans } from './loans.ts';
import {
  attributesOf,
  isHidden,
  NodeTable,
  pathOf,
  type TripwireLayout,
  type TripwireNode,
} from './nodes.ts';
import { ERRNO, type Request } from './protocol.ts';
import type { Judged, TripwireSighting } from './sightings.ts';

export interface TripwireOptions {
  readonly layout: TripwireLayout;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Sends one answer to the kernel. */
  readonly send: (reply: Buffer) => void;
  /**
   * The answer waits for it: until then the thread that looked is there to be identified. Must not reject. Undefined: refused.
   */
  readonly onSighting: (sighting: TripwireSighting) => Promise<Judged> | undefined;
  /**
   * Whether an answer may take long. Then hidden files are walked to, as directories always are, so that what is judged is their
   * use: while a name is looked up the kernel holds its directory's lock, and the supervisor would wait for it as well.
   */
  readonly patient?: boolean;
  /** Looks by these are answered and not told: the supervisor walks paths inside for those it judges. */
  readonly isOwn: (pid: number) => boolean;
  /** Default: lstat(2) as the person. */
  readonly look?: HostLook;
}

export class TripwireServer {
  readonly #nodes: NodeTable;
  readonly #loans = new Loans();
  readonly #options: TripwireOptions;
  readonly #look: HostLook;

  constructor(options: TripwireOptions) {
    this.#nodes = new NodeTable(options.layout);
    this.#options = options;
    this.#look = options.look ?? lookAtHost;
  }

  /** From now on `path` is there to be mounted on, though by itself it gives nothing. */
  lead(path: string, kind: 'file' | 'directory'): void {
    for (const directory of this.#nodes.lead(path, kind)) this.#options.send(forgetInode(directory));
  }

  /** `path` can be opened once from now on, and is hidden again then. */
  lend(path: string, file: LentFile): void {
    for (const directory of this.#nodes.lead(path, 'lent-file')) this.#options.send(forgetInode(directory));
    const node = this.#nodes.at(path)!;
    this.#loans.offer(node, file);
    // It may know the size that it had when it was closed.
    this.#options.send(forgetInode(node.id));
  }

  /** Nobody asks any more. */
  close(): void {
    this.#loans.close();
  }

  /** `path` is hidden again. */
  hide(path: string): void {
    const node = this.#nodes.at(path);
    if (node !== undefined) this.#loans.withdraw(node);
    const directory = this.#nodes.hide(path);
    if (directory !== undefined) this.#options.send(forgetInode(directory));
  }

  /** Answers one request. Resolves when it was answered; never rejects. */
  async answer(request: Request): Promise<void> {
    const { unique } = request;
    switch (request.kind) {
      case 'forget': {
        for (const { node, lookups } of request.forgotten) this.#nodes.forget(node, lookups);
        return;
      }
      case 'init':
        return this.#options.send(initReply(unique, request));
      case 'refused':
        return this.#options.send(errorReply(unique, request.errno));
      case 'done':
        return this.#options.send(emptyReply(unique));
      case 'statfs':
        return this.#options.send(statfsReply(unique));
      case 'release':
        this.#loans.release(request.handle);
        return this.#options.send(emptyReply(unique));
      case 'read': {
        const bytes = await this.#loans.read(request.handle, request.offset, request.size);
        const reply = bytes === undefined ? errorReply(unique, ERRNO.EIO) : bytesReply(unique, bytes);
        return this.#options.send(reply);
      }
    }
    const node = this.#nodes.get(request.node);
    if (node === undefined) return this.#options.send(errorReply(unique, ERRNO.ESTALE));
    const reply = request.kind === 'lookup' ? this.#lookup(request, node) : this.#ask(request, node);
    this.#options.send(reply instanceof Promise ? await reply : reply);
  }

  #ask(
    request: Exclude<Request, { kind: 'forget' | 'init' | 'refused' | 'lookup' | 'read' | 'release' }>,
    node: TripwireNode,
  ): Buffer | Promise<Buffer> {
    const { unique } = request;
    const refused = KINDS[node.kind].refused === true;
    switch (request.kind) {
      case 'getattr': {
        const lent = this.#loans.sizeOf(node);
        if (lent !== undefined) return attributesReply(unique, attributesOf(node, this.#options.owner, lent));
        if (isHidden(node)) return this.#refuse(request, node.path, 'look-up');
        return attributesReply(unique, attributesOf(node, this.#options.owner));
      }
      case 'access':
        // Without bits only the existence is asked for (access(2), F_OK).
        if (isHidden(node) || (refused && request.mask !== 0)) {
          return this.#refuse(request, node.path, 'look-up');
        }
        return emptyReply(unique);
      case 'open':
        return this.#open(request, node);
      case 'opendir':
        return refused ? this.#refuse(request, node.path, 'list') : openedReply(unique);
      case 'readlink':
        return node.to === undefined
          ? errorReply(unique, ERRNO.EINVAL)
          : bytesReply(unique, Buffer.from(node.to));
      case 'readdir':
      case 'readdirplus':
        return refused ? errorReply(unique, ERRNO.EACCES) : this.#list(request, node);
      default:
        return emptyReply(unique);
    }
  }

  /** The supervisor opens nothing: it would take what was lent to somebody else. */
  #open(request: Request, node: TripwireNode): Buffer | Promise<Buffer> {
    const taken = this.#options.isOwn(request.pid) ? undefined : this.#loans.take(node);
    if (taken === undefined) return this.#refuse(request, node.path, 'read');
    this.hide(Buffer.from(node.path, 'latin1').toString());
    taken.file.onUsed(request.pid);
    return openedFileReply(request.unique, taken.handle);
  }

  #list(request: Extract<Request, { kind: 'readdir' | 'readdirplus' }>, node: TripwireNode): Buffer {
    const children = [...node.children];
    // The root is never attached anywhere: whoever builds the boundary lists it to know every part of it at once.
    const shown = node.kind === 'root' ? children : children.filter(([, { kind }]) => !KINDS[kind].unlisted);
    const entries = shown.map(([name, child]) => ({
      name: Buffer.from(name, 'latin1'),
      attributes: attributesOf(child, this.#options.owner),
    }));
    const { offset, size, kind } = request;
    return listingReply(request.unique, entries, { offset, size, plus: kind === 'readdirplus' });
  }

  async #lookup(request: Extract<Request, { kind: 'lookup' }>, parent: TripwireNode): Promise<Buffer> {
    const { unique } = request;
    const name = request.name.toString('latin1');
    const { owner } = this.#options;
    const child = parent.children.get(name);
    if (child !== undefined && !isHidden(child)) return entryReply(unique, attributesOf(child, owner));
    if (parent.kind === 'root') return absentReply(unique);
    if (KINDS[parent.kind].flat) {
      return errorReply(unique, ERRNO.ENOTDIR);
    }
    if (name === '' || name === '.' || name === '..' || name.includes('/')) {
      return errorReply(unique, ERRNO.EINVAL);
    }
    const path = pathOf(parent, name);
    const found = await this.#look(Buffer.from(path, 'latin1'));
    if (found === 'absent') return absentReply(unique);
    if (found === 'too-long') return errorReply(unique, ERRNO.ENAMETOOLONG);
    // A directory may be walked through, so that what is seen in the end is the whole path.
    const held =
      found === 'directory' ? 'hidden' : found === 'file' && this.#options.patient && 'hidden-file';
    const node = held ? this.#nodes.hold(parent, name, held) : undefined;
    return node === undefined
      ? this.#refuse(request, path, 'look-up')
      : entryReply(unique, attributesOf(node, owner));
  }

  #refuse(
    { kind, unique, pid }: Request,
    path: string,
    act: TripwireSighting['act'],
  ): Buffer | Promise<Buffer> {
    const errno = ERRNO.EACCES;
    const reply = errorReply(unique, errno);
    if (this.#options.isOwn(pid)) return reply;
    const brief = kind === 'lookup' ? ({ brief: true } as const) : {};
    const sighting = { path: Buffer.from(path, 'latin1'), pid, act, errno, ...brief };
    const judged = this.#options.onSighting(sighting);
    // On ESTALE the kernel walks the whole path once more (do_filp_open, retry_estale), and so comes to what is mounted now.
    return judged === undefined
      ? reply
      : judged.then((outcome) => (outcome === 'shown' ? errorReply(unique, ERRNO.ESTALE) : reply));
  }
}

/** Hidden files that are given away for one open each: their bytes come from here, and nothing is mounted for them. */
import { closeSync, read } from 'node:fs';
import type { TripwireNode } from './nodes.ts';

/** A file of the host, open to be read; this closes it in the end. */
export interface LentFile {
  readonly descriptor: number;
  /** Bytes, when it was opened. */
  readonly size: number;
  /** The one open was made, by this thread as the host counts. The next one is refused. */
  readonly onUsed: (pid: number) => void;
}

/** The relay's buffer holds 16 KiB, with the head of an answer. A read that gets less comes again. */
const MOST_READ = 12 * 1024;

export class Loans {
  readonly #offered = new Map<TripwireNode, LentFile>();
  readonly #open = new Map<bigint, LentFile & { readonly node: TripwireNode }>();
  #next = 1n;

  offer(node: TripwireNode, file: LentFile): void {
    this.withdraw(node);
    this.#offered.set(node, file);
  }

  /** Not to be had any more. What was opened stays open. */
  withdraw(node: TripwireNode): void {
    const file = this.#offered.get(node);
    if (file === undefined) return;
    this.#offered.delete(node);
    closeSync(file.descriptor);
  }

  /** The one open: a number to read by. Undefined where nothing is offered. */
  take(node: TripwireNode): { readonly handle: bigint; readonly file: LentFile } | undefined {
    const file = this.#offered.get(node);
    if (file === undefined) return undefined;
    this.#offered.delete(node);
    const handle = this.#next++;
    this.#open.set(handle, { ...file, node });
    return { handle, file };
  }

  /** Bytes, as long as it is offered or somebody has it open: fstat(2) does not say through what it asks. */
  sizeOf(node: TripwireNode): number | undefined {
    const offered = this.#offered.get(node);
    return (offered ?? [...this.#open.values()].find((open) => open.node === node))?.size;
  }

  /** Undefined where it cannot be read. */
  read(handle: bigint, offset: bigint, size: number): Promise<Buffer | undefined> {
    const file = this.#open.get(handle);
    if (file === undefined) return Promise.resolve(undefined);
    const bytes = Buffer.alloc(Math.min(size, MOST_READ));
    return new Promise((resolve) => {
      read(file.descriptor, { buffer: bytes, position: offset }, (error, count) =>
        resolve(error === null ? bytes.subarray(0, count) : undefined),
      );
    });
  }

  release(handle: bigint): void {
    const file = this.#open.get(handle);
    if (file === undefined) return;
    this.#open.delete(handle);
    closeSync(file.descriptor);
  }

  close(): void {
    for (const { descriptor } of [...this.#offered.values(), ...this.#open.values()]) closeSync(descriptor);
    this.#offered.clear();
    this.#open.clear();
  }
}

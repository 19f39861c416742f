/** Which process of the sandbox holds the socket that something came from: the kernel's socket table, and descriptors. */
import { closeSync, type Dir, opendirSync, openSync, readlinkSync, readSync } from 'node:fs';
import { socketInodes } from './loopback/socket-table.ts';
import type { SocketAddress } from './sandbox-sockets.ts';

/** Processes that asked last; whoever waits for an answer is among them, unless so many ask at once. */
const MOST_REMEMBERED = 64;
/** Whoever opens a hundred thousand sockets inside must not make this process read about all of them. */
const TABLE_BYTES = 1 << 20;
const MOST_DESCRIPTORS = 4096;

function readTable(pid: number, name: string): string {
  const buffer = Buffer.alloc(TABLE_BYTES);
  let length = 0;
  try {
    const descriptor = openSync(`/proc/${pid}/net/${name}`, 'r');
    try {
      for (let got = -1; got !== 0 && length < TABLE_BYTES; length += got)
        got = readSync(descriptor, buffer, length, TABLE_BYTES - length, null);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // It has gone; the others are in the same network.
  }
  return buffer.toString('latin1', 0, length);
}

function holds(pid: number, links: ReadonlySet<string>): boolean {
  const place = `/proc/${pid}/fd`;
  let directory: Dir | undefined;
  try {
    directory = opendirSync(place);
    for (let seen = 0; seen < MOST_DESCRIPTORS; seen++) {
      const entry = directory.readSync();
      if (entry === null) return false;
      if (links.has(readlinkSync(`${place}/${entry.name}`))) return true;
    }
    return false;
  } catch {
    // It has gone, or has closed what was just listed: then it waits for no answer.
    return false;
  } finally {
    directory?.closeSync();
  }
}

export class Askers {
  /** By the pid on the host, the latest last. */
  readonly #remembered = new Set<number>();

  /** `pid` asks for something. */
  saw(pid: number): void {
    this.#remembered.delete(pid);
    this.#remembered.add(pid);
    if (this.#remembered.size > MOST_REMEMBERED)
      this.#remembered.delete(this.#remembered.values().next().value!);
  }

  /**
   * Who sent from this place, by the pid on the host; 0 when nobody who asked holds a socket there. To be called while the
   * sender waits for its answer: it still holds the socket then.
   */
  ownerOf(at: SocketAddress, transport: 'tcp' | 'udp'): number {
    const latest = [...this.#remembered].reverse();
    for (const pid of latest) {
      const tables = readTable(pid, transport) + readTable(pid, `${transport}6`);
      if (tables === '') continue;
      const links = new Set(socketInodes(tables, at).map((inode) => `socket:[${inode}]`));
      return links.size === 0 ? 0 : (latest.find((each) => holds(each, links)) ?? 0);
    }
    return 0;
  }
}

/**
 * The last of what a detached command said, kept in its session's directory for whoever attaches. Two files of frames
 * (exec-frames.ts): when the newer one is full it takes the place of the older one.
 */
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Frame, FrameReader, frames } from './exec-frames.ts';
import { replayable } from './terminal-replay.ts';

const [NEWER, OLDER] = ['output', 'output.old'];
/** Bytes of each file, heads of frames included: what is kept is at least this much of the last, and at most twice. */
export const KEPT_BYTES = 512 * 1024;
/** Of a terminal's: some screens of it. All of it would be drawn again one after another. */
const SHOWN_OF_TERMINAL = 64 * 1024;

export class KeptOutput {
  readonly #directory: string;
  readonly #onLost: (why: string) => void;
  #file: number | undefined;
  #length = 0;

  /** `onLost`: it cannot be kept any more, on a full disk for example; what was kept before stays. */
  constructor(directory: string, onLost: (why: string) => void) {
    this.#directory = directory;
    this.#onLost = onLost;
    this.#try(() => this.#open());
  }

  keep(kind: 'output' | 'errors', chunk: Buffer): void {
    this.#try(() => {
      for (const each of frames(kind, chunk)) this.#append(each);
    });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): void {
    // Others of this person must not read what the inside said.
    this.#file = openSync(join(this.#directory, NEWER), 'w', 0o600);
    this.#length = 0;
  }

  #append(bytes: Buffer): void {
    if (this.#file === undefined) return;
    if (this.#length + bytes.length > KEPT_BYTES) {
      this.close();
      renameSync(join(this.#directory, NEWER), join(this.#directory, OLDER));
      this.#open();
    }
    // A regular file takes all or, when the disk is full, less: the next write says so.
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.#length += bytes.length;
  }

  #try(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.close();
      this.#onLost(error instanceof Error ? error.message : String(error));
    }
  }
}

function framesOf(path: string): Frame[] {
  try {
    // The last one may be torn, by a kill.
    return new FrameReader().push(readFileSync(path)) ?? [];
  } catch {
    // It said nothing yet, or less than fills one file.
    return [];
  }
}

/** What is kept, as frames to be sent. Of a terminal: what can be shown again without asking the terminal anything. */
export function recallOutput(directory: string, { terminal }: { readonly terminal: boolean }): Buffer[] {
  const kept = [OLDER, NEWER].flatMap((name) => framesOf(join(directory, name)));
  if (!terminal) return kept.flatMap(({ kind, bytes }) => frames(kind, bytes));
  const all = Buffer.concat(kept.map(({ bytes }) => bytes));
  const cut = all.length > SHOWN_OF_TERMINAL;
  const last = all.subarray(cut ? all.length - SHOWN_OF_TERMINAL : 0).toString('utf8');
  return frames('output', Buffer.from(replayable(last, { cut })));
}

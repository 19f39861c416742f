/** What one stream of a persistent shell carries: each command's part ends at a mark that is chosen when the command has ended. */

export class MarkedOutput {
  #chunks: Buffer[] = [];
  #kept = 0;
  #mark: Buffer | undefined;
  #found: (() => void) | undefined;
  /** Bytes in which a mark may begin. */
  #tail: Buffer = Buffer.alloc(0);
  #room: number;
  #exceeded = false;
  readonly #onExceeded: () => void;

  /** `room`: bytes that are kept of one command. */
  constructor(room: number, onExceeded: () => void) {
    this.#room = room;
    this.#onExceeded = onExceeded;
  }

  get exceeded(): boolean {
    return this.#exceeded;
  }

  push(chunk: Buffer): void {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    const at = this.#mark === undefined ? -1 : bytes.indexOf(this.#mark);
    if (this.#mark !== undefined && at >= 0) {
      this.#keep(bytes.subarray(0, at));
      // What is left behind is of the next command, or of a process in the background.
      this.#tail = bytes.subarray(at + this.#mark.length);
      this.#mark = undefined;
      this.#found?.();
      return;
    }
    const held = this.#mark === undefined ? 0 : Math.min(bytes.length, this.#mark.length - 1);
    this.#keep(bytes.subarray(0, bytes.length - held));
    this.#tail = bytes.subarray(bytes.length - held);
  }

  /** Resolves when `mark` has come by. */
  until(mark: Buffer): Promise<void> {
    this.#mark = mark;
    return new Promise((resolve) => {
      this.#found = resolve;
    });
  }

  /** What has come for the command, and room for the next. */
  take(room: number): Buffer {
    const taken = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#kept = 0;
    this.#room = room;
    this.#exceeded = false;
    return taken;
  }

  /** The shell has ended: what might have been the beginning of a mark is none. */
  flush(): void {
    this.#keep(this.#tail);
    this.#tail = Buffer.alloc(0);
  }

  #keep(bytes: Buffer): void {
    const left = this.#room - this.#kept;
    if (bytes.length > left && !this.#exceeded) {
      this.#exceeded = true;
      this.#onExceeded();
    }
    if (left <= 0 || bytes.length === 0) return;
    const part = bytes.subarray(0, left);
    this.#chunks.push(part);
    this.#kept += part.length;
  }
}

/** Passes what is typed on, until it is Control-\ twice: that leaves. The first of them waits for the key after it. */
import { Transform, type TransformCallback } from 'node:stream';

/** Control-\ */
const KEY = 0x1c;

export class DetachKeys extends Transform {
  readonly #leave: () => void;
  #held = false;
  #left = false;

  constructor(leave: () => void) {
    super();
    this.#leave = leave;
  }

  override _transform(typed: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#left) {
      done();
      return;
    }
    const passed: number[] = [];
    for (const key of typed) {
      if (this.#left) break;
      if (this.#held && key === KEY) this.#left = true;
      else if (key === KEY) this.#held = true;
      else {
        if (this.#held) passed.push(KEY);
        this.#held = false;
        passed.push(key);
      }
    }
    done(null, passed.length > 0 ? Buffer.from(passed) : undefined);
    if (this.#left) this.#leave();
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#held && !this.#left ? Buffer.of(KEY) : undefined);
  }
}

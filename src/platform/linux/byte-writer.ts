/** Writes the fields of what the launcher reads, one after the other, into a buffer that grows. Little-endian (x86-64, arm64). */
import { SandboxError } from '../../errors.ts';
import { encodeName, hasStrayBytes } from '../../policy/printable.ts';

/** In C a text ends at its first NUL. */
export function cutShort(text: string): SandboxError {
  return new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot use ${JSON.stringify(text)}`,
    why: 'it holds a NUL character',
    fix: 'Remove the NUL character',
  });
}

/** One buffer, and numbers without BigInt: a plan has thousands of fields. */
export class ByteWriter {
  #buffer: Buffer;
  #view: DataView;
  #length = 0;

  /** `bytes`: about how many there will be. */
  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  /** A whole number, also a negative one; beyond 2^53 a bigint. */
  u64(value: number | bigint): void {
    this.#reserve(8);
    if (typeof value === 'bigint') {
      this.#view.setBigUint64(this.#length, value, true);
    } else {
      this.#view.setUint32(this.#length, value, true);
      this.#view.setInt32(this.#length + 4, Math.floor(value / 2 ** 32), true);
    }
    this.#length += 8;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** UTF-8, with a NUL at its end. Throws SandboxError ERR_PATH_INVALID for a NUL within, which would cut it short in C. */
  text(text: string): void {
    if (text.includes('\0')) throw cutShort(text);
    // UTF-8 takes at most three bytes for each UTF-16 unit.
    this.#reserve(3 * text.length + 1);
    this.#length += this.#buffer.write(text, this.#length);
    this.#buffer[this.#length++] = 0;
  }

  /** Bytes with their number before them. */
  blob(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** What a command is given: `string`s in which bytes that are not UTF-8 stand as `decodeName` spells them. */
  words(words: readonly string[]): void {
    this.u32(words.length);
    for (const word of words) {
      if (!hasStrayBytes(word)) {
        this.string(word);
        continue;
      }
      if (word.includes('\0')) throw cutShort(word);
      this.blob(Buffer.concat([encodeName(word), Buffer.of(0)]));
    }
  }

  /** A text with the number of its bytes before it, the NUL among them. */
  string(text: string): void {
    const at = this.#length;
    this.u32(0);
    this.text(text);
    this.#view.setUint32(at, this.#length - at - 4, true);
  }

  /** Rows of one size each: their number, then all of them. */
  rows({ count, bytes }: { readonly count: number; readonly bytes: Uint8Array }): void {
    this.u32(count);
    this.bytes(bytes);
  }

  list(items: readonly string[]): void {
    this.u32(items.length);
    for (const item of items) this.string(item);
  }

  all(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** What goes over a control connection once a command runs on it: frames of a kind, a length and bytes, both ways. */

import type { TerminalSize } from '../platform/linux/plan.ts';

/**
 * From the person: `input`, `input-end`, `signal` (one byte), `size` of the terminal (columns and rows, 16 bits each). From the session: `output`, `errors`, `taken` (how many bytes of
 * input went on, 32 bits) and, last, `ended` (JSON: how the command ended).
 */
export const FRAME_KINDS = [
  'input',
  'input-end',
  'signal',
  'output',
  'errors',
  'taken',
  'ended',
  'size',
] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

export interface Frame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
}

/** Of one frame: what Node reads from a pipe at once. */
export const MAX_FRAME_BYTES = 64 * 1024;
/** Input that is under way and not yet taken by the command. */
export const WINDOW_BYTES = 256 * 1024;
const HEAD = 5;

export function frame(kind: FrameKind, bytes: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUInt8(FRAME_KINDS.indexOf(kind), 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

export function sizeBytes({ columns, rows }: TerminalSize): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(columns, 0);
  bytes.writeUInt16BE(rows, 2);
  return bytes;
}

/** How long `bytes` are, as a frame says it. */
export function lengthBytes({ length }: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}

/** Undefined for what is no size. */
export function sizeFrom(bytes: Buffer): TerminalSize | undefined {
  if (bytes.length !== 4) return undefined;
  const size = { columns: bytes.readUInt16BE(0), rows: bytes.readUInt16BE(2) };
  return size.columns > 0 && size.rows > 0 ? size : undefined;
}

/** As many frames as it takes. */
export function frames(kind: FrameKind, bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
    parts.push(frame(kind, bytes.subarray(at, at + MAX_FRAME_BYTES)));
  }
  return parts;
}

export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The next frames; undefined for what is none. */
  push(chunk: Buffer): Frame[] | undefined {
    const found: Frame[] = [];
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEAD) {
      const kind = FRAME_KINDS[this.#rest.readUInt8(0)];
      const length = this.#rest.readUInt32BE(1);
      if (kind === undefined || length > MAX_FRAME_BYTES) return undefined;
      if (this.#rest.length < HEAD + length) break;
      found.push({ kind, bytes: this.#rest.subarray(HEAD, HEAD + length) });
      this.#rest = this.#rest.subarray(HEAD + length);
    }
    return found;
  }
}

/** System calls as data: the launcher makes them one after the other (`native/launcher/calls.c`), and decides nothing. */
import { SandboxError } from '../../errors.ts';
import { ARCH_TABLES, type Arch } from './seccomp/tables.ts';

/** What no system call says. Numbers from 0x10000 on, beyond all of the kernel's; `enum own_call`. */
const OWN_CALLS = {
  /** A mechanism is in force; the label names it. */
  applied: 0x10000,
  /** (text, text, bytes): ESTALE unless both are the same. */
  compare: 0x10001,
  /** Gives the mount of the tripwire file system. */
  tripwire: 0x10002,
  /** (ruleset, handled): allows the standard streams what they were handed in with. */
  standardStreams: 0x10003,
  /** (instructions, count): one more filter of system calls. */
  filter: 0x10004,
  /** (terminal, data, sizes): a process of ours joins the far side of a terminal to a socket. */
  relay: 0x10005,
} as const;

/** Bytes of `struct call`. */
const CALL_BYTES = 72;

/** A number, or text (NUL-terminated) or bytes, of which the call is given the address. */
export type Argument = number | bigint | string | Uint8Array;

export interface CallOptions {
  /** The descriptor that the call gives is put at this number. When it fails and that is tolerated, none is there. */
  readonly place?: number;
  /** errno that count as success. */
  readonly tolerates?: readonly number[];
}

export class CallList {
  readonly arch: Arch;
  /** What the calls that follow are for: named when one fails. */
  label = '';
  /** The mechanism that the calls that follow belong to. */
  step = '';
  readonly #calls: Buffer[] = [];
  readonly #data: Buffer[] = [];
  readonly #texts = new Map<string, number>();
  readonly #blobs = new Map<Uint8Array, number>();
  #dataLength = 0;

  constructor(arch: Arch) {
    this.arch = arch;
  }

  add(name: string, args: readonly Argument[], options: CallOptions = {}): void {
    const number =
      (OWN_CALLS as Readonly<Record<string, number>>)[name] ?? ARCH_TABLES[this.arch].numbers[name];
    if (number === undefined) throw new Error(`no system call ${name} on ${this.arch}`);
    const call = Buffer.alloc(CALL_BYTES);
    let pointers = 0;
    args.forEach((argument, index) => {
      const plain = typeof argument === 'number' || typeof argument === 'bigint';
      if (!plain) pointers |= 1 << index;
      const value = plain ? BigInt(argument) : BigInt(this.#keep(argument));
      call.writeBigUInt64LE(BigInt.asUintN(64, value), 24 + 8 * index);
    });
    call.writeUInt32LE(number, 0);
    call.writeInt32LE(options.place ?? -1, 4);
    call.writeUInt32LE(this.#keep(this.label), 8);
    call.writeUInt32LE(this.#keep(this.step), 12);
    call.writeUInt8(pointers, 16);
    for (const [index, errno] of (options.tolerates ?? []).entries()) call.writeUInt8(errno, 17 + index);
    this.#calls.push(call);
  }

  /** What two calls are given the same bytes object for is one place: the first may write there what the second reads. */
  encode(): { readonly calls: Buffer; readonly data: Buffer } {
    return { calls: Buffer.concat(this.#calls), data: Buffer.concat([...this.#data, Buffer.alloc(1)]) };
  }

  #keep(value: string | Uint8Array): number {
    const known = typeof value === 'string' ? this.#texts.get(value) : this.#blobs.get(value);
    if (known !== undefined) return known;
    if (typeof value === 'string' && value.includes('\0')) throw cutShort(value);
    const at = this.#dataLength;
    const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`) : Buffer.from(value);
    this.#data.push(bytes);
    this.#dataLength += bytes.length;
    if (typeof value === 'string') this.#texts.set(value, at);
    else this.#blobs.set(value, at);
    return at;
  }
}

/** In C a text ends at its first NUL. */
export function cutShort(text: string): SandboxError {
  return new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot use ${JSON.stringify(text)}`,
    why: 'it holds a NUL character',
    fix: 'Remove the NUL character',
  });
}

/** Fields of a C structure, little-endian: `[value, bytes]`. */
export function struct(...fields: readonly (readonly [value: number | bigint, bytes: 2 | 4 | 8])[]): Buffer {
  const out = Buffer.alloc(fields.reduce((all, [, bytes]) => all + bytes, 0));
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 8) out.writeBigUInt64LE(BigInt(value), at);
    else out.writeUIntLE(Number(value), at, bytes);
    at += bytes;
  }
  return out;
}

/** System calls as data: the launcher makes them one after the other (`native/launcher/calls.c`), and decides nothing. */
import { ByteWriter } from './byte-writer.ts';
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
  /** (instructions, count, flags of seccomp(2)): one more filter of system calls. A listener that it gives goes to the launcher. */
  filter: 0x10004,
  /** (terminal, data, sizes): a process of ours joins the far side of a terminal to a socket. */
  relay: 0x10005,
  /** The calls from here on are not init's: whatever is started inside makes them for itself before it becomes a program. */
  each: 0x10006,
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

const MOST_TOLERATED = 7;
const ARGUMENTS = 6;

export class CallList {
  readonly arch: Arch;
  /** What the calls that follow are for: named when one fails. */
  label = '';
  /** The mechanism that the calls that follow belong to. */
  step = '';
  readonly #calls: ByteWriter;
  readonly #data: ByteWriter;
  readonly #kept = new Map<string | Uint8Array, number>();

  /** `calls`: about how many there will be. */
  constructor(arch: Arch, calls = 16) {
    this.arch = arch;
    this.#calls = new ByteWriter(calls * CALL_BYTES);
    this.#data = new ByteWriter(calls * CALL_BYTES);
  }

  add(name: string, args: readonly Argument[], { place = -1, tolerates = [] }: CallOptions = {}): void {
    const number =
      (OWN_CALLS as Readonly<Record<string, number>>)[name] ?? ARCH_TABLES[this.arch].numbers[name];
    if (number === undefined) throw new Error(`no system call ${name} on ${this.arch}`);
    const calls = this.#calls;
    calls.u32(number);
    calls.u32(place);
    calls.u32(this.#keep(this.label));
    calls.u32(this.#keep(this.step));
    let pointers = 0;
    args.forEach((argument, index) => {
      if (!isNumber(argument)) pointers |= 1 << index;
    });
    calls.u8(pointers);
    for (let index = 0; index < MOST_TOLERATED; index += 1) calls.u8(tolerates[index] ?? 0);
    for (let index = 0; index < ARGUMENTS; index += 1) {
      const argument = args[index] ?? 0;
      calls.u64(isNumber(argument) ? argument : this.#keep(argument));
    }
  }

  /** What two calls are given the same bytes object for is one place: the first may write there what the second reads. */
  encode(): { readonly calls: Buffer; readonly data: Buffer } {
    return { calls: this.#calls.all(), data: Buffer.concat([this.#data.all(), Buffer.alloc(1)]) };
  }

  #keep(value: string | Uint8Array): number {
    const known = this.#kept.get(value);
    if (known !== undefined) return known;
    const at = this.#data.length;
    if (typeof value === 'string') this.#data.text(value);
    else this.#data.bytes(value);
    this.#kept.set(value, at);
    return at;
  }
}

function isNumber(argument: Argument): argument is number | bigint {
  return typeof argument === 'number' || typeof argument === 'bigint';
}

/** Refuses (ESTALE) what is not the directory that was looked through: protected names in another one would lie open. */
export function addIdentityCheck(
  calls: CallList,
  descriptor: number,
  { device, inode }: { readonly device: bigint; readonly inode: bigint },
): void {
  // struct stat begins with st_dev and st_ino on both architectures.
  const stat = Buffer.alloc(256);
  calls.add('fstat', [descriptor, stat]);
  const wanted = struct([device, 8], [inode, 8]);
  calls.add('compare', [stat, wanted, wanted.length]);
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

/** What the supervisor takes over from a process whose call waits: its umask, and bytes of its memory. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Memory, Unit } from '../platform/linux/granted/acts.ts';

const PATH_MAX = 4096;
const PAGE = 4096n;
/** Of struct timespec and its kin, two each. */
const TIMES_BYTES = 32;
const NANOSECONDS: Readonly<Record<Exclude<Unit, 'seconds'>, bigint>> = {
  nanoseconds: 1n,
  microseconds: 1000n,
};
/** errno(3). */
const EFAULT = 14;
const ENAMETOOLONG = 36;

/** It cannot be read; `errno`: what the kernel would have said of such a pointer. */
export class Unreadable extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`the caller's memory cannot be read (errno ${errno})`);
    this.errno = errno;
  }
}

/** As the host counts; a thread's is its process's. Where it has gone, nothing is made for it: the strictest. */
export function umaskOf(pid: number): number {
  try {
    const [, octal] = /^Umask:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return octal === undefined ? 0o077 : Number.parseInt(octal, 8);
  } catch {
    return 0o077;
  }
}

/**
 * What `memory` holds, as the kernel takes it. SECURITY: numbers of processes are used again. The memory is opened first; a call
 * that still waits after that was this process's then, and what is open stays its own. Rejects with Unreadable, and with what
 * `stillWaits` rejects with.
 */
export async function copyFrom(
  pid: number,
  memory: Memory,
  stillWaits: () => Promise<void>,
): Promise<Buffer> {
  const descriptor = openMemory(pid);
  try {
    await stillWaits();
    return memory.kind === 'text' ? textAt(descriptor, memory.address) : timesAt(descriptor, memory);
  } finally {
    closeSync(descriptor);
  }
}

function openMemory(pid: number): number {
  try {
    return openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    throw new Unreadable(EFAULT);
  }
}

/** Page by page: the text may end just before one that is not there. */
function textAt(descriptor: number, address: bigint): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  while (length < PATH_MAX) {
    const at = address + BigInt(length);
    const part = bytesAt(descriptor, at, Math.min(Number(PAGE - (at % PAGE)), PATH_MAX - length));
    const end = part.indexOf(0);
    if (end >= 0) return Buffer.concat([...parts, part.subarray(0, end + 1)]);
    parts.push(part);
    length += part.length;
  }
  throw new Unreadable(ENAMETOOLONG);
}

/** Two struct timespec. */
function timesAt(descriptor: number, { address, unit }: Extract<Memory, { kind: 'times' }>): Buffer {
  if (unit === 'nanoseconds') return bytesAt(descriptor, address, TIMES_BYTES);
  const given = bytesAt(descriptor, address, unit === 'seconds' ? TIMES_BYTES / 2 : TIMES_BYTES);
  const out = Buffer.alloc(TIMES_BYTES);
  for (const half of [0, 1]) {
    const from = (given.length / 2) * half;
    out.writeBigInt64LE(given.readBigInt64LE(from), 16 * half);
    if (unit === 'seconds') continue;
    // What is no number of microseconds stays none of nanoseconds (EINVAL), and means nothing special (UTIME_NOW).
    const fraction = given.readBigInt64LE(from + 8);
    const isValid = fraction >= 0n && fraction < 1_000_000n;
    out.writeBigInt64LE(isValid ? fraction * NANOSECONDS[unit] : -1n, 16 * half + 8);
  }
  return out;
}

function bytesAt(descriptor: number, address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let got = 0;
  try {
    got = readSync(descriptor, bytes, 0, length, address);
  } catch {
    // Not mapped, or not an address of a process at all.
  }
  if (got < length) throw new Unreadable(EFAULT);
  return bytes;
}

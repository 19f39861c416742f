/** The wire format between Node and the launcher: plan and signals out, records in. `native/launcher/spec.c` mirrors it. */
import { SandboxError } from '../../errors.ts';
import { boundaryCalls } from './boundary-calls.ts';
import { ByteWriter } from './byte-writer.ts';
import { CallList } from './call-list.ts';
import type { Ground } from './ground.ts';
import { MISSED_SOCKETS, sieveOf } from './guarded-makings.ts';
import {
  ASKED_BYTES,
  decodeAsked,
  type Settlement,
  type SocketKind,
  socketPayload,
  verdictPayload,
} from './network-codec.ts';
import type { CommandPlan, LauncherRecord, Making, Plan, SocketAddress } from './plan.ts';
import { encodeWatched } from './watched-calls.ts';

/** Bumped whenever either side of the format changes; the launcher refuses a plan of another version. */
export const SPEC_VERSION = 8;
export const PROTOCOL_VERSION = 7;

const CONTROL = { plan: 2, signal: 3, command: 4, calls: 5, verdict: 20, socket: 21 } as const;

/** The number of the target where a frame or record names one of what runs inside; commands count from 1. */
export const TARGET_ID = 0;
const ASK = { remote: 1, loopback: 2 } as const;

function writeCalls(out: ByteWriter, list: CallList): void {
  const { calls, data } = list.encode();
  out.blob(calls);
  out.blob(data);
}

function writeRlimits(out: ByteWriter, rlimits: Plan['rlimits']): void {
  out.u32(rlimits.length);
  for (const limit of rlimits) {
    out.u32(limit.resource);
    out.u64(limit.soft);
    out.u64(limit.hard);
  }
}

/** The bytes of a plan, without frame. Throws SandboxError ERR_PATH_INVALID when a string holds NUL. */
export function encodePlan(plan: Plan, ground: Ground): Buffer {
  const out = new ByteWriter(1 << 17);
  out.u32(SPEC_VERSION);
  out.u32(plan.namespaces);
  out.string(plan.uidMap);
  out.string(plan.gidMap);
  out.u32(plan.denySetgroups ? 1 : 0);
  writeCalls(out, boundaryCalls(plan, ground));
  out.u32((plan.asks.remote ? ASK.remote : 0) | (plan.asks.loopback ? ASK.loopback : 0));
  out.rows(encodeWatched(ground.arch, plan.seen));
  const { guarded, arriving } = sieveOf(plan.guarded);
  out.list(plan.seen ? [...guarded, ...MISSED_SOCKETS] : guarded);
  out.list(arriving);
  writeRlimits(out, plan.rlimits);
  out.words(plan.environment);
  out.words(plan.argv);
  out.string(plan.cwd);
  return out.all();
}

function frame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

export function planFrame(plan: Plan, ground: Ground): Buffer {
  return frame(CONTROL.plan, encodePlan(plan, ground));
}

/** `id`: a command's, whose process group is signalled, or `TARGET_ID`, which is signalled alone. */
export function signalFrame(id: number, signal: number): Buffer {
  const payload = Buffer.allocUnsafe(8);
  payload.writeUInt32LE(id, 0);
  payload.writeInt32LE(signal, 4);
  return frame(CONTROL.signal, payload);
}

/** Answers an `asked` or a `making` record, or changes what passes unasked. */
export function verdictFrame(settlement: Settlement): Buffer {
  return frame(CONTROL.verdict, verdictPayload(settlement));
}

/** Asks for a socket of the sandbox's network; it comes as a handle with `{socket: token}`, or a `no-socket` record. */
export function socketFrame(token: number, kind: SocketKind, at: SocketAddress): Buffer {
  return frame(CONTROL.socket, socketPayload(token, kind, at));
}

const NO_CALLS = new CallList('x64');
/** Has calls made for the sandbox that runs; a `called` record of this token tells how they went. */
export function callsFrame(token: number, calls: CallList): Buffer {
  const out = new ByteWriter(4096);
  out.u32(token);
  writeCalls(out, calls);
  return frame(CONTROL.calls, out.all());
}

const STREAM = { ignore: 0, pipe: 1, inherit: 2 } as const;

/** Throws SandboxError ERR_PATH_INVALID when a string holds NUL. */
export function commandFrame(id: number, command: CommandPlan): Buffer {
  const out = new ByteWriter(1024);
  out.u32(CONTROL.command);
  out.u32(0);
  out.u32(id);
  out.u32(command.leftovers === 'kill' ? 1 : 0);
  out.u32(command.environment ? 1 : 0);
  for (const stream of command.streams) {
    out.u32(typeof stream === 'number' ? STREAM.inherit + stream : STREAM[stream]);
  }
  writeCalls(out, command.calls ?? NO_CALLS);
  out.words(command.environment ?? []);
  out.words(command.argv);
  out.string(command.cwd);
  const bytes = out.all();
  bytes.writeUInt32LE(bytes.length - 8, 4);
  return bytes;
}

/** A record of the launcher's own, besides those of the run: everything inside has ended. */
export type WireRecord = LauncherRecord | { readonly kind: 'ended' };

function malformed(why: string): SandboxError {
  return new SandboxError('ERR_RECORD_MALFORMED', { what: 'Cannot read what the launcher said', why });
}

function decodeFailure(payload: Buffer): WireRecord {
  const end = payload.indexOf(0, 4);
  if (end < 0) throw malformed('a failure without a step');
  return {
    kind: 'failure',
    errno: payload.readUInt32LE(0),
    step: payload.toString('utf8', 4, end),
    detail: payload.toString('utf8', end + 1),
  };
}

/** `enum making_flag`. */
const MAKING = { directory: 1, bringsMore: 2, readOnly: 4, present: 8, mounted: 16 } as const;

/** Registers that a system call has for its arguments. */
const ARGUMENTS = 6;

function decodeMaking(payload: Buffer): WireRecord {
  const names: Making[] = [];
  const named = 12 + 8 * ARGUMENTS;
  if (payload.length < named) throw malformed('a making without the arguments of its call');
  for (let at = named; at < payload.length; ) {
    const end = payload.indexOf(0, at + 8);
    if (end < 0) throw malformed('a making whose path is cut short');
    const flags = payload.readUInt32LE(at + 4);
    names.push({
      row: payload.readUInt32LE(at),
      path: payload.subarray(at + 8, end),
      directory: (flags & MAKING.directory) !== 0,
      bringsMore: (flags & MAKING.bringsMore) !== 0,
      refused: (flags & MAKING.readOnly) !== 0 ? 'ground' : (flags & MAKING.mounted) !== 0 ? 'mounted' : 'no',
      present: (flags & MAKING.present) !== 0,
    });
    at = end + 1;
  }
  return {
    kind: 'making',
    id: payload.readBigUInt64LE(0),
    pid: payload.readUInt32LE(8),
    args: Array.from({ length: ARGUMENTS }, (_, index) => payload.readBigUInt64LE(12 + 8 * index)),
    names,
  };
}

function decodeRefusedCall(payload: Buffer): WireRecord {
  const [head, pid, number] = /^(\d+) (\d+) /.exec(payload.toString('latin1', 0, 32)) ?? [];
  if (head === undefined) throw malformed('a refused call without its number');
  const program = payload.subarray(head.length);
  return { kind: 'refused-call', pid: Number(pid), number: Number(number), program };
}

const CHILD_STARTED = 1;
const CHILD_ENDED = 2;
/** What kept a child from being started, from event 3 on. */
const NOT_STARTED = ['start', 'directory', 'limits', 'exec', 'calls'] as const;

/** Of the target or a command: it was started, has ended (with the status of wait(2)), or could not be started (errno). */
function decodeChild(payload: Buffer): WireRecord {
  const id = payload.readUInt32LE(0);
  const event = payload.readUInt32LE(4);
  const value = payload.readUInt32LE(8);
  const target = id === TARGET_ID;
  if (event === CHILD_STARTED) {
    return target ? { kind: 'started', pid: value } : { kind: 'command', id, event: 'started', value };
  }
  if (event === CHILD_ENDED) {
    const signal = value & 0x7f;
    const code = (value >> 8) & 0xff;
    if (signal === 0)
      return target ? { kind: 'exited', code } : { kind: 'command', id, event: 'exited', value: code };
    return target ? { kind: 'killed', signal } : { kind: 'command', id, event: 'killed', value: signal };
  }
  const step = NOT_STARTED[event - CHILD_ENDED - 1];
  if (step === undefined) throw malformed(`event ${event} of a child`);
  return target
    ? { kind: 'not-started', step, errno: value }
    : { kind: 'command', id, event: 'failed', value };
}

type Decoder = { readonly least: number; readonly decode: (payload: Buffer) => WireRecord };

/** By record type; `least` is the shortest payload that is well-formed. */
const DECODERS: Readonly<Record<number, Decoder>> = {
  1: {
    least: 8,
    decode: (p) => ({ kind: 'hello', version: p.readUInt32LE(0), landlockAbi: p.readUInt32LE(4) }),
  },
  4: { least: 1, decode: (p) => ({ kind: 'applied', step: p.toString('utf8') }) },
  5: { least: 12, decode: decodeChild },
  6: { least: 21, decode: decodeMaking },
  7: {
    least: 9,
    decode: (p) => ({
      kind: 'called',
      token: p.readUInt32LE(0),
      errno: p.readUInt32LE(4),
      at: p.toString('utf8', 8, p.length - 1),
    }),
  },
  10: { least: 5, decode: decodeFailure },
  11: { least: 0, decode: () => ({ kind: 'ended' }) },
  20: { least: ASKED_BYTES, decode: decodeAsked },
  21: { least: 4, decode: (p) => ({ kind: 'listening', pid: p.readUInt32LE(0) }) },
  22: {
    least: 8,
    decode: (p) => ({ kind: 'no-socket', token: p.readUInt32LE(0), errno: p.readUInt32LE(4) }),
  },
  23: { least: 4, decode: decodeRefusedCall },
};

/** Longest record the launcher sends (`struct record`); more is not believed. */
const MAX_RECORD = 12288;

/** Cuts the stream of bytes into records. Throws SandboxError ERR_RECORD_MALFORMED. */
export class RecordReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): WireRecord[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const records: WireRecord[] = [];
    let at = 0;
    while (this.#pending.length - at >= 8) {
      const type = this.#pending.readUInt32LE(at);
      const length = this.#pending.readUInt32LE(at + 4);
      const decoder = DECODERS[type];
      if (!decoder || length > MAX_RECORD || length < decoder.least) {
        throw malformed(`record type ${type} of ${length} bytes`);
      }
      if (this.#pending.length - at - 8 < length) break;
      records.push(decoder.decode(this.#pending.subarray(at + 8, at + 8 + length)));
      at += 8 + length;
    }
    this.#pending = this.#pending.subarray(at);
    return records;
  }
}

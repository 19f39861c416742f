/** Reads a list of calls back, for tests: what the launcher would do, in words. */
import type { CallList } from './call-list.ts';
import { ARCH_TABLES } from './seccomp/tables.ts';

export interface ReadCall {
  readonly name: string;
  /** Numbers, and texts up to their NUL. */
  readonly args: readonly (number | string)[];
  readonly place: number | undefined;
  readonly tolerates: readonly number[];
  readonly label: string;
  readonly step: string;
}

const OWN = ['applied', 'compare', 'tripwire', 'standardStreams', 'filter', 'relay', 'each'];

export function readCalls(list: CallList): ReadCall[] {
  const { calls, data } = list.encode();
  const names = new Map(
    Object.entries(ARCH_TABLES[list.arch].numbers).map(([name, number]) => [number, name]),
  );
  const text = (at: number) => data.toString('utf8', at, data.indexOf(0, at));
  return Array.from({ length: calls.length / 72 }, (_, index) => {
    const call = calls.subarray(index * 72, index * 72 + 72);
    const number = call.readUInt32LE(0);
    const pointers = call.readUInt8(16);
    const place = call.readInt32LE(4);
    return {
      name: names.get(number) ?? OWN[number - 0x10000] ?? `call ${number}`,
      args: Array.from({ length: 6 }, (_each, at) => {
        const value = Number(call.readBigInt64LE(24 + 8 * at));
        return pointers & (1 << at) ? text(value) : value;
      }),
      place: place < 0 ? undefined : place,
      tolerates: [...call.subarray(17, 24)].filter((errno) => errno !== 0),
      label: text(call.readUInt32LE(8)),
      step: text(call.readUInt32LE(12)),
    };
  });
}

/** IP addresses as numbers: reads every spelling, writes one. No ranges, no judgement. */

export interface IpAddress {
  readonly family: 4 | 6;
  /** 32 or 128 bits, most significant first. */
  readonly value: bigint;
}

/** ::ffff:0:0/96, RFC 4291 §2.5.5.2: an IPv4 address that travels as IPv4 whatever it is written as. */
const MAPPED = 0xffffn;

/** One number of an IPv4 address: decimal, octal behind `0`, hexadecimal behind `0x`. */
function readNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]*$/i.test(text)) return text.length === 2 ? 0 : Number.parseInt(text, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? Number.parseInt(text, 10) : undefined;
}

/**
 * IPv4 in any spelling that inet_aton(3) and the URL standard's IPv4 parser take: `127.1`, `0x7f000001`, `2130706433`,
 * `0177.0.0.1`. The last of fewer than four numbers fills all bytes that are left.
 */
export function parseIpv4(text: string): IpAddress | undefined {
  if (text.length > 64) return undefined;
  const numbers = text.split('.').map(readNumber);
  if (numbers.length > 4 || numbers.includes(undefined)) return undefined;
  const last = numbers.at(-1)!;
  const before = numbers.slice(0, -1) as number[];
  if (before.some((number) => number > 255) || last >= 256 ** (4 - before.length)) return undefined;
  const value = before.reduce((sum, number, index) => sum + number * 256 ** (3 - index), last);
  return { family: 4, value: BigInt(value) };
}

/** The groups of one side of `::`; an IPv4 address may stand for the last two. */
function readGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && /^(\d{1,3}\.){3}\d{1,3}$/.test(part)) {
      const bytes = part.split('.').map(Number);
      // A zero in front is octal to one reader and decimal to another, so it is neither here.
      if (bytes.some((byte) => byte > 255) || /(^|\.)0\d/.test(part)) return undefined;
      groups.push(bytes[0]! * 256 + bytes[1]!, bytes[2]! * 256 + bytes[3]!);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/** IPv6 as RFC 4291 §2.2 writes it, without brackets and without a zone. A mapped IPv4 address comes out as IPv4. */
export function parseIpv6(text: string): IpAddress | undefined {
  if (text.length > 45) return undefined;
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = readGroups(sides[0]!, sides.length === 1);
  const tail = sides.length === 1 ? [] : readGroups(sides[1]!, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffff_ffffn } : { family: 6, value };
}

/** An address of either family, IPv6 without brackets. Undefined for anything else, names included. */
export function parseAddress(text: string): IpAddress | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** The longest run of at least two zero groups, the first of equals: RFC 5952 §4.2. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  let start = 0;
  for (let index = 0; index <= groups.length; index++) {
    if (index < groups.length && groups[index] === 0) continue;
    if (index - start > best.length) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}

/** The one spelling of an address: dotted decimal, or RFC 5952. No brackets. */
export function formatAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((value >> BigInt(112 - 16 * index)) & 0xffffn),
  );
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  const { start, length } = longestZeros(groups);
  return start === -1
    ? text(groups)
    : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The addresses that stand for names inside: which name got which, and back. */
import { formatAddress, type IpAddress, parseAddress } from '../policy/ip-address.ts';

/** How many names have an address at one time. */
export const SYNTHETIC_LIMIT = 65_536;

/**
 * 198.18.1.0 to 198.19.0.255, of 198.18.0.0/15 (RFC 2544, benchmarks): no real network has them, so no program inside can mean
 * another host by one.
 */
const IPV4_BASE = parseAddress('198.18.1.0')!.value;

/** A ULA prefix (RFC 4193) whose 56 bits spell "pinfold". It exists only inside a sandbox's network namespace. */
export const SYNTHETIC_IPV6_PREFIX = 'fd70:696e:666f:6c64::';
const IPV6_BASE = parseAddress(SYNTHETIC_IPV6_PREFIX)!.value;

/** All that stand for names, and the resolver's own: 198.18.0.0/15 (RFC 2544) and the prefix above. */
export const SYNTHETIC_RANGES = [
  { address: '198.18.0.0', bits: 15 },
  { address: SYNTHETIC_IPV6_PREFIX, bits: 64 },
] as const;

export interface SyntheticPair {
  readonly ipv4: IpAddress;
  readonly ipv6: IpAddress;
}

/**
 * A table of at most `limit` names. When it is full the name that was asked for or dialled longest ago gives its address up: a
 * program that kept that address would reach the new name, which is allowed too, and whose name TLS and HTTP then belie.
 */
export class SyntheticAddresses {
  readonly #limit: number;
  /** Least recently used first: a Map keeps the order of insertion. */
  readonly #slots = new Map<string, number>();
  readonly #names: string[] = [];

  constructor(limit: number = SYNTHETIC_LIMIT) {
    this.#limit = limit;
  }

  /** The pair of `name` (normalised), a new one if it has none. */
  addressesOf(name: string): SyntheticPair {
    const slot = this.#slots.get(name) ?? this.#takeSlot();
    this.#touch(name, slot);
    this.#names[slot] = name;
    return {
      ipv4: { family: 4, value: IPV4_BASE + BigInt(slot) },
      ipv6: { family: 6, value: IPV6_BASE + 1n + BigInt(slot) },
    };
  }

  /** The name that `address` (any spelling, no zone) stands for. Undefined for an address that stands for none. */
  nameOf(address: string): string | undefined {
    const parsed = parseAddress(address);
    if (parsed === undefined) return undefined;
    const slot = parsed.family === 4 ? parsed.value - IPV4_BASE : parsed.value - IPV6_BASE - 1n;
    const name = slot >= 0n && slot < BigInt(this.#limit) ? this.#names[Number(slot)] : undefined;
    if (name !== undefined) this.#touch(name, Number(slot));
    return name;
  }

  #touch(name: string, slot: number): void {
    this.#slots.delete(name);
    this.#slots.set(name, slot);
  }

  #takeSlot(): number {
    if (this.#slots.size < this.#limit) return this.#slots.size;
    const [name, slot] = this.#slots.entries().next().value!;
    this.#slots.delete(name);
    return slot;
  }
}

/** The name of `d.c.b.a.in-addr.arpa` or `….ip6.arpa` as an address, RFC 1035 §3.5 and RFC 3596 §2.5. */
export function reverseAddress(name: string): string | undefined {
  const ipv4 = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name);
  if (ipv4 !== null) return ipv4[1]!.slice(0, -1).split('.').reverse().join('.');
  const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (ipv6 === null) return undefined;
  const digits = ipv6[1]!.slice(0, -1).split('.').reverse().join('');
  return formatAddress({ family: 6, value: BigInt(`0x${digits}`) });
}

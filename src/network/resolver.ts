/** The resolver inside: answers names that may be reached with addresses that stand for them, and asks nobody. */

import { normaliseHost } from '../policy/host-pattern.ts';
import type { IpAddress } from '../policy/ip-address.ts';
import {
  type AnswerType,
  DNS_TYPES,
  type DnsAnswer,
  type DnsQuery,
  type Reply,
  readQuery,
  writeMalformedReply,
  writeReply,
} from './dns-codec.ts';
import type { EgressRules } from './egress-rules.ts';
import { reverseAddress, SyntheticAddresses } from './synthetic-addresses.ts';
import type { Destination, Refusal } from './types.ts';

/** Seconds. Short: a name that loses its address (the table is full) must not be believed for long. */
const TTL_SECONDS = 30;

/** The class that the Internet is in, RFC 1035 §3.2.4. */
const INTERNET = 1;

const LOOPBACK: readonly IpAddress[] = [
  { family: 4, value: 0x7f00_0001n },
  { family: 6, value: 1n },
];

export interface Asked {
  /** As text with `\DDD` for what is not printable; empty for the root. */
  readonly name: string;
  /** IANA's number; 1 is A, 28 is AAAA. */
  readonly type: number;
}

export interface ResolverAnswer {
  /** Absent: what came was no query, and gets no reply. */
  readonly reply?: Uint8Array;
  /** Absent where no name could be read. */
  readonly asked?: Asked;
  /** Present when the name was refused. Its destination has port 0: a resolver is not told one. */
  readonly refused?: Refusal;
}

export interface ResolverOptions {
  readonly rules: EgressRules;
  readonly addresses?: SyntheticAddresses;
  /** Whether AAAA is answered with an address: only where the namespace routes IPv6 to itself. Default true. */
  readonly ipv6?: boolean;
  /** A name that no rule allows, and that a connection is asked about: it is answered as one that may be reached. */
  readonly isAskedAbout?: (host: string) => boolean;
}

/** RFC 6761 §6.3: `localhost` and all beneath it are the loopback, here the sandbox's own. */
const isLocalhost = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost');

function addressBytes({ family, value }: IpAddress): Uint8Array {
  const length = family === 4 ? 4 : 16;
  return Uint8Array.from({ length }, (_, index) =>
    Number((value >> BigInt(8 * (length - 1 - index))) & 0xffn),
  );
}

/**
 * What is asked for, and what comes back:
 * - A and AAAA of a name that may be reached on some port, and of localhost: an address.
 * - Any other type of such a name (HTTPS, SVCB, MX, TXT, SRV, ANY …): no error and no record. Programs then use the address;
 *   what they would learn otherwise (another port, an alias, an ECH key) would lead around the checks of names.
 * - Every other name: NXDOMAIN, without an SOA. It is the one answer on which getaddrinfo(3) of glibc and musl, c-ares and Go
 *   give up at once; after REFUSED or SERVFAIL they ask the next server and the same one again, and end in "try again".
 * - Another class than the Internet's: REFUSED. EDNS of a version that does not exist: BADVERS.
 * No name ever leaves the host here: names are resolved when a connection to them is allowed, by the gate.
 */
export class Resolver {
  readonly #rules: EgressRules;
  readonly #addresses: SyntheticAddresses;
  readonly #ipv6: boolean;
  readonly #isAskedAbout: (host: string) => boolean;

  constructor(options: ResolverOptions) {
    const { rules, addresses = new SyntheticAddresses(), ipv6 = true, isAskedAbout = () => false } = options;
    this.#rules = rules;
    this.#addresses = addresses;
    this.#ipv6 = ipv6;
    this.#isAskedAbout = isAskedAbout;
  }

  /** Answers one message without its TCP length. Never throws, whatever the bytes are. */
  answer(message: Uint8Array): ResolverAnswer {
    const query = readQuery(message);
    if (query.kind === 'malformed') {
      const reply = writeMalformedReply(query);
      return reply === undefined ? {} : { reply };
    }
    const asked = { name: query.name, type: query.type };
    const { reply, refused } = this.#settle(query);
    return { reply: writeReply(query, reply), asked, ...(refused !== undefined && { refused }) };
  }

  /**
   * Where a connection accepted on `localAddress` was meant to go: the name that the address stands for, else the address
   * itself. The address is what the kernel says, so it is always one.
   */
  destinationOf(localAddress: string, port: number): Destination {
    const name = this.#addresses.nameOf(localAddress);
    const literal = () => normaliseHost(localAddress.includes(':') ? `[${localAddress}]` : localAddress);
    return { host: name ?? literal() ?? localAddress, port };
  }

  #settle(query: DnsQuery): { readonly reply: Reply; readonly refused?: Refusal } {
    const reply = (code: Reply['code'], answers: readonly DnsAnswer[] = []) => ({
      reply: { code, answers, ttlSeconds: TTL_SECONDS },
    });
    if (query.edns !== undefined && query.edns !== 0) return reply('BADVERS');
    if (query.class !== INTERNET) return reply('REFUSED');
    const host = query.plain ? normaliseHost(query.name) : undefined;
    if (host === undefined) {
      return { ...reply('NXDOMAIN'), refused: this.#refuse(query.name, 'protocol', 'it is not a host name') };
    }
    if (/^[\d.]+$/.test(host)) {
      return {
        ...reply('NXDOMAIN'),
        refused: this.#refuse(host, 'protocol', 'it is an address, not a name'),
      };
    }
    if (isLocalhost(host)) return reply('NOERROR', this.#addressAnswers(query.type, LOOPBACK));
    const reversed = reverseAddress(host);
    const name = reversed === undefined ? undefined : this.#addresses.nameOf(reversed);
    if (name !== undefined) {
      return reply('NOERROR', query.type === DNS_TYPES.PTR ? [{ type: 'PTR', data: name }] : []);
    }
    if (this.#rules.reaches(host) || this.#isAskedAbout(host))
      return reply('NOERROR', this.#answersFor(host, query.type));
    return { ...reply('NXDOMAIN'), ...this.#refusalOf(host) };
  }

  /** Attributes of a name that may be reached (`_8443._https.name`, RFC 8552) are asked for as a matter of course. */
  #refusalOf(host: string): { readonly refused?: Refusal } {
    const owner = host.replace(/^(_[^.]*\.)+/, '');
    if (owner !== host && this.#rules.reaches(owner)) return {};
    const denial = this.#rules.denialOf(host);
    return denial === undefined
      ? { refused: this.#refuse(host, 'not-allowed', 'no rule allows it') }
      : { refused: this.#refuse(host, 'denied', `it is denied by ${denial.pattern}`, denial) };
  }

  #answersFor(host: string, type: number): DnsAnswer[] {
    if (type !== DNS_TYPES.A && type !== DNS_TYPES.AAAA) return [];
    const { ipv4, ipv6 } = this.#addresses.addressesOf(host);
    return this.#addressAnswers(type, this.#ipv6 ? [ipv4, ipv6] : [ipv4]);
  }

  #addressAnswers(type: number, addresses: readonly IpAddress[]): DnsAnswer[] {
    return addresses.flatMap((address) => {
      const own: AnswerType = address.family === 4 ? 'A' : 'AAAA';
      return DNS_TYPES[own] === type ? [{ type: own, data: addressBytes(address) }] : [];
    });
  }

  #refuse(host: string, reason: Refusal['reason'], detail: string, rule?: Refusal['rule']): Refusal {
    return {
      kind: 'refused',
      destination: { host, port: 0 },
      reason,
      detail,
      ...(rule !== undefined && { rule }),
    };
  }
}

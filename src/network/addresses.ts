/** What kind of place an IP address is: the gate dials names only where the answer is `public`. Pure. */
import { formatAddress, type IpAddress, parseAddress } from '../policy/ip-address.ts';

/**
 * - `own`: an address of this host, whatever range it is in
 * - `metadata`: answers with a cloud machine's credentials
 * - `shared`: behind a carrier's NAT
 * - `transition`: a tunnel or translator, behind which another address is meant
 * - `reserved`: nobody's, or not for destinations
 */
export type AddressKind =
  | 'public'
  | 'own'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'metadata'
  | 'multicast'
  | 'broadcast'
  | 'unspecified'
  | 'documentation'
  | 'benchmarking'
  | 'shared'
  | 'transition'
  | 'reserved';

interface Range {
  readonly first: bigint;
  readonly bits: bigint;
  readonly kind: AddressKind;
}

function range(family: 4 | 6, [cidr, kind]: readonly [string, AddressKind]): Range {
  const [base, length] = cidr.split('/');
  const width = family === 4 ? 32n : 128n;
  return { first: parseAddress(base!)!.value, bits: width - BigInt(length ?? width), kind };
}

/** Single addresses stand before the ranges that hold them; else the order means nothing. */
const IPV4: readonly Range[] = (
  [
    ['169.254.169.254', 'metadata'], // most clouds
    ['169.254.170.2', 'metadata'], // AWS ECS task credentials
    ['169.254.170.23', 'metadata'], // AWS EKS pod identity
    ['100.100.100.200', 'metadata'], // Alibaba Cloud
    ['192.0.0.192', 'metadata'], // Oracle Cloud
    ['168.63.129.16', 'metadata'], // Azure's platform address, in a public range
    ['0.0.0.0', 'unspecified'],
    ['255.255.255.255', 'broadcast'], // RFC 919
    ['0.0.0.0/8', 'unspecified'], // RFC 1122 §3.2.1.3; Linux dials 0.0.0.0 as loopback
    ['10.0.0.0/8', 'private'], // RFC 1918
    ['100.64.0.0/10', 'shared'], // RFC 6598
    ['127.0.0.0/8', 'loopback'], // RFC 1122 §3.2.1.3
    ['169.254.0.0/16', 'link-local'], // RFC 3927
    ['172.16.0.0/12', 'private'], // RFC 1918
    ['192.0.0.0/24', 'reserved'], // RFC 6890
    ['192.0.2.0/24', 'documentation'], // RFC 5737
    ['192.88.99.0/24', 'transition'], // 6to4 relays, RFC 7526
    ['192.168.0.0/16', 'private'], // RFC 1918
    ['198.18.0.0/15', 'benchmarking'], // RFC 2544; the inner resolver's own answers are from here
    ['198.51.100.0/24', 'documentation'], // RFC 5737
    ['203.0.113.0/24', 'documentation'], // RFC 5737
    ['224.0.0.0/4', 'multicast'], // RFC 5771
    ['240.0.0.0/4', 'reserved'], // RFC 1112 §4
  ] as const
).map((entry) => range(4, entry));

const IPV6: readonly Range[] = (
  [
    ['fd00:ec2::254', 'metadata'], // AWS
    ['fd00:ec2::23', 'metadata'], // AWS EKS pod identity
    ['fd20:ce::254', 'metadata'], // Google Cloud
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['64:ff9b:1::/48', 'transition'], // local-use NAT64, RFC 8215: where the IPv4 address stands is up to the network
    ['2001::/32', 'transition'], // Teredo, RFC 4380
    ['2001:2::/48', 'benchmarking'], // RFC 5180
    ['2001:db8::/32', 'documentation'], // RFC 3849
    ['2001::/23', 'reserved'], // IETF protocol assignments, ORCHID among them: RFC 2928, RFC 7343
    ['2002::/16', 'transition'], // 6to4, RFC 3056
    ['3fff::/20', 'documentation'], // RFC 9637
    ['2000::/3', 'public'], // RFC 4291 §2.4: all global unicast addresses that were ever given out
    ['fc00::/7', 'private'], // RFC 4193
    ['fe80::/10', 'link-local'], // RFC 4291 §2.5.6
    ['fec0::/10', 'private'], // site-local, RFC 3879
    ['ff00::/8', 'multicast'], // RFC 4291 §2.7
  ] as const
).map((entry) => range(6, entry));

function find(ranges: readonly Range[], value: bigint): AddressKind | undefined {
  return ranges.find(({ first, bits }) => value >> bits === first >> bits)?.kind;
}

const ipv4 = (value: bigint): IpAddress => ({ family: 4, value: value & 0xffff_ffffn });

/**
 * IPv4 addresses that an IPv6 address stands for. A mapped one is IPv4 already, by `parseAddress`.
 * `::a.b.c.d` (compatible, RFC 4291 §2.5.5.1), `::ffff:0:a.b.c.d` (translated, RFC 2765 §2.1), `64:ff9b::a.b.c.d` (NAT64,
 * RFC 6052 §2.1), `2002:aabb:ccdd::` (6to4, RFC 3056 §2), Teredo's server and, inverted, its client (RFC 4380 §4), and ISATAP's
 * interface identifier `::[02]00:5efe:a.b.c.d` behind any prefix (RFC 5214 §6.1).
 */
export function embeddedIpv4({ family, value }: IpAddress): IpAddress[] {
  if (family === 4) return [];
  const high = value >> 32n;
  if (high === 0n || high === 0xffff_0000n || high === 0x64_ff9bn << 64n)
    return value < 2n ? [] : [ipv4(value)];
  if (value >> 112n === 0x2002n) return [ipv4(value >> 80n)];
  if (value >> 96n === 0x2001_0000n) return [ipv4(value >> 64n), ipv4(value ^ 0xffff_ffffn)];
  const identifier = high & 0xffff_ffffn;
  return identifier === 0x5efen || identifier === 0x0200_5efen ? [ipv4(value)] : [];
}

/** NAT64's well-known prefix: the one wrapping that leads where the IPv4 address itself would, on networks with DNS64. */
const isNat64 = ({ family, value }: IpAddress): boolean => family === 6 && value >> 32n === 0x64_ff9bn << 64n;

/** The kind of an address, `own` aside. What it wraps counts as well: the worse of the two is the answer. */
export function kindOf(address: IpAddress): AddressKind {
  if (address.family === 4) return find(IPV4, address.value) ?? 'public';
  const inner = embeddedIpv4(address)
    .map(kindOf)
    .find((kind) => kind !== 'public');
  if (inner !== undefined) return inner;
  if (isNat64(address)) return 'public';
  return find(IPV6, address.value) ?? 'reserved';
}

/** The addresses of this host's interfaces, in any spelling (`os.networkInterfaces()`), as a set of canonical ones. */
export function ownAddresses(spelled: Iterable<string>): ReadonlySet<string> {
  const own = new Set<string>();
  for (const text of spelled) {
    const address = parseAddress(text.replace(/%.*$/, ''));
    if (address !== undefined) own.add(formatAddress(address));
  }
  return own;
}

/** `kindOf`, and `own` for what would be public but is this host's (or wraps an address of it). */
export function classify(address: IpAddress, own: ReadonlySet<string>): AddressKind {
  const kind = kindOf(address);
  if (kind !== 'public') return kind;
  return [address, ...embeddedIpv4(address)].some((each) => own.has(formatAddress(each))) ? 'own' : kind;
}

/** The table of addresses that a name must not lead to, and that nothing hides behind an IPv6 spelling. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../policy/ip-address.ts';
import { type AddressKind, classify, kindOf, ownAddresses } from './addresses.ts';

const kind = (text: string): AddressKind => kindOf(parseAddress(text)!);

const TABLE: readonly (readonly [AddressKind, string])[] = [
  [
    'public',
    '1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255',
  ],
  [
    'public',
    '172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255',
  ],
  ['public', '2606:4700::1111 2001:200::1 2003::1 3ffe::1 64:ff9b::1.1.1.1'],
  ['loopback', '127.0.0.1 127.255.255.255 ::1'],
  [
    'private',
    '10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 fc00::1 fdff::1 fec0::1',
  ],
  ['shared', '100.64.0.0 100.127.255.255'],
  ['link-local', '169.254.0.1 169.254.255.255 fe80::1 febf::1'],
  [
    'metadata',
    '169.254.169.254 169.254.170.2 100.100.100.200 192.0.0.192 168.63.129.16 fd00:ec2::254 fd20:ce::254',
  ],
  ['multicast', '224.0.0.0 239.255.255.255 ff02::fb'],
  ['broadcast', '255.255.255.255'],
  ['unspecified', '0.0.0.0 0.1.2.3 ::'],
  ['documentation', '192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1'],
  ['benchmarking', '198.18.0.0 198.19.255.255 2001:2::1'],
  ['reserved', '192.0.0.1 240.0.0.0 255.255.255.254 ::2:0:0 100::1 4000::1 2001:10::1 2001:20::1 5f00::1'],
  ['transition', '192.88.99.1 2002:101:101:: 64:ff9b:1::1.1.1.1'],
];

test.each(
  TABLE.flatMap(([expected, addresses]) => addresses.split(' ').map((address) => [address, expected])),
)('%s is %s', (address, expected) => {
  expect(kind(address!)).toBe(expected);
});

/** Ways in which IPv6 carries an IPv4 address, each given the four bytes. */
const WRAPPINGS: Readonly<Record<string, (v4: string, hex: string) => string>> = {
  mapped: (v4) => `::ffff:${v4}`,
  compatible: (v4) => `::${v4}`,
  translated: (v4) => `::ffff:0:${v4}`,
  'NAT64 (RFC 6052)': (v4) => `64:ff9b::${v4}`,
  '6to4': (_, hex) => `2002:${hex}::1`,
  'Teredo server': (_, hex) => `2001:0:${hex}::`,
  'ISATAP behind a public prefix': (v4) => `2606:4700::5efe:${v4}`,
  'ISATAP, universal': (v4) => `2606:4700::200:5efe:${v4}`,
};

describe.each(Object.entries(WRAPPINGS))('an IPv4 address inside IPv6, %s', (_, wrap) => {
  test.each([
    ['127.0.0.1', '7f00:1', 'loopback'],
    ['10.99.0.9', 'a63:9', 'private'],
    ['169.254.169.254', 'a9fe:a9fe', 'metadata'],
    ['255.255.255.255', 'ffff:ffff', 'broadcast'],
  ])('keeps the kind of %s', (v4, hex, expected) => {
    expect(kind(wrap(v4, hex))).toBe(expected);
  });
});

test('a Teredo client is the inverse of its last bytes', () => {
  expect(kind('2001:0:101:101::80ff:fffe')).toBe('loopback');
  expect(kind('2001:0:101:101::fefe:fefe')).toBe('transition');
});

test('an address wrapped by IPv6 is never public where it would not be by itself', () => {
  const address = fc.bigInt(0n, 0xffff_ffffn).map((value) => ({ family: 4 as const, value }));
  fc.assert(
    fc.property(address, fc.constantFrom(...Object.values(WRAPPINGS)), (plain, wrap) => {
      const hex = `${(plain.value >> 16n).toString(16)}:${(plain.value & 0xffffn).toString(16)}`;
      const wrapped = parseAddress(wrap(formatAddress(plain), hex))!;
      if (kindOf(plain) !== 'public') expect(kindOf(wrapped)).not.toBe('public');
    }),
  );
});

describe("the host's own addresses", () => {
  const own = ownAddresses(['198.41.0.4', '2606:4700:0:0::1', 'fe80::1%eth0']);
  const classified = (text: string) => classify(parseAddress(text)!, own);

  test('are own, whatever way they are written', () => {
    expect(
      ['198.41.0.4', '::ffff:198.41.0.4', '64:ff9b::198.41.0.4', '2606:4700::1'].map(classified),
    ).toEqual(new Array(4).fill('own'));
  });

  test('leave their neighbours alone', () => {
    expect(['198.41.0.5', '64:ff9b::198.41.0.5', '2606:4700::2'].map(classified)).toEqual(
      new Array(3).fill('public'),
    );
  });
});

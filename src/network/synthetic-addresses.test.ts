/** Claims about the table of names and the addresses that stand for them. */
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../policy/ip-address.ts';
import { SyntheticAddresses } from './synthetic-addresses.ts';

describe('the table of addresses', () => {
  test('is bounded, and takes from the name that was used longest ago', () => {
    const table = new SyntheticAddresses(3);
    const text = (name: string) => formatAddress(table.addressesOf(name).ipv4);
    const [a, b, c] = ['a.test', 'b.test', 'c.test'].map(text);
    expect(table.nameOf(a!)).toBe('a.test');
    const d = text('d.test');
    expect(d).toBe(b);
    expect([a, b, c].map((address) => table.nameOf(address!))).toEqual(['a.test', 'd.test', 'c.test']);
    expect(text('a.test')).toBe(a);
  });

  test('knows only addresses that it gave', () => {
    const table = new SyntheticAddresses(3);
    const { ipv4, ipv6 } = table.addressesOf('a.test');
    const next = formatAddress({ ...ipv4, value: ipv4.value + 1n });
    expect(
      ['127.0.0.1', '::1', '198.18.0.255', next, 'fd70:696e:666f:6c64::', 'x'].map((each) =>
        table.nameOf(each),
      ),
    ).toEqual(new Array(6).fill(undefined));
    expect([ipv4, ipv6].map((each) => table.nameOf(formatAddress(each)))).toEqual(['a.test', 'a.test']);
  });
});

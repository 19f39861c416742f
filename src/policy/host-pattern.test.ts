/** Claims about spellings: however a host or an address is written, it is compared in one form. */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHostPattern, normaliseHost, parseHostPattern, parsePort, splitPort } from './host-pattern.ts';
import { formatAddress, parseAddress, parseIpv6 } from './ip-address.ts';

describe('a host', () => {
  test.each([
    ['ALLOWED.Test', 'allowed.test'],
    ['allowed.test.', 'allowed.test'],
    ['münchen.de', 'xn--mnchen-3ya.de'],
    ['XN--MNCHEN-3YA.de', 'xn--mnchen-3ya.de'],
    ['a_b.test', 'a_b.test'],
    ['\uff44enied.test', 'denied.test'],
    ['denied\u3002test', 'denied.test'],
    ['den\u00adied.test', 'denied.test'],
    ['127.1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['127.0.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['0x7F000001', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['\uff11\uff12\uff17.0.0.1', '127.0.0.1'],
    ['127\u30020\u30020\u30021', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[0:0:0:0:0:0:0:1]', '::1'],
    ['[::ffff:127.0.0.1]', '127.0.0.1'],
    ['[::ffff:7f00:1]', '127.0.0.1'],
    ['[2001:DB8:0:0:1:0:0:1]', '2001:db8::1:0:0:1'],
  ])('%j is %s', (written, host) => {
    expect(normaliseHost(written)).toBe(host);
  });

  test.each([
    '',
    '.',
    'a..test',
    '.wild.test',
    '*.wild.test',
    'denied.test\0.wild.test',
    'denied.test%00.wild.test',
    'denied.test\r\n.wild.test',
    'denied.test .wild.test',
    '%64enied.test',
    'user@denied.test',
    'denied.test/x',
    'denied.test\\x',
    'denied.test#x',
    'denied.test?x',
    'denied.test:80',
    '127.0.0.1%2f.wild.test',
    '1.2.3.4.5',
    '256.1.1.1',
    '08.1.1.1',
    'host.0x',
    'xn--a',
    '-a.test',
    'a-.test',
    '::1',
    '[::1',
    '[::1]x',
    '[::1%lo]',
    '[::1%25lo]',
    '[127.0.0.1]',
    '[denied.test]',
    '[::ffff:127.0.0.01]',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(127)}test`,
    'a.'.repeat(600),
  ])('%j is no host', (written) => {
    expect(normaliseHost(written)).toBeUndefined();
  });

  test('is normal after one step, whatever was written', () => {
    const written = fc.oneof(
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6().map((text) => `[${text}]`),
      fc.string(),
    );
    fc.assert(
      fc.property(written, (text) => {
        const once = normaliseHost(text);
        fc.pre(once !== undefined);
        expect(normaliseHost(once.includes(':') ? `[${once}]` : once)).toBe(once);
        expect(once).toMatch(/^[a-z0-9_.:-]+$/);
      }),
    );
  });

  test('is an address exactly when Node says so', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.domain()), (text) => {
        const host = normaliseHost(text);
        expect(host === undefined ? 0 : isIP(host)).toBe(isIP(text));
      }),
    );
  });
});

describe('an IPv6 address', () => {
  test('comes out as the URL standard spells it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseIpv6(text);
        fc.pre(address !== undefined && address.family === 6);
        expect(`[${formatAddress(address)}]`).toBe(new URL(`http://[${text}]`).hostname);
      }),
    );
  });

  test('is read whenever Node reads it, but for zones', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{2,20}$/)), (text) => {
        expect(parseIpv6(text) !== undefined).toBe(isIP(text) === 6);
      }),
      { numRuns: 1000 },
    );
  });

  test('goes through its number and back', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => {
        fc.pre(value >> 32n !== 0xffffn);
        expect(parseAddress(formatAddress({ family: 6, value }))).toEqual({ family: 6, value });
      }),
    );
  });
});

describe('a pattern', () => {
  test.each([
    ['api.example.com', { kind: 'name', host: 'api.example.com' }],
    ['*.GitHub.com:443', { kind: 'subdomains', host: 'github.com', port: 443 }],
    ['[::1]:80', { kind: 'address', host: '::1', port: 80 }],
    ['[::ffff:10.0.0.1]', { kind: 'address', host: '10.0.0.1' }],
    ['127.1:22', { kind: 'address', host: '127.0.0.1', port: 22 }],
    ['*.127.0.0.1', undefined],
    ['a.test:0', undefined],
    ['a.test:', undefined],
    ['a.test:65536', undefined],
    ['a.test:080', undefined],
    ['*', undefined],
    ['*.', undefined],
  ])('%s is %j', (text, pattern) => {
    expect(parseHostPattern(text)).toEqual(pattern);
  });

  test('goes through its one spelling and back', () => {
    for (const text of ['a.test', '*.a.test:1', '[2001:db8::1]:65535', '10.0.0.1']) {
      expect(formatHostPattern(parseHostPattern(text)!)).toBe(text);
    }
  });
});

test('a port is plain decimal digits from 1 to 65535', () => {
  const read = [
    '1',
    '65535',
    '0',
    '-1',
    '+8080',
    '0x1f90',
    '008080',
    '8080x',
    ' 80',
    '65536',
    '\uff11',
    '',
  ].map(parsePort);
  expect(read).toEqual([1, 65_535, ...new Array(10).fill(undefined)]);
});

test('a port is split from its host behind the bracket', () => {
  expect(['a:1', '[::1]:2', '[::1', 'a:1:2', 'a'].map(splitPort)).toEqual([
    { host: 'a', port: '1' },
    { host: '[::1]', port: '2' },
    { host: '[::1', port: undefined },
    { host: 'a', port: '1:2' },
    { host: 'a', port: undefined },
  ]);
});

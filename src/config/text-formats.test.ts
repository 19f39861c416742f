/** Claims about single values: hosts, paths, sizes, durations, dates, and the nearest word. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHostPattern } from '../policy/host-pattern.ts';
import { nearest } from '../policy/suggestion.ts';
import { checkHost } from './hosts.ts';
import { checkPath } from './path-text.ts';
import { checkDate, parseDuration, parseLimit, parseSize } from './quantities.ts';
import { checkSocket } from './text-formats.ts';

describe('hosts', () => {
  test.each([
    'allowed.test',
    'ALLOWED.Test.',
    'api.example.com:443',
    '*.github.com',
    '*.github.com:443',
    '*.example.co.uk',
    'a_b.example.com',
    'xn--mnchen-3ya.de',
    'münchen.de',
    'пример.рф',
    '127.0.0.1',
    '10.0.0.1:8080',
    '[::1]',
    '[2001:db8::1]:443',
    'localhost:3000',
  ])('accepts %s', (host) => {
    expect(checkHost(host, 'allow')).toBeUndefined();
    expect(checkHost(host, 'deny')).toBeUndefined();
  });

  test('that pass are all understood by what decides about connections', () => {
    const port = fc.option(fc.nat(70_000));
    const host = fc.oneof(
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6().map((text) => `[${text}]`),
      fc.stringMatching(/^(\*\.)?[a-zA-Z0-9._xünß-]{1,20}$/),
    );
    fc.assert(
      fc.property(host, port, (name, at) => {
        const written = at === null ? name : `${name}:${at}`;
        fc.pre(checkHost(written, 'deny') === undefined);
        expect(parseHostPattern(written)).toBeDefined();
      }),
      { numRuns: 2000 },
    );
  });

  const notName = 'this is not a host name';
  const noPath = 'a host is expected: no path, no address range';
  const starFront = '"*" stands only for all subdomains, at the front: "*.example.com"';
  test.each([
    ['F-43.00', '*', '"*" would match every host; name the hosts, or use networkAccess', undefined],
    ['F-43.01', '*.*', starFront, undefined],
    ['F-43.02', '*.com', '*.com would allow every site under a public suffix', undefined],
    ['F-43.03', '*com', starFront, undefined],
    ['F-43.04', '*.', 'a label of the name is empty', undefined],
    ['F-43.05', '.', 'a label of the name is empty', undefined],
    ['F-43.06', '', 'an empty string names no host', undefined],
    ['F-43.07', ' ', 'a host holds no space or control character', undefined],
    ['F-43.08', 'exa mple.com', 'a host holds no space or control character', undefined],
    ['F-43.09', 'http://allowed.test', 'a host is expected, not an address with "://"', 'allowed.test'],
    [
      'F-43.10',
      'https://u:p@allowed.test/path',
      'a host is expected, not an address with "://"',
      'allowed.test',
    ],
    ['F-43.11', 'allowed.test/', noPath, undefined],
    ['F-43.12', 'user@allowed.test', 'a host is expected, without a user name', 'allowed.test'],
    ['F-43.13', 'allowed.test:99999', '":99999" is not a port between 1 and 65535', undefined],
    ['port 0', 'allowed.test:0', '":0" is not a port between 1 and 65535', undefined],
    ['F-43.14', 'allowed.test:', '":" is not a port between 1 and 65535', undefined],
    ['F-43.15', '*.allowed.test:*', '":*" is not a port between 1 and 65535', undefined],
    ['F-43.16', 'a*.allowed.test', starFront, undefined],
    ['F-43.17', 'allowed.*', starFront, undefined],
    ['F-43.18', '**.allowed.test', starFront, undefined],
    ['F-43.19', '*.co.uk', '*.co.uk would allow every site under a public suffix', undefined],
    ['F-43.20', 'allowed.test\0', 'a host holds no space or control character', undefined],
    ['F-43.21', 'allowed.test\nevil.test', 'a host holds no space or control character', undefined],
    ['F-43.22', 'xn--a', notName, undefined],
    [
      'F-43.23',
      '\u0430llowed.test',
      '"\u0430llowed" mixes alphabets that look alike; write the name in its ASCII form',
      'xn--llowed-2nf.test',
    ],
    ['F-43.24', '0.0.0.0/0', noPath, undefined],
    ['F-43.25', '::/0', noPath, undefined],
    ['F-43.26', '127.1', 'an IPv4 address is written with four decimal numbers', '127.0.0.1'],
    ['F-43.27', '0x7f000001', 'an IPv4 address is written with four decimal numbers', '127.0.0.1'],
    ['a decimal address', '2130706433', 'an IPv4 address is written with four decimal numbers', '127.0.0.1'],
    ['F-43.28', '::1', 'an IPv6 address is written in brackets', '[::1]'],
    ['F-43.29', '[::1', '[::1 is not an IPv6 address in brackets', undefined],
    ['a scoped address', '[fe80::1%eth0]', '[fe80::1%eth0] is not an IPv6 address in brackets', undefined],
    ['F-43.33', '/^.*$/', noPath, undefined],
    ['a wildcard address', '*.127.0.0.1', 'a wildcard covers names, not addresses', undefined],
    ['an empty label', 'a..test', 'a label of the name is empty', undefined],
    [
      'a label that ends in a dash',
      'a-.test',
      'a label has at most 63 characters and no "-" at its ends, a name at most 253',
      undefined,
    ],
    [
      'a label of 64',
      `${'a'.repeat(64)}.test`,
      'a label has at most 63 characters and no "-" at its ends, a name at most 253',
      undefined,
    ],
  ])('%s: refuses %j', (_, host, message, suggestion) => {
    expect(checkHost(host, 'allow')).toEqual({ message, ...(suggestion && { suggestion }) });
  });

  test('a denial may cover a whole public suffix, a grant may not', () => {
    expect(checkHost('*.zip', 'deny')).toBeUndefined();
    expect(checkHost('*.zip', 'allow')?.message).toBe('*.zip would allow every site under a public suffix');
  });
});

describe('paths', () => {
  test.each([
    '.',
    '..',
    'relative/dir',
    '~',
    '~/x',
    '/',
    '//x',
    '/p/',
    '/p/a\tb',
    '/p/\u202egpj.x',
    '/p/a:b',
    '/p/a,b',
    '/p/a b',
    "/p/a'b",
    '/p/$(touch x)',
    '/p/--bind',
    '/p/"))(allow file*)'.replace('*', ''),
    '/p\\..\\..',
    '/PROC/self',
    '/p/[a]',
    `/p/${'a'.repeat(300)}`,
  ])('F-30 accepts %j', (path) => {
    expect(checkPath(path, 'allow')).toBeUndefined();
  });

  test.each([
    '~/.aws/',
    '/p/secret/',
    './secret',
    'secret',
    '/p/secret/.',
    '/p//secret',
    '/p/x/../secret',
    '**/secret',
    '**/.env',
    '/p/{a,b}/*.key',
    '/p/[a-z]?',
    'a\\[b',
  ])('F-31 accepts the denial %j', (path) => {
    expect(checkPath(path, 'deny')).toBeUndefined();
  });

  const control = 'a path cannot hold a line break or other control character';
  const variable = (text: string) =>
    `variables are not expanded; write the path, or "./${text}" if that is its name`;
  const globs =
    'allowedPaths takes plain paths; an entry covers everything beneath it (patterns belong in deniedPaths)';
  const proc = 'paths in /proc cannot be allowed: they mean something else to each process';
  const other = 'only "~/" (your own home) is expanded, no other user\'s';
  test.each([
    ['F-30.03', '/proc/self/root', proc, undefined],
    ['F-30.04', '//proc/./1/root', proc, undefined],
    ['F-30.07', '', 'an empty string names no path', '.'],
    ['F-30.12', '~root', other, undefined],
    ['F-30.13', '~nobody/x', other, undefined],
    ['F-30.14', '$HOME', variable('$HOME'), undefined],
    ['F-30.15', `\${HOME}/x`, variable(`\${HOME}/x`), undefined],
    ['F-30.16', '%h/x', variable('%h/x'), undefined],
    ['F-30.17', '/p/*', globs, undefined],
    ['F-30.18', '/p/**', globs, '/p'],
    ['F-30.22', '/p/a\nb', control, undefined],
    ['an escape sequence', '/p/\u001b[2J', control, undefined],
    ['a C1 control', '/p/\u009b', control, undefined],
    ['F-30.23', '/p/a\0b', 'a path cannot hold a NUL character', undefined],
    ['F-30.27', `/p/${'a/'.repeat(3000)}`, 'a path has at most 4095 bytes', undefined],
    ['F-30.28', '/p/\udcff', 'a path cannot hold half of a surrogate pair', undefined],
    [
      'F-30.35',
      '--ro-bind',
      'this looks like an option; a path of this name is written with "./"',
      './--ro-bind',
    ],
    ['F-30.38', 'file:///p', 'a path is expected, not an address with "://"', '/p'],
    [
      'a negation',
      '!secret',
      'there is no negation with "!"; use allowedPaths for an exception',
      './!secret',
    ],
  ])('%s: refuses %j', (_, path, message, suggestion) => {
    expect(checkPath(path, 'allow')).toEqual({ message, ...(suggestion && { suggestion }) });
  });

  test.each([
    ['/p/[a', '"[" is never closed in this pattern'],
    ['/p/{a,b', '"{" is never closed in this pattern'],
    ['*/../x', 'Cannot use the pattern "*/../x": ".." follows a wildcard'],
  ])('refuses the denial %j', (path, message) => {
    expect(checkPath(path, 'deny')).toEqual({ message });
  });
});

describe('quantities', () => {
  test.each([
    ['4GiB', 4 * 1024 ** 3],
    ['4G', 4 * 1024 ** 3],
    ['4GB', 4e9],
    ['1.5 KiB', 1536],
    ['10kb', 10_000],
    ['7B', 7],
    ['2TiB', 2 * 1024 ** 4],
  ])('reads the size %s', (text, value) => {
    expect(parseSize(text)).toEqual({ kind: 'ok', value });
  });
  test.each(['', '4', 'GiB', '4 Gi B', '-4GiB', '4iB', '0x4GiB', '4e9B', '4GiB '])(
    'refuses the size %j',
    (text) => {
      expect(parseSize(text)).toEqual({
        kind: 'bad',
        message: 'a size is a number with a unit, like "512MiB" or "4GiB"',
      });
    },
  );
  test('refuses a size that cannot be counted', () => {
    expect(parseSize('99999999TiB')).toEqual({
      kind: 'bad',
      message: 'this size is larger than can be counted',
    });
  });
  test.each([
    ['90s', 90],
    ['2h', 7200],
    ['1h30m', 5400],
    ['1d', 86_400],
    ['0.5s', 1],
    ['1.5m', 90],
  ])('reads the duration %s', (text, value) => {
    expect(parseDuration(text)).toEqual({ kind: 'ok', value });
  });
  test.each(['', '2', 'h', '2 h', '-2h', '2H', '2ms'])('refuses the duration %j', (text) => {
    expect(parseDuration(text).kind).toBe('bad');
  });
  test('reads a limit by the kind of its name', () => {
    expect(parseLimit('memory', '512MiB')).toEqual({ kind: 'ok', value: 512 * 1024 ** 2 });
    expect(parseLimit('wallTime', '2h')).toEqual({ kind: 'ok', value: 7200 });
    expect(parseLimit('processes', '64')).toEqual({ kind: 'ok', value: 64 });
    expect(parseLimit('processes', '-1')).toEqual({ kind: 'bad', message: 'a whole number is expected' });
    expect(parseLimit('openFiles', '3')).toEqual({ kind: 'bad', message: 'openFiles must be at least 8' });
  });
  test.each(['2026-12-01', '2028-02-29', '2026-12-01T18:00Z', '2026-12-01T18:00:00.5+02:00'])(
    'accepts the date %s',
    (text) => {
      expect(checkDate(text)).toBeUndefined();
    },
  );
  test.each([
    ['2026-02-29', 'there is no such day'],
    ['2026-13-01', 'there is no such day'],
    ['2026-00-10', 'there is no such day'],
    ['2026-12-01T24:00Z', 'there is no such time'],
    ['2026-12-01T10:60Z', 'there is no such time'],
    ['2026-12-01T18:00', 'a date is written YYYY-MM-DD, or with a time and zone: 2026-12-01T18:00:00Z'],
    ['01.12.2026', 'a date is written YYYY-MM-DD, or with a time and zone: 2026-12-01T18:00:00Z'],
    ['2026-12-01 ', 'a date is written YYYY-MM-DD, or with a time and zone: 2026-12-01T18:00:00Z'],
  ])('refuses the date %j', (text, message) => {
    expect(checkDate(text)).toBe(message);
  });
});

describe('the nearest word', () => {
  const words = ['allowedPaths', 'deniedPaths', 'allowedDomains', 'mode', 'enabled'];
  test.each([
    ['allowPaths', 'allowedPaths'],
    ['allowedpaths', 'allowedPaths'],
    ['mdoe', 'mode'],
    ['enable', 'enabled'],
    ['domains', undefined],
    ['zzz', undefined],
    ['a'.repeat(100_000), undefined],
  ])('of %.20s is %s', (word, expected) => {
    expect(nearest(word, words)).toBe(expected);
  });
});

describe('sockets', () => {
  test.each(['/run/db/socket', '~/agent.sock', './run/server.sock', '/tmp/.X11-unix/X0'])(
    'accepts %s',
    (path) => {
      expect(checkSocket(path)).toBeUndefined();
    },
  );

  test.each([
    ['@/tmp/dbus-x', undefined],
    ['unix:path=/run/bus,guid=1', '/run/bus'],
    ['unix:///run/docker.sock', '/run/docker.sock'],
    ['/run/*.sock', undefined],
    ['/proc/self/fd/3', undefined],
    ['', '.'],
  ])('refuses %j and suggests %s', (path, suggestion) => {
    const complaint = checkSocket(path);
    expect(complaint?.message).toBeTruthy();
    expect(complaint?.suggestion).toBe(suggestion);
  });
});

import { describe, expect, test } from 'vitest';
import type { NetworkAccess, Origin, Policy } from '../../policy/types.ts';
import { byteCount, networkPhrase, networkWord, shownClause } from './words.ts';

const origin: Origin = { scope: 'user', text: 'x' };

function withNetwork(access: NetworkAccess, hosts: readonly string[]): Policy {
  const domains = hosts.map((pattern) => ({ pattern, access: 'allow' as const, origin }));
  return { network: { access: { value: access, origin }, domains } } as unknown as Policy;
}

describe('the network in words', () => {
  test.each<[NetworkAccess, string[], string, string]>([
    ['none', [], 'net none', 'no network (a private loopback only)'],
    ['none', ['a.example'], 'net none + a.example', 'no network (a private loopback only), a.example'],
    ['local', [], 'net local', 'the host’s loopback'],
    ['local', ['a.example'], 'net local + a.example', 'the host’s loopback, a.example'],
    ['filtered', [], 'net filtered, no host allowed', 'no host yet (allowedDomains is empty)'],
    ['filtered', ['a.example:443'], 'net a.example:443', 'only the hosts that are allowed, a.example:443'],
    ['filtered', ['a', 'b', 'c', 'd'], 'net 4 hosts', 'only the hosts that are allowed, a, b, c, d'],
  ])('%s with %j', (access, hosts, word, phrase) => {
    const policy = withNetwork(access, hosts);
    expect([networkWord(policy), networkPhrase(policy)]).toEqual([word, phrase]);
  });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1200, '1.2 kB'],
  [123_456, '123 kB'],
  [3_400_000, '3.4 MB'],
  [9e15, '9000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(byteCount(bytes)).toBe(text);
});

test.each([
  ['/home/me/.ssh can be read: holds keys', '~/.ssh can be read: holds keys'],
  [
    'the grant /srv/a adds nothing: /home/me (write) gives as much',
    'the grant /srv/a adds nothing: ~ (write) gives as much',
  ],
  ['/home/me, and with it (/home/me/x)', '~, and with it (~/x)'],
  ['/home/melon and /srv/home/me stay', '/home/melon and /srv/home/me stay'],
  ['/home/me/a\u001b[1m', '~/a\\e[1m'],
])('%s is shown as %s', (text, shown) => {
  expect(shownClause(text, '/home/me')).toBe(shown);
});

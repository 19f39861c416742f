import { describe, expect, test } from 'vitest';
import { judgeLiveHost } from './live-host.ts';
import type { DomainRule, Policy } from './types.ts';

const origin = { scope: 'user', text: '' } as const;

function policy(denied: readonly string[], more: Partial<Policy['network']> = {}): Pick<Policy, 'network'> {
  const domains = denied.map((pattern): DomainRule => ({ pattern, access: 'deny', origin }));
  return { network: { access: { value: 'none', origin }, domains, ...more } };
}

describe('a host that somebody wants to open live', () => {
  test.each([
    ['a.test', ['a.test']],
    ['A.test.', ['a.test']],
    ['a.test:443', ['a.test']],
    ['api.a.test', ['*.a.test']],
    ['*.b.a.test', ['*.a.test']],
    ['*.a.test', ['*.a.test']],
    ['api.a.test', ['*.a.test:443']],
    ['0x7f.1', ['127.0.0.1']],
    ['[2001:DB8::1]', ['[2001:db8:0::1]']],
  ])('%s stays shut under the denial of %s', (wanted, denied) => {
    expect(judgeLiveHost(wanted, policy(denied))).toMatchObject({
      kind: 'shut',
      rule: { pattern: denied[0] },
    });
    expect(judgeLiveHost(wanted, policy([]))).toMatchObject({ kind: 'may-open' });
  });

  test.each([
    ['a.test', ['*.a.test']],
    ['*.a.test', ['secret.a.test']],
    ['*.a.test', ['a.test']],
    ['a.test:22', ['a.test:443']],
    ['a.test', ['a.test:25']],
    ['ba.test', ['*.a.test']],
  ])('%s may be opened beside the denial of %s, which goes on to hold', (wanted, denied) => {
    expect(judgeLiveHost(wanted, policy(denied))).toEqual({ kind: 'may-open', pattern: wanted });
  });

  test('none may be opened where the administrator closed the network, and this is said', () => {
    expect(judgeLiveHost('a.test', policy([], { closed: { scope: 'managed', text: '"none"' } }))).toEqual({
      kind: 'shut',
      pattern: 'a.test',
      why: "this machine's administrator lets no other hosts be named",
    });
  });

  test.each(['', 'a b', '*', 'a.test:0', '::1', 'http://a.test'])('%j is no host', (text) => {
    expect(judgeLiveHost(text, policy([]))).toEqual({ kind: 'no-host' });
  });
});

/** Claims about which sockets of the host are opened, whoever asks for them. */
import { describe, expect, test } from 'vitest';
import { Decider } from './decide.ts';
import { HOME, makeFacts } from './facts.fixture.ts';
import { lintPolicy } from './lint.ts';
import { mergePolicy } from './merge.ts';
import type { Policy, SettingsLayer } from './types.ts';

const SOCKET = '/run/db/socket';

type Words = Partial<Omit<SettingsLayer, 'allowedSockets' | 'scope'>> & {
  readonly sockets?: readonly string[];
  readonly expires?: string;
};

function layer(scope: SettingsLayer['scope'], { sockets = [], expires, ...rest }: Words): SettingsLayer {
  const allowedSockets = sockets.map((path) => ({
    value: { path, ...(expires !== undefined && { expires }) },
    origin: { scope, file: `${scope}.json`, text: JSON.stringify(path) },
  }));
  return { scope, trusted: true, ...rest, allowedSockets };
}

function merge(layers: readonly SettingsLayer[], profile?: string): Policy {
  const now = new Date('2026-06-01T12:00:00Z');
  return mergePolicy({ layers, facts: makeFacts(), now, ...(profile !== undefined && { profile }) });
}

function opened(policy: Policy): string[] {
  const decider = new Decider(policy);
  const paths = policy.rules.filter(({ socket }) => socket).map(({ pattern }) => pattern);
  return paths.filter((path) => decider.decide(path, 'read').rule?.socket);
}

const sourced = <T>(scope: SettingsLayer['scope'], value: T) => ({ value, origin: { scope, text: '' } });

describe('a socket is opened', () => {
  test('where a trusted file lists it, and with `~` and relative paths as elsewhere', () => {
    expect(opened(merge([]))).toEqual([]);
    expect(opened(merge([layer('user', { sockets: [SOCKET, '~/agent.sock'] })]))).toEqual([
      SOCKET,
      `${HOME}/agent.sock`,
    ]);
  });

  test('by a profile on top of what is listed beside it', () => {
    const profile = layer('user', { sockets: ['/run/other'] });
    const layers = [layer('user', { sockets: [SOCKET], profiles: { more: profile } })];
    expect(opened(merge(layers))).toEqual([SOCKET]);
    expect(opened(merge(layers, 'more'))).toEqual([SOCKET, '/run/other']);
  });
});

describe('a socket stays shut, and is told,', () => {
  const cases: [string, SettingsLayer[], string][] = [
    ['untrusted', [layer('project', { sockets: [SOCKET], trusted: false })], 'untrusted'],
    ['expired', [layer('user', { sockets: [SOCKET], expires: '2026-05-31' })], 'expired'],
    [
      'above the mode that the administrator set',
      [layer('user', { sockets: [SOCKET] }), layer('managed', { mode: sourced('managed', 'standard') })],
      'ceiling',
    ],
    [
      'above the network that the administrator shut',
      [layer('user', { sockets: [SOCKET] }), layer('managed', { networkAccess: sourced('managed', 'none') })],
      'ceiling',
    ],
    [
      "when it is Pinfold's own",
      [layer('flag', { sockets: [`${HOME}/.local/state/pinfold/sessions/x/control`] })],
      'ceiling',
    ],
  ];
  test.each(cases)('%s', (_why, layers, kind) => {
    const policy = merge(layers);
    expect(opened(policy)).toEqual([]);
    expect(policy.notices.map((notice) => notice.kind)).toEqual([kind]);
  });

  test('unless the administrator lists it themselves', () => {
    const managed = layer('managed', { sockets: [SOCKET], mode: sourced('managed', 'strict') });
    const policy = merge([layer('user', { sockets: [SOCKET, '/run/other'] }), managed]);
    expect([...new Set(opened(policy))]).toEqual([SOCKET]);
  });
});

test('a denial of its path outweighs it, and one above does not', () => {
  const denied = (path: string) => layer('user', { sockets: [SOCKET], deniedPaths: [sourced('user', path)] });
  expect(opened(merge([denied(SOCKET)]))).toEqual([]);
  expect(opened(merge([denied('/run/db')]))).toEqual([SOCKET]);
  const managed = layer('managed', { deniedPaths: [sourced('managed', '/run')] });
  expect(opened(merge([layer('user', { sockets: [SOCKET] }), managed]))).toEqual([]);
});

test('check calls a known service a danger, and another none', () => {
  const policy = merge([layer('user', { sockets: ['/run/docker.sock', SOCKET] })]);
  expect(lintPolicy(policy, [])).toMatchObject([
    { severity: 'danger', kind: 'service', message: expect.stringContaining('root on this host') },
  ]);
});

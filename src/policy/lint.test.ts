import { describe, expect, test } from 'vitest';
import { HOME, makeFacts, PROJECT } from './facts.fixture.ts';
import { lintPolicy } from './lint.ts';
import { mergePolicy } from './merge.ts';
import type { SettingsLayer } from './types.ts';

function lint(layer: Partial<SettingsLayer>, searchPath: readonly string[] = ['/usr/bin']) {
  const user: SettingsLayer = { scope: 'flag', trusted: true, ...layer };
  const policy = mergePolicy({ layers: [user], facts: makeFacts(), now: new Date('2026-06-01') });
  return lintPolicy(policy, searchPath).map(({ severity, kind, message }) => ({ severity, kind, message }));
}

function allow(path: string, mode: 'read' | 'write' = 'write', expires?: string): Partial<SettingsLayer> {
  const value = { path, mode, ...(expires !== undefined && { expires }) };
  return { allowedPaths: [{ value, origin: { scope: 'flag', text: `--allow ${path}` } }] };
}

function domain(value: string): Partial<SettingsLayer> {
  return { allowedDomains: [{ value, origin: { scope: 'flag', text: value } }] };
}

describe('settings', () => {
  test.each<[string, Partial<SettingsLayer>, readonly string[] | undefined]>([
    ['of nobody', {}, undefined],
    ['with a directory beside the project', allow(`${HOME}/projects/lib`), undefined],
    ['with a directory to be read', allow('/srv/data', 'read'), undefined],
    ['with one host', domain('api.example.com'), undefined],
    ['with a wildcard of one owner', domain('*.example.com'), undefined],
    ['with a private address', domain('10.0.0.5:5432'), undefined],
    ['with a name beside a metadata service', domain('vault.google.internal'), undefined],
    [
      'with a directory of PATH that cannot be written',
      allow('/srv/data', 'read'),
      ['/srv/data', 'relative'],
    ],
  ])('%s are found in order', (_what, layer, searchPath) => {
    expect(lint(layer, searchPath)).toEqual([]);
  });

  test.each<[Partial<SettingsLayer>, string, string]>([
    [{ ...allow(HOME), unsafeAllowBroad: true }, 'broad', 'the whole home directory can be written'],
    [
      { ...allow('/home'), unsafeAllowBroad: true },
      'broad',
      '/home, and with it the home directory, can be written',
    ],
    [allow(`${HOME}/.ssh`, 'read'), 'credential', `${HOME}/.ssh can be read: holds ssh keys`],
    [allow(`${HOME}/.config`, 'read'), 'credential', 'in it: holds'],
    [allow(`${HOME}/.bashrc`), 'host-run', `${HOME}/.bashrc can be written`],
    [allow('/etc/x'), 'host-run', '/etc/x can be written: it is part of the system'],
    [domain('*.amazonaws.com'), 'shared-host', '*.amazonaws.com covers hosts that anyone can have'],
    [domain('*.github.io:443'), 'shared-host', 'covers hosts that anyone can have'],
    [domain('169.254.169.254'), 'metadata', '169.254.169.254, which hands out credentials of this machine'],
    [domain('0xa9fea9fe:80'), 'metadata', 'which hands out credentials of this machine'],
    [domain('[fd00:ec2:0::254]:80'), 'metadata', 'which hands out credentials of this machine'],
    [domain('Metadata.Google.Internal.'), 'metadata', 'which hands out credentials of this machine'],
    [domain('*.google.internal'), 'metadata', '*.google.internal covers metadata.google.internal, which'],
  ])('%o: %s', (layer, kind, message) => {
    expect(lint(layer)).toContainEqual({
      severity: 'danger',
      kind,
      message: expect.stringContaining(message),
    });
  });

  test.each<[Partial<SettingsLayer>, string, string]>([
    [allow(`${PROJECT}/src`), 'redundant', `${PROJECT} (write) gives as much`],
    [allow('/usr/share', 'read'), 'redundant', '/usr (read) gives as much'],
    [
      { ...allow('/srv/a'), deniedPaths: [{ value: '/srv/a', origin: { scope: 'flag', text: '--deny' } }] },
      'shadowed',
      '/srv/a (none) decides',
    ],
    [allow('/srv/a', 'read', '2026-01-01'), 'expired', 'expired on 2026-01-01'],
  ])('%o do not do what they say: %s', (layer, kind, message) => {
    expect(lint(layer)).toContainEqual({
      severity: 'warning',
      kind,
      message: expect.stringContaining(message),
    });
  });

  test('with a directory of PATH that can be written are a danger', () => {
    expect(lint({}, [`${PROJECT}/node_modules/.bin`])).toEqual([
      {
        severity: 'danger',
        kind: 'on-path',
        message: expect.stringContaining(`${PROJECT}/node_modules/.bin is on your PATH and can be written`),
      },
    ]);
  });

  test('are told dangers first', () => {
    const layer = { ...allow(`${PROJECT}/src`), ...domain('*.amazonaws.com') };
    expect(lint(layer).map(({ severity }) => severity)).toEqual(['danger', 'warning']);
  });
});

/** Claims about what a file of the project says before the person has trusted it. */
import { describe, expect, test } from 'vitest';
import { HOME, PROJECT } from './facts.fixture.ts';
import { accessIn, layer, merge, noticesOf, untrusted, type Words } from './layers.fixture.ts';
import { withoutWidening } from './merge-paths.ts';
import type { SettingsLayer } from './types.ts';

describe('an untrusted file', () => {
  test('loses what it grants, each with a notice that names `pinfold trust`', () => {
    const policy = merge([
      untrusted({
        allowedPaths: ['/data', { path: '~', mode: 'read' }, './.git/hooks'],
        allowedDomains: ['evil.example'],
        environment: { pass: ['AWS_PROFILE'], set: { GIT_SSH_COMMAND: 'x' } },
      }),
    ]);
    expect(['/data', HOME, `${PROJECT}/.git/hooks/x`].map((path) => accessIn(policy, path))).toEqual([
      'none',
      'none',
      'read',
    ]);
    expect([policy.network.domains, policy.environment]).toEqual([
      [],
      { pass: [], set: Object.create(null), drop: [] },
    ]);
    expect(
      policy.notices.every(({ kind, message }) => kind === 'untrusted' && message.includes('pinfold trust')),
    ).toBe(true);
    expect(policy.notices).toHaveLength(6);
  });

  test('names no proxy: whoever does decides where allowed names lead', () => {
    const words: Words = { upstreamProxy: 'environment' };
    const policy = merge([untrusted(words)]);
    expect([policy.network.upstreamProxy, noticesOf(policy)]).toEqual([
      undefined,
      ['untrusted "environment"'],
    ]);
    expect(merge([layer('project', words)]).network.upstreamProxy?.value).toBe('environment');
    const both = merge([layer('managed', words), layer('flag', words), untrusted(words)]);
    expect(both.network.upstreamProxy?.origin.scope).toBe('managed');
  });

  test('narrows the ports of the loopback and opens none', () => {
    const ports = (...layers: SettingsLayer[]) => {
      const policy = merge(layers);
      return [policy.network.localPorts?.map(({ value }) => value), noticesOf(policy)];
    };
    expect(ports()).toEqual([undefined, []]);
    expect(ports(layer('user', { localPorts: [5432] }), layer('local', { localPorts: [9229] }))).toEqual([
      [5432, 9229],
      [],
    ]);
    expect(ports(untrusted({ localPorts: [5432, 9229] }))).toEqual([[5432], ['untrusted 9229']]);
    expect(ports(layer('user', { localPorts: [5432] }), untrusted({ localPorts: [5432, 6379] }))).toEqual([
      [5432],
      ['untrusted 6379'],
    ]);
    expect(ports(layer('user', { localPorts: [5432, 6379] }), untrusted({ localPorts: [] }))).toEqual([
      [],
      [],
    ]);
    expect(
      ports(layer('flag', { localPorts: [5432, 9229] }), layer('managed', { localPorts: [5432] })),
    ).toEqual([[5432], ['ceiling 9229']]);
    expect(ports(layer('managed', { localPorts: [9229] }))).toEqual([[9229], []]);
  });

  test('opens no services of macOS, and the administrator says which may be opened', () => {
    const services = (...layers: SettingsLayer[]) => {
      const policy = merge(layers);
      return [policy.macServices?.map(({ value }) => value), noticesOf(policy)];
    };
    const wanted = layer('user', { macServices: ['tls', 'keychain'] });
    expect(services()).toEqual([undefined, []]);
    expect(services(wanted, layer('local', { macServices: ['chromium'] }))).toEqual([
      ['tls', 'keychain', 'chromium'],
      [],
    ]);
    expect(services(untrusted({ macServices: ['tls'] }))).toEqual([undefined, ['untrusted "tls"']]);
    expect(services(wanted, layer('managed', { macServices: ['tls'] }))).toEqual([
      ['tls'],
      ['ceiling "keychain"'],
    ]);
    expect(services(layer('managed', { macServices: ['tls'] }))).toEqual([undefined, []]);
  });

  test('keeps what it narrows, without a notice', () => {
    const policy = merge([
      untrusted({
        allowedPaths: [{ path: './vendor', mode: 'read' }, '.'],
        deniedPaths: ['./secrets'],
        deniedDomains: ['gist.github.com'],
        environment: { drop: ['FOO'] },
      }),
    ]);
    expect([accessIn(policy, `${PROJECT}/vendor/x`), accessIn(policy, `${PROJECT}/secrets`)]).toEqual([
      'read',
      'none',
    ]);
    expect(policy.network.domains.map(({ pattern, access }) => [pattern, access])).toEqual([
      ['gist.github.com', 'deny'],
    ]);
    expect(policy.environment.drop.map(({ value }) => value)).toEqual(['FOO']);
    expect(policy.notices).toEqual([]);
  });

  test("does not reopen part of what a person's denial closes", () => {
    const person = layer('user', { deniedPaths: ['./secrets'] });
    const words: Words = { allowedPaths: [{ path: './secrets/x', mode: 'read' }] };
    expect(accessIn(merge([person, untrusted(words)]), `${PROJECT}/secrets/x`)).toBe('none');
    expect(accessIn(merge([person, layer('project', words)]), `${PROJECT}/secrets/x`)).toBe('read');
  });

  test('loses a grant that proves to lie behind a denied link once links are followed', () => {
    const person = layer('user', { deniedPaths: ['./link'] });
    const merged = merge([person, untrusted({ allowedPaths: [{ path: './real/x', mode: 'read' }] })]);
    const rules = merged.rules.map((rule) =>
      rule.pattern === `${PROJECT}/link` ? { ...rule, resolved: `${PROJECT}/real` } : rule,
    );
    const followed = { ...merged, rules };
    expect(accessIn(followed, `${PROJECT}/real/x`)).toBe('read');
    const narrowed = withoutWidening(followed);
    expect([accessIn(narrowed, `${PROJECT}/real/x`), narrowed.notices.map(({ kind }) => kind)]).toEqual([
      'none',
      ['untrusted'],
    ]);
  });

  test("cannot open the host's /tmp or /run, though the session's own are writable", () => {
    for (const path of ['/tmp/other', '/tmp', '/run', '/var/tmp/x', '/dev/shm/x']) {
      const opened = (trusted: boolean) =>
        merge([layer('project', { allowedPaths: [path] }, trusted)]).rules.filter(
          ({ pattern, origin }) => pattern === path && origin.scope === 'project',
        );
      expect(opened(false)).toEqual([]);
      expect(opened(true)).toHaveLength(1);
    }
  });
});

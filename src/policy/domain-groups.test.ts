/** Claims about what the names of groups come to. */
import { expect, test } from 'vitest';
import { type DomainGroup, expandGroups, type GroupHost, usedGroups } from './domain-groups.ts';
import type { SettingsLayer } from './types.ts';

const CAME: GroupHost = { host: 'r.example:443', named: 'package-lock.json:12', own: false };
const OWN: GroupHost = { host: 'mirror.example:443', named: '$GOPROXY', own: true };

function layer(domains: readonly string[], more: Partial<SettingsLayer> = {}): SettingsLayer {
  const allowedDomains = domains.map((value) => ({ value, origin: { scope: 'user' as const, text: value } }));
  return { scope: 'user', trusted: true, allowedDomains, ...more };
}

function survey(hosts: readonly GroupHost[], trusted: readonly string[] = []) {
  return {
    hostsOf: (group: DomainGroup) => (group === '@registries' ? hosts : []),
    trusted: () => new Set(trusted),
  };
}

const valuesOf = (layers: readonly SettingsLayer[]) =>
  layers.map(({ allowedDomains = [] }) => allowedDomains.map(({ value }) => value));

test('a group becomes the hosts that were agreed to or are the person’s own, each with where it is named', () => {
  const { layers, notices } = expandGroups(
    [layer(['a.example', '@registries'])],
    survey([CAME, OWN], [CAME.host]),
  );
  expect(valuesOf(layers)).toEqual([['a.example', CAME.host, OWN.host]]);
  expect(layers[0]!.allowedDomains![1]!.origin).toEqual({
    scope: 'user',
    text: '@registries',
    group: { name: '@registries', named: 'package-lock.json:12' },
  });
  expect(notices).toEqual([]);
});

test('a registry that a commit adds is not opened, and is told', () => {
  const added: GroupHost = { host: 'evil.example:443', named: '.npmrc:1', own: false };
  const { layers, notices } = expandGroups([layer(['@registries'])], survey([CAME, added], [CAME.host]));
  expect(valuesOf(layers)).toEqual([[CAME.host]]);
  expect(notices).toMatchObject([{ kind: 'untrusted', message: expect.stringContaining('.npmrc:1') }]);
});

test('a thousand of them are told in a few lines', () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({ ...CAME, host: `h${index}.example:443` }));
  const { layers, notices } = expandGroups([layer(['@registries'])], survey(many));
  expect(valuesOf(layers)).toEqual([[]]);
  expect(notices).toHaveLength(9);
});

test('in a file that is not trusted the word stays a word', () => {
  const untrusted = layer(['@registries'], { scope: 'project', trusted: false });
  const { layers, notices } = expandGroups([untrusted], survey([OWN]));
  expect(valuesOf(layers)).toEqual([['@registries']]);
  expect(notices).toEqual([]);
});

test('a group that stands for nothing is told; profiles are expanded as well', () => {
  const settings = layer(['@remotes'], { profiles: { ci: layer(['@registries']) } });
  expect(usedGroups([settings])).toEqual(['@registries', '@remotes']);
  const { layers, notices } = expandGroups([settings], survey([OWN]));
  expect(notices).toMatchObject([{ kind: 'unmatched' }]);
  expect(valuesOf(Object.values(layers[0]!.profiles!))).toEqual([[OWN.host]]);
});

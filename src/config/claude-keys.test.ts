/** Claims about Claude Code's own keys: every denial holds, no grant is taken over, and each grant is named once. */
import { expect, test } from 'vitest';
import { interpretSettings } from './interpretation.ts';

const places = { projectDir: '/home/you/p', homeDir: '/home/you' };

function interpret(sandbox: unknown) {
  const text = JSON.stringify({ model: 'x', sandbox });
  const meaning = interpretSettings({ scope: 'claude', file: 'f', text, trusted: true, places });
  if (meaning.kind === 'invalid') {
    throw new Error(JSON.stringify(meaning.problems));
  }
  return meaning;
}

const valuesOf = <T>(entries: readonly { value: T }[] | undefined): T[] | undefined =>
  entries?.map(({ value }) => value);

test("honours what it denies, beside what Pinfold's own keys say", () => {
  const { layer, grants } = interpret({
    deniedPaths: ['own'],
    filesystem: { denyRead: ['~/.aws', './secrets', '//srv/keys'], denyWrite: ['./lock', '~/notes'] },
    network: { deniedDomains: ['evil.test'] },
    credentials: {
      files: [
        { path: '~/.netrc', mode: 'deny' },
        { path: '.env', mode: 'mask', extract: 'x' },
      ],
      envVars: [
        { name: 'TOKEN', mode: 'deny' },
        { name: 'KEY', mode: 'mask' },
      ],
    },
  });
  expect(valuesOf(layer.deniedPaths)).toEqual([
    'own',
    '~/.aws',
    './secrets',
    '/srv/keys',
    '~/.netrc',
    '.env',
    '~/notes',
  ]);
  expect(valuesOf(layer.allowedPaths)).toEqual([{ path: './lock', mode: 'read' }]);
  expect(valuesOf(layer.deniedDomains)).toEqual(['evil.test']);
  expect(valuesOf(layer.environment?.drop)).toEqual(['TOKEN', 'KEY']);
  expect(layer.deniedPaths![1]!.origin).toEqual({
    scope: 'claude',
    file: 'f',
    line: 1,
    column: 73,
    text: '"~/.aws"',
  });
  expect(grants).toEqual([]);
});

test('reads "/path" both ways, since releases of Claude Code differ', () => {
  expect(valuesOf(interpret({ filesystem: { denyRead: ['/secrets'] } }).layer.deniedPaths)).toEqual([
    '/secrets',
    './secrets',
  ]);
});

test('a denyWrite outside never opens for reading what is hidden', () => {
  const { layer, notices } = interpret({
    filesystem: { denyWrite: ['~/.ssh', '//etc', '~', '**/*.lock', '~/../other'] },
  });
  expect(layer.allowedPaths).toBeUndefined();
  expect(valuesOf(layer.deniedPaths)).toEqual(['~/.ssh', '**/*.lock']);
  expect(notices.map(({ kind, origin }) => [kind, origin.text])).toEqual([
    ['not-taken-over', '"//etc"'],
    ['not-taken-over', '"~"'],
    ['not-taken-over', '"~/../other"'],
  ]);
});

test('names grants once for the file, with the place of the first', () => {
  const { layer, notices, grants } = interpret({
    excludedCommands: ['docker'],
    allowUnsandboxedCommands: true,
    filesystem: { allowWrite: ['/'], allowRead: [] },
    network: { allowedDomains: ['*'], allowLocalBinding: false },
  });
  expect(notices).toEqual([
    {
      kind: 'not-taken-over',
      message:
        "Claude Code's own grants are not taken over: allowUnsandboxedCommands, excludedCommands, network.allowedDomains, filesystem.allowWrite; say what is needed in Pinfold's keys",
      origin: { scope: 'claude', file: 'f', line: 1, column: 82, text: '"allowUnsandboxedCommands"' },
    },
  ]);
  expect({ ...layer }).toEqual({ scope: 'claude', file: 'f', trusted: true });
  expect(grants).toEqual([]);
});

test('says nothing about keys that grant nothing', () => {
  const { notices } = interpret({
    enabled: true,
    failIfUnavailable: true,
    allowUnsandboxedCommands: false,
    excludedCommands: [],
    ripgrep: { command: 'rg' },
  });
  expect(notices).toEqual([]);
});

test.each([
  [
    'a denial of wrong type',
    { filesystem: { denyRead: '/x' } },
    'sandbox.filesystem.denyRead: a list is expected, not a string',
  ],
  [
    'a denial with NUL',
    { filesystem: { denyRead: ['a\0b'] } },
    'sandbox.filesystem.denyRead[0]: a path cannot hold a NUL character',
  ],
  [
    'a credential without a path',
    { credentials: { files: [{ mode: 'deny' }] } },
    'sandbox.credentials.files[0]: the key "path" is missing',
  ],
  ['a section of wrong type', { network: [] }, 'sandbox.network: an object is expected, not an array'],
])('refuses %s, since a denial that cannot be read would be lost', (_, sandbox, message) => {
  const text = JSON.stringify({ sandbox });
  const meaning = interpretSettings({ scope: 'claude', file: 'f', text, trusted: true, places });
  expect(meaning.kind === 'invalid' && meaning.problems.map((problem) => problem.message)).toEqual([message]);
});

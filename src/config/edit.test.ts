/** Claims about changing files on disk: atomic, only valid to valid, never through a planted link, never laundering. */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  makeSettingsWorld,
  SETTINGS_EXAMPLE,
  type SettingsWorld,
} from '../../test/fixtures/settings-world.ts';
import type { SandboxError } from '../errors.ts';
import { type Change, type EditableScope, editSettings } from './edit.ts';
import { loadLayers } from './load.ts';
import { trustFileOf } from './trust.ts';
import { rememberTrust } from './trust-change.ts';

const set = (path: string, value: unknown): Change => ({ kind: 'set', path: path.split('.'), value });
const unset = (path: string): Change => ({ kind: 'unset', path: path.split('.') });

function edit(world: SettingsWorld, scope: EditableScope, change: Change) {
  return editSettings({ ...world, scope, file: world.files[scope], change });
}

async function refusalOf(attempt: Promise<unknown>) {
  const error = await attempt.then(
    () => undefined,
    (reason: SandboxError) => reason,
  );
  return error && { code: error.code, why: error.why };
}

async function trustOf(world: SettingsWorld, scope: EditableScope): Promise<boolean | undefined> {
  return (await loadLayers(world)).layers.find((layer) => layer.scope === scope)?.trusted;
}

async function trustAsIs(world: SettingsWorld, scope: EditableScope): Promise<void> {
  const file = (await loadLayers(world)).files.find((loaded) => loaded.scope === scope)!;
  const name = file.path.slice(world.projectDir.length + 1);
  await rememberTrust(world.stateDir, world.projectDir, [{ file: name, sha256: file.sha256! }]);
}

test('creates a file that is absent, and what the person wrote counts as trusted', async () => {
  const world = await makeSettingsWorld();
  expect(await edit(world, 'project', set('allowedPaths', ['~/data']))).toEqual({
    file: world.files.project,
    change: 'created',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    trust: 'trusted',
    pending: [],
  });
  expect(await readFile(world.files.project, 'utf8')).toBe(
    '{\n  "sandbox": {\n    "allowedPaths": ["~/data"]\n  }\n}\n',
  );
  expect(await trustOf(world, 'project')).toBe(true);
  expect(await readdir(dirname(world.files.project))).toEqual(['settings.json']);
});

test('keeps comments, layout, byte order mark and mode of a file that is there', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.user, `\uFEFF${SETTINGS_EXAMPLE}`);
  await chmod(world.files.user, 0o640);
  await edit(world, 'user', set('mode', 'standard'));
  expect(await readFile(world.files.user, 'utf8')).toBe(
    `\uFEFF${SETTINGS_EXAMPLE.replace('"mode": "strict",\n', '"mode": "standard",\n')}`,
  );
  expect((await stat(world.files.user)).mode & 0o777).toBe(0o640);
  await edit(world, 'user', unset('mode'));
  expect(await readFile(world.files.user, 'utf8')).toBe(
    `\uFEFF${SETTINGS_EXAMPLE.replace('    "mode": "strict",\n', '')}`,
  );
});

test('leaves a file alone that already says so, and one that never said it', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.user, SETTINGS_EXAMPLE);
  const before = await stat(world.files.user);
  expect((await edit(world, 'user', set('mode', 'strict'))).change).toBe('unchanged');
  expect((await edit(world, 'user', unset('limits.cpuTime'))).change).toBe('unchanged');
  expect((await stat(world.files.user)).ino).toBe(before.ino);
  expect((await edit(world, 'local', unset('mode'))).change).toBe('unchanged');
  expect(await refusalOf(stat(world.files.local))).toMatchObject({ code: 'ENOENT' });
});

test('refuses to edit a file that is not valid, and to make one so; both stay as they were', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, '{ "sandbox": { "mod": 1 } }');
  expect(await refusalOf(edit(world, 'project', set('mode', 'strict')))).toEqual({
    code: 'ERR_SETTINGS_EDIT',
    why: `it is not valid: ${world.files.project}:1:16: unknown key "mod" in sandbox (did you mean mode?)`,
  });
  expect(await readFile(world.files.project, 'utf8')).toBe('{ "sandbox": { "mod": 1 } }');
  await world.write(world.files.user, '{ "sandbox": {} }');
  expect(await refusalOf(edit(world, 'user', set('mode', 'lax')))).toMatchObject({
    code: 'ERR_SETTINGS_EDIT',
  });
  expect(await readFile(world.files.user, 'utf8')).toBe('{ "sandbox": {} }');
});

test('refuses to write through a link that leaves the directory, and follows one that does not', async () => {
  const world = await makeSettingsWorld();
  const elsewhere = await world.write('dotfiles.json', '{}');
  await symlink(elsewhere, world.files.user);
  expect(await refusalOf(edit(world, 'user', set('mode', 'strict')))).toEqual({
    code: 'ERR_SETTINGS_EDIT',
    why: `it is a symbolic link to ${elsewhere}`,
  });
  expect(await readFile(elsewhere, 'utf8')).toBe('{}');
  const beside = await world.write(join(world.configDir, 'real.json'), '{}');
  await symlink('real.json', `${world.files.user}.new`);
  await rename(`${world.files.user}.new`, world.files.user);
  await edit(world, 'user', set('mode', 'strict'));
  expect(await readFile(beside, 'utf8')).toContain('"mode": "strict"');
});

test('refuses to write through a directory that is a link out of the project', async () => {
  const world = await makeSettingsWorld();
  const elsewhere = join(world.root, 'elsewhere');
  await mkdir(elsewhere);
  await symlink(elsewhere, join(world.projectDir, '.pinfold'));
  expect(await refusalOf(edit(world, 'project', set('mode', 'strict')))).toEqual({
    code: 'ERR_SETTINGS_EDIT',
    why: `${join(world.projectDir, '.pinfold')} is a symbolic link to ${elsewhere}`,
  });
  expect(await readdir(elsewhere)).toEqual([]);
});

test("a trusted file stays trusted through the person's own edits, and not through anybody else's", async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, SETTINGS_EXAMPLE);
  await trustAsIs(world, 'project');
  expect((await edit(world, 'project', set('mode', 'permissive'))).trust).toBe('trusted');
  expect(await trustOf(world, 'project')).toBe(true);
  await world.write(world.files.project, SETTINGS_EXAMPLE.replace('~/data', '~/.ssh'));
  expect(await trustOf(world, 'project')).toBe(false);
});

const PLANTED = [
  ['a path', '"allowedPaths": ["~/.ssh"]', 'allowedPaths'],
  ['a path to be read', '"allowedPaths": [{ "path": "~/.ssh", "mode": "read" }]', 'allowedPaths'],
  [
    'a path that has expired',
    '"allowedPaths": [{ "path": "~/.ssh", "expires": "2001-01-01" }]',
    'allowedPaths',
  ],
  ['a wider mode', '"mode": "permissive"', 'mode'],
  ['the default mode, against a stricter person', '"mode": "standard"', 'mode'],
  ['network', '"networkAccess": "filtered"', 'networkAccess'],
  ["the host's loopback", '"networkAccess": "local"', 'networkAccess'],
  ['a host', '"allowedDomains": ["evil.test"]', 'allowedDomains'],
  ['a secret variable', '"environment": { "pass": ["GITHUB_TOKEN"] }', 'environment.pass'],
  [
    'a set variable',
    '"environment": { "set": { "NODE_OPTIONS": "-r ./x" } }',
    'environment.set.NODE_OPTIONS',
  ],
  ['a looser limit', '"limits": { "memory": "1TiB" }', 'limits.memory'],
  ['the switch', '"enabled": false', 'enabled'],
  ['a profile for later', '"profiles": { "ci": { "mode": "permissive" } }', 'profiles.ci.mode'],
] as const;

test.each(PLANTED)(
  'does not launder a planted grant through a harmless edit: %s',
  async (_, planted, key) => {
    for (const scope of ['claude', 'project', 'local'] as const) {
      const world = await makeSettingsWorld();
      await world.write(world.files[scope], `{\n  "sandbox": { ${planted} }\n}\n`);
      const outcome = await edit(world, scope, set('deniedPaths', ['x']));
      expect(outcome).toMatchObject({ change: 'changed', trust: 'untrusted' });
      expect(outcome.pending.map((grant) => grant.key)).toEqual([key]);
      expect(await trustOf(world, scope)).toBe(false);
      expect(await refusalOf(stat(trustFileOf(world.stateDir)))).toMatchObject({ code: 'ENOENT' });
    }
  },
);

test("control: a file that only tightens becomes trusted with the person's own grant", async () => {
  const world = await makeSettingsWorld();
  await world.write(
    world.files.project,
    '{ "sandbox": { "mode": "strict", "networkAccess": "none", "deniedPaths": ["x"] } }',
  );
  expect(await edit(world, 'project', set('allowedPaths', ['~/data']))).toMatchObject({
    trust: 'trusted',
    pending: [],
  });
  expect(await trustOf(world, 'project')).toBe(true);
});

test('does not launder a planted grant by removing another, nor one that came after the trust', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, '{ "sandbox": { "allowedDomains": ["good.test"] } }');
  await trustAsIs(world, 'project');
  await world.write(
    world.files.project,
    '{ "sandbox": { "allowedDomains": ["good.test"], "allowedPaths": ["~/.ssh"] } }',
  );
  expect(await edit(world, 'project', unset('allowedDomains'))).toMatchObject({ trust: 'untrusted' });
  expect(await trustOf(world, 'project')).toBe(false);
});

test('removing the last planted grant leaves the file untrusted until the next look', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, '{ "sandbox": { "allowedPaths": ["~/.ssh"] } }');
  expect(await edit(world, 'project', unset('allowedPaths'))).toMatchObject({
    trust: 'untrusted',
    pending: [],
  });
  expect(await edit(world, 'project', set('allowedPaths', ['~/data']))).toMatchObject({ trust: 'trusted' });
});

describe('lists', () => {
  const LIST = `{
  "sandbox": {
    "allowedPaths": [
      "~/a", // one
      // two
      { "path": "~/b", "mode": "read" },
      "~/c"
    ],
    "allowedDomains": ["a.test", "b.test"]
  }
}
`;
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');

  async function started() {
    const world = await makeSettingsWorld();
    await world.write(world.files.user, LIST);
    return { world, read: () => readFile(world.files.user, 'utf8') };
  }

  test('loses items of several lists in one write, comments kept, and gets them back to the letter', async () => {
    const { world, read } = await started();
    const items = [
      { path: ['allowedPaths'], index: 0 },
      { path: ['allowedPaths'], index: 2 },
      { path: ['allowedDomains'], index: 1 },
    ];
    const { sha256 } = await edit(world, 'user', { kind: 'remove', items, sha256: digest(LIST) });
    const after = await read();
    expect(after).toContain('// one');
    expect(after).toContain('// two');
    expect(after).toContain('"allowedDomains": ["a.test"]');
    expect(after).not.toMatch(/~\/[ac]|b\.test/);
    expect(sha256).toBe(digest(after));
    await edit(world, 'user', { kind: 'restore', text: LIST, sha256 });
    expect(await read()).toBe(LIST);
  });

  test('gain items at their ends, on lines of their own where the others have them', async () => {
    const { world, read } = await started();
    const items = [
      { path: ['allowedPaths'], value: '~/d' },
      { path: ['allowedDomains'], value: 'c.test' },
      { path: ['deniedPaths'], value: '~/e' },
    ];
    await edit(world, 'user', { kind: 'add', items });
    const after = await read();
    expect(after).toContain('      "~/c",\n      "~/d"\n    ],');
    expect(after).toContain('"allowedDomains": ["a.test", "b.test", "c.test"]');
    expect(after).toContain('"deniedPaths": ["~/e"]');
    expect(after).toContain('// one');
  });

  test('are left alone where the content is another than the one that was looked at', async () => {
    const { world, read } = await started();
    const items = [{ path: ['allowedPaths'], index: 0 }];
    const change = { kind: 'remove', items, sha256: digest(`${LIST} `) } as const;
    await expect(edit(world, 'user', change)).rejects.toMatchObject({
      code: 'ERR_SETTINGS_EDIT',
      why: 'it has changed since',
    });
    expect(await read()).toBe(LIST);
    // The control: with the right content it goes.
    expect((await edit(world, 'user', { ...change, sha256: digest(LIST) })).change).toBe('changed');
  });
});

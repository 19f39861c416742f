/** Claims about files: which are read, which are refused, and that what was checked is what is used. */
import { execFileSync } from 'node:child_process';
import * as files from 'node:fs';
import { chmod, chown, lutimes, mkdir, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { makeSettingsWorld, type SettingsWorld } from '../../test/fixtures/settings-world.ts';
import type { SandboxError } from '../errors.ts';
import { type LoadRequest, loadLayers } from './load.ts';
import { rememberTrust } from './trust-change.ts';

vi.mock('node:fs', { spy: true });

const STRICT = '{ "sandbox": { "mode": "strict" } }';

async function refusalOf(world: SettingsWorld, more: Partial<LoadRequest> = {}) {
  const error = await loadLayers({ ...world, ...more }).then(
    () => undefined,
    (reason: SandboxError) => reason,
  );
  return error && { code: error.code, problems: error.problems };
}

const at = (file: string, message: string, line = 1, column = 1) => ({ file, line, column, message });
const refused = (code: string, ...problems: ReturnType<typeof at>[]) => ({ code, problems });

test('without any file there is no layer, and each place that was looked at is named', async () => {
  const world = await makeSettingsWorld();
  expect(await loadLayers(world)).toEqual({
    layers: [],
    notices: [],
    files: (['user', 'claude', 'project', 'local', 'managed'] as const).map((scope) => ({
      scope,
      path: world.files[scope],
      state: 'absent',
    })),
  });
});

test('loads every file, weakest first, and trusts all but those of the project', async () => {
  const world = await makeSettingsWorld();
  for (const file of Object.values(world.files)) {
    await world.write(file, STRICT);
  }
  const settingsFile = await world.write('flags.json', STRICT);
  const { layers } = await loadLayers({ ...world, settingsFile });
  expect(
    layers.map(({ scope, trusted, mode }) => [
      scope,
      trusted,
      mode?.value,
      mode?.origin.line,
      mode?.origin.column,
    ]),
  ).toEqual([
    ['user', true, 'strict', 1, 24],
    ['claude', false, 'strict', 1, 24],
    ['project', false, 'strict', 1, 24],
    ['local', false, 'strict', 1, 24],
    ['flag', true, 'strict', 1, 24],
    ['managed', true, 'strict', 1, 24],
  ]);
});

test('tells the problems of all files together', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.user, '{ "sandbox": { "mod": 1 } }');
  await world.write(world.files.project, '{\n "sandbox": { "mode": 1 }\n}');
  await world.write(world.files.managed, '');
  const refusal = await refusalOf(world);
  expect(refusal?.code).toBe('ERR_SETTINGS_INVALID');
  expect(refusal?.problems.map(({ file, line, column }) => [file, line, column])).toEqual([
    [world.files.user, 1, 16],
    [world.files.project, 2, 23],
    [world.files.managed, 1, 1],
  ]);
});

test('T-14 reads each file exactly once, so that a swap after the check changes nothing', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, STRICT);
  const open = vi.mocked(files.openSync);
  open.mockClear();
  await loadLayers(world);
  const opened = open.mock.calls.map(([path]) => path).filter((path) => path === world.files.project);
  expect(opened).toEqual([world.files.project]);
});

test('T-14 what is loaded is one version or the other, and trust belongs to the version that was read', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, STRICT);
  const before = await loadLayers(world);
  const sha256 = before.files.find(({ scope }) => scope === 'project')!.sha256!;
  await rememberTrust(world.stateDir, world.projectDir, [{ file: '.pinfold/settings.json', sha256 }]);
  const evil = '{ "sandbox": { "mode": "permissive", "allowedPaths": ["~/.ssh"] } }';
  for (let round = 0; round < 100; round++) {
    const swap = world
      .write(`swap-${round}`, round % 2 === 0 ? evil : STRICT)
      .then((file) => rename(file, world.files.project));
    const [{ layers }] = await Promise.all([loadLayers(world), swap]);
    expect([layers[0]!.mode!.value, layers[0]!.trusted]).toEqual(
      layers[0]!.mode!.value === 'strict' ? ['strict', true] : ['permissive', false],
    );
  }
});

test.each(['user', 'claude', 'project', 'local', 'managed'] as const)(
  'F-52 refuses a directory in place of the %s file',
  async (scope) => {
    const world = await makeSettingsWorld();
    await mkdir(world.files[scope], { recursive: true });
    expect(await refusalOf(world)).toEqual(
      refused(
        'ERR_SETTINGS_UNREADABLE',
        at(world.files[scope], 'a directory stands in place of the settings file'),
      ),
    );
  },
);

test('F-52 refuses a pipe without waiting for a writer, and a device', async () => {
  const world = await makeSettingsWorld();
  await mkdir(join(world.projectDir, '.pinfold'));
  execFileSync('mkfifo', [world.files.project]);
  await symlink('/dev/zero', world.files.user);
  const message = 'a device, pipe or socket stands in place of the settings file';
  const refusal = await refusalOf(world);
  expect(refusal).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(world.files.user, message), at(world.files.project, message)),
  );
});

test("refuses a file where a directory of settings should be, but not for Claude Code's", async () => {
  const world = await makeSettingsWorld();
  await world.write(join(world.projectDir, '.claude'), '');
  expect(await refusalOf(world)).toBeUndefined();
  await world.write(join(world.projectDir, '.pinfold'), '');
  const message = 'a part of the path is not a directory';
  expect(await refusalOf(world)).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(world.files.project, message), at(world.files.local, message)),
  );
});

test('refuses a symbolic link that leads nowhere, of the file and of its directory', async () => {
  const world = await makeSettingsWorld();
  await mkdir(join(world.projectDir, '.claude'));
  await symlink('/nowhere', world.files.claude);
  await symlink('gone', join(world.projectDir, '.pinfold'));
  const directory = `${join(world.projectDir, '.pinfold')} is a symbolic link to gone, which does not exist`;
  expect(await refusalOf(world)).toEqual(
    refused(
      'ERR_SETTINGS_UNREADABLE',
      at(world.files.claude, `${world.files.claude} is a symbolic link to /nowhere, which does not exist`),
      at(world.files.project, directory),
      at(world.files.local, directory),
    ),
  );
});

test('refuses symbolic links that form a loop', async () => {
  const world = await makeSettingsWorld();
  await mkdir(join(world.projectDir, '.pinfold'));
  await symlink('settings.local.json', world.files.project);
  await symlink('settings.json', world.files.local);
  const message = 'its symbolic links form a loop';
  expect(await refusalOf(world)).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(world.files.project, message), at(world.files.local, message)),
  );
});

test("F-53 refuses a user's settings file that is a link into the project; a link to elsewhere is fine", async () => {
  const world = await makeSettingsWorld();
  const elsewhere = await world.write('dotfiles/settings.json', STRICT);
  await symlink(elsewhere, world.files.user);
  expect(await refusalOf(world)).toBeUndefined();
  const inside = await world.write(join(world.projectDir, 'mine.json'), STRICT);
  await symlink(inside, `${world.files.user}.new`);
  await rename(`${world.files.user}.new`, world.files.user);
  const message = `it is a symbolic link to ${inside}, inside the project, where a sandboxed command could change it`;
  expect(await refusalOf(world)).toEqual(refused('ERR_SETTINGS_UNREADABLE', at(world.files.user, message)));
});

test('refuses a link from .pinfold into the rest of the project, where the sandbox could write', async () => {
  const world = await makeSettingsWorld();
  const inside = await world.write(join(world.projectDir, 'shared.json'), STRICT);
  await mkdir(join(world.projectDir, '.pinfold'));
  await symlink('../shared.json', world.files.project);
  const message = `it is a symbolic link to ${inside}, outside .pinfold, where a sandboxed command could change it`;
  expect(await refusalOf(world)).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(world.files.project, message)),
  );
});

test("F-51 refuses the person's own file when others may write it; the same file for them alone is read", async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.user, STRICT);
  await chmod(world.files.user, 0o666);
  expect(await refusalOf(world)).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(world.files.user, 'every user may write it')),
  );
  await chmod(world.files.user, 0o644);
  expect(await refusalOf(world)).toBeUndefined();
});

test('refuses a managed file that its group may write, and one in a directory that others may write', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.managed, STRICT);
  expect(await refusalOf(world)).toBeUndefined();
  await chmod(world.files.managed, 0o664);
  const gid = process.getgid!();
  expect(await refusalOf(world)).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(world.files.managed, `group ${gid} may write it`)),
  );
  await chmod(world.files.managed, 0o644);
  await chmod(join(world.root, 'etc'), 0o777);
  expect(await refusalOf(world)).toEqual(
    refused(
      'ERR_SETTINGS_UNREADABLE',
      at(world.files.managed, 'its directory can be changed by others: every user may write it'),
    ),
  );
});

test('refuses a managed file that does not belong to its owner', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.managed, STRICT);
  const strange = process.getuid!() === 0 ? 0 : process.getuid!();
  // Root's files are always good enough, so the file is given away where that can be done.
  if (strange === 0) {
    await chown(world.files.managed, 1234, 0);
  }
  const refusal = await refusalOf(world, { managedOwner: 4321 });
  const owner = strange === 0 ? 1234 : strange;
  expect(refusal).toEqual(
    refused(
      'ERR_SETTINGS_UNREADABLE',
      at(world.files.managed, `it belongs to user ${owner}, who could change what it says`),
    ),
  );
});

test('F-07 refuses what is not UTF-8, at the byte where it stops being so', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.user, Buffer.from(`\uFEFF${STRICT}`, 'utf16le'));
  await world.write(
    world.files.project,
    Buffer.concat([Buffer.from('{\n  "é'), Buffer.from([0xff]), Buffer.from('": 1 }')]),
  );
  expect(await refusalOf(world)).toEqual(
    refused(
      'ERR_SETTINGS_INVALID',
      at(world.files.user, 'the file is not UTF-8 text'),
      at(world.files.project, 'the file is not UTF-8 text', 2, 5),
    ),
  );
});

test('F-15 refuses a file larger than 1 MiB; one just below is read', async () => {
  const world = await makeSettingsWorld();
  const fill = (size: number) => `${STRICT}${' '.repeat(size - STRICT.length)}`;
  await world.write(world.files.project, fill(1024 * 1024));
  expect(await refusalOf(world)).toBeUndefined();
  await world.write(world.files.project, fill(1024 * 1024 + 1));
  expect(await refusalOf(world)).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(world.files.project, 'the file is larger than 1024 KiB')),
  );
});

test('refuses a --settings file that is not there', async () => {
  const world = await makeSettingsWorld();
  const settingsFile = join(world.root, 'none.json');
  expect(await refusalOf(world, { settingsFile })).toEqual(
    refused('ERR_SETTINGS_UNREADABLE', at(settingsFile, 'there is no such file')),
  );
});

test('F-50 a --settings file inside the project counts only as far as it is trusted', async () => {
  const world = await makeSettingsWorld();
  const settingsFile = await world.write(join(world.projectDir, 'ci.json'), STRICT);
  const load = async () => (await loadLayers({ ...world, settingsFile })).layers[0]!.trusted;
  expect(await load()).toBe(false);
  const sha256 = (await loadLayers({ ...world, settingsFile })).files.find(({ scope }) => scope === 'flag')!
    .sha256!;
  await rememberTrust(world.stateDir, world.projectDir, [{ file: 'ci.json', sha256 }]);
  expect(await load()).toBe(true);
});

test('does not look at times, which whoever writes a file can set', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, STRICT);
  const { sha256 } = (await loadLayers(world)).files.find(({ scope }) => scope === 'project')!;
  await rememberTrust(world.stateDir, world.projectDir, [
    { file: '.pinfold/settings.json', sha256: sha256! },
  ]);
  const stats = await stat(world.files.project);
  await writeFile(
    world.files.project,
    '{ "sandbox": { "mode": "standar" } }'.replace('standar"', 'strict" '),
  );
  await lutimes(world.files.project, stats.atime, stats.mtime);
  expect((await loadLayers(world)).layers[0]!.trusted).toBe(false);
});

/** Claims about the record of trust. */
import { copyFile, cp, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeSettingsWorld } from '../../test/fixtures/settings-world.ts';
import type { SandboxError } from '../errors.ts';
import { loadLayers } from './load.ts';
import { isTrusted, readTrust, trustFileOf } from './trust.ts';
import { rememberTrust, revokeTrust } from './trust-change.ts';

const FILE = '.pinfold/settings.json';
const GRANT = '{ "sandbox": { "allowedPaths": ["~/data"] } }';

async function hashOf(world: Awaited<ReturnType<typeof makeSettingsWorld>>): Promise<string> {
  return (await loadLayers(world)).files.find(({ scope }) => scope === 'project')!.sha256!;
}

test('remembers content, and forgets it when told to', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, GRANT);
  const entry = { file: FILE, sha256: await hashOf(world) };
  expect(isTrusted(await readTrust(world.stateDir), world.projectDir, entry)).toBe(false);
  await rememberTrust(world.stateDir, world.projectDir, [entry]);
  expect(isTrusted(await readTrust(world.stateDir), world.projectDir, entry)).toBe(true);
  expect(isTrusted(await readTrust(world.stateDir), world.projectDir, { ...entry, sha256: '0' })).toBe(false);
  expect(
    isTrusted(await readTrust(world.stateDir), world.projectDir, { ...entry, file: '.claude/settings.json' }),
  ).toBe(false);
  await revokeTrust(world.stateDir, world.projectDir);
  expect(isTrusted(await readTrust(world.stateDir), world.projectDir, entry)).toBe(false);
  expect(JSON.parse(await readFile(trustFileOf(world.stateDir), 'utf8'))).toEqual({
    version: 1,
    projects: {},
  });
});

test('trust of one project is not trust of a copy of it, and holds through a link to it', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, GRANT);
  await rememberTrust(world.stateDir, world.projectDir, [{ file: FILE, sha256: await hashOf(world) }]);
  const copy = join(world.homeDir, 'copy');
  await cp(world.projectDir, copy, { recursive: true });
  const link = join(world.homeDir, 'link');
  await symlink(world.projectDir, link);
  const trusted = async (projectDir: string) =>
    (await loadLayers({ ...world, projectDir })).layers[0]!.trusted;
  expect(await trusted(world.projectDir)).toBe(true);
  expect(await trusted(copy)).toBe(false);
  expect(await trusted(link)).toBe(true);
});

test('a file that changes by one byte is untrusted, and trusted again with its old content', async () => {
  const world = await makeSettingsWorld();
  await world.write(world.files.project, GRANT);
  await copyFile(world.files.project, join(world.root, 'kept'));
  await rememberTrust(world.stateDir, world.projectDir, [{ file: FILE, sha256: await hashOf(world) }]);
  await writeFile(world.files.project, `${GRANT} `);
  expect((await loadLayers(world)).layers[0]!.trusted).toBe(false);
  await copyFile(join(world.root, 'kept'), world.files.project);
  expect((await loadLayers(world)).layers[0]!.trusted).toBe(true);
});

test('the record is for its owner alone, and nothing is left beside it', async () => {
  const world = await makeSettingsWorld();
  await rememberTrust(world.stateDir, world.projectDir, [{ file: FILE, sha256: 'x' }]);
  expect((await stat(trustFileOf(world.stateDir))).mode & 0o777).toBe(0o600);
  expect(await readdir(world.stateDir)).toEqual(['trust.json']);
});

test('of many writers at once none undoes another', async () => {
  const world = await makeSettingsWorld();
  const names = Array.from({ length: 12 }, (_, index) => `file-${index}.json`);
  await Promise.all(
    names.map((file) => rememberTrust(world.stateDir, world.projectDir, [{ file, sha256: file }])),
  );
  const record = await readTrust(world.stateDir);
  expect([...record.projects.get(world.projectDir)!.keys()].toSorted()).toEqual(names.toSorted());
});

test.each([
  ['nothing', ''],
  ['a list', '[]'],
  ['another version', '{ "version": 2, "projects": {} }'],
  ['hashes that are none', '{ "version": 1, "projects": { "/p": { "f": true } } }'],
])('a record of %s stops the load and is not replaced', async (_, text) => {
  const world = await makeSettingsWorld();
  const path = await world.write(trustFileOf(world.stateDir), text);
  const refused = { code: 'ERR_SETTINGS_UNREADABLE', why: `${path}: it is not a trust record` };
  const reason = (error: SandboxError) => ({ code: error.code, why: error.why });
  expect(await loadLayers(world).catch(reason)).toEqual(refused);
  expect(await rememberTrust(world.stateDir, world.projectDir, []).catch(reason)).toEqual(refused);
  expect(await readFile(path, 'utf8')).toBe(text);
});

test('says so when the record cannot be written', async () => {
  const world = await makeSettingsWorld();
  await mkdir(dirname(world.stateDir), { recursive: true });
  await writeFile(world.stateDir, '');
  const error: SandboxError = await rememberTrust(world.stateDir, world.projectDir, []).catch(
    (reason) => reason,
  );
  expect([error.code, error.what]).toEqual(['ERR_STATE_UNWRITABLE', 'Cannot remember which files you trust']);
});

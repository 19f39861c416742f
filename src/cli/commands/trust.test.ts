/** Claims about `pinfold trust`: it shows, asks a person and nobody else, and remembers what it showed. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import { makeSettingsWorld, type SettingsWorld } from '../../../test/fixtures/settings-world.ts';
import { loadLayers } from '../../config/load.ts';
import { parseLine } from '../parse.ts';
import { command } from './trust.ts';

const WIDER =
  '{\n  "sandbox": {\n    "mode": "permissive",\n    "allowedPaths": ["~/data"],\n    "limits": { "processes": 9 }\n  }\n}\n';

async function say(world: SettingsWorld, ...words: string[]) {
  const line = parseLine('pinfold trust', command, words);
  if (line.kind === 'help') throw new Error('no help was asked for');
  const out = plainOutput();
  const err = plainOutput();
  const environment = { HOME: world.homeDir };
  const context = {
    cwd: world.projectDir,
    environment,
    out,
    err,
    launcherPath: '',
    version: '0',
    pid: process.pid,
    words: [],
    entry: { node: process.execPath, script: '/nonexistent/pinfold.cjs' },
    onSignals: () => () => {},
  };
  const code = await command.run({ ...line, context });
  return { code, out: out.text, err: err.text };
}

async function makeWorld(): Promise<SettingsWorld> {
  const world = await makeSettingsWorld();
  await mkdir(join(world.projectDir, '.git'));
  return world;
}

const isTrusted = async (world: SettingsWorld) =>
  (await loadLayers(world)).layers.map(({ trusted }) => trusted);

test('shows entry by entry what the files could widen, and trusts them with --yes', async () => {
  const world = await makeWorld();
  await world.write(world.files.project, WIDER);
  await world.write(world.files.local, '{ "sandbox": { "mode": "strict" } }');
  expect(await say(world, '--yes')).toEqual({
    code: 0,
    out: 'Trusted .pinfold/settings.json.\n',
    err:
      '~/project\n' +
      '  ~/project/.pinfold/settings.json  could widen by 3 entries:\n' +
      '    mode  ~/project/.pinfold/settings.json:3:13 "permissive"\n' +
      '    limits.processes  ~/project/.pinfold/settings.json:5:30 9  (only where your own settings are stricter)\n' +
      '    allowedPaths  ~/project/.pinfold/settings.json:4:22 "~/data"\n' +
      '  ~/project/.pinfold/settings.local.json  needs no trust: it only tightens\n',
  });
  expect(await isTrusted(world)).toEqual([true, false]);
  expect((await say(world)).out).toBe('Nothing here needs to be trusted.\n');
});

test('does not take an answer from a pipe', async () => {
  const world = await makeWorld();
  await world.write(world.files.project, WIDER);
  await expect(say(world)).rejects.toMatchObject({
    code: 'ERR_USAGE',
    fix: 'Read them, then run pinfold trust --yes',
  });
  expect(await isTrusted(world)).toEqual([false]);
});

test('lists and revokes', async () => {
  const world = await makeWorld();
  expect((await say(world, '--list')).out).toBe('No project’s files are trusted.\n');
  await world.write(world.files.project, WIDER);
  await say(world, '--yes');
  expect((await say(world, '--list')).out).toMatch(
    /^~\/project {2}\.pinfold\/settings\.json {2}[0-9a-f]{12}\n$/,
  );
  expect((await say(world, '--revoke')).out).toBe('No longer trusted: .pinfold/settings.json\n');
  expect(await isTrusted(world)).toEqual([false]);
  expect((await say(world, '--revoke')).out).toBe('Nothing here was trusted.\n');
  await expect(say(world, '--revoke', '--list')).rejects.toMatchObject({ code: 'ERR_USAGE' });
});

test('trusts a --settings file inside the project when it is named', async () => {
  const world = await makeWorld();
  const settingsFile = await world.write(join(world.projectDir, 'ci.json'), WIDER);
  expect((await say(world, '--yes', '--settings', settingsFile)).out).toBe('Trusted ci.json.\n');
  expect((await loadLayers({ ...world, settingsFile })).layers[0]!.trusted).toBe(true);
});

test('--json tells machines what was trusted', async () => {
  const world = await makeWorld();
  await world.write(world.files.project, WIDER);
  const { out, err } = await say(world, '--yes', '--json');
  expect([JSON.parse(out), err]).toEqual([
    { project: world.projectDir, trusted: ['.pinfold/settings.json'], pending: [] },
    '',
  ]);
});

test('refuses settings that are not valid instead of trusting a part of them', async () => {
  const world = await makeWorld();
  await world.write(world.files.project, WIDER.replace('"mode"', '"mod"'));
  await expect(say(world, '--yes')).rejects.toMatchObject({ code: 'ERR_SETTINGS_INVALID' });
});

const ENTRY = `
import { command } from './trust.ts';
const output = (stream) => ({ write: (text) => stream.write(text), isTerminal: stream.isTTY === true, colour: false, columns: 80 });
const context = { cwd: process.cwd(), environment: process.env, out: output(process.stdout), err: output(process.stderr) };
command.run({ options: { yes: false, list: false, revoke: false, json: false, group: [] }, arguments: [], context })
  .then((code) => { process.exitCode = code; }, (error) => { console.error(error.fix); process.exitCode = 125; });
`;

test.each([
  ['y', 0, 'Trusted .pinfold/settings.json.', [true]],
  ['n', 1, 'Nothing was trusted.', [false]],
  ['', 1, 'Nothing was trusted.', [false]],
  ['yes please', 1, 'Nothing was trusted.', [false]],
])('on a terminal it asks, and %j ends with %i', async (answer, code, said, trusted) => {
  const world = await makeWorld();
  await world.write(world.files.project, WIDER);
  const program = join(world.root, 'trust.cjs');
  const resolveDir = fileURLToPath(new URL('.', import.meta.url));
  await build({
    stdin: { contents: ENTRY, resolveDir, loader: 'js' },
    bundle: true,
    platform: 'node',
    mainFields: ['module', 'main'],
    outfile: program,
    logLevel: 'error',
  });
  const driver = fileURLToPath(new URL('../../../test/fixtures/pty-driver.py', import.meta.url));
  const steps = [
    { expect: 'Trust 3 entries in 1 file as shown' },
    { send: `${answer}\n` },
    { expect: 'rusted' },
  ];
  const options = { cwd: world.projectDir, env: { ...process.env, HOME: world.homeDir } };
  const { stdout } = await promisify(execFile)(
    'python3',
    [driver, JSON.stringify(steps), process.execPath, program],
    options,
  );
  const screen = JSON.parse(stdout);
  expect({ code: screen.code, failedAt: screen.failedAt }).toEqual({ code, failedAt: null });
  expect(screen.transcript).toContain(said);
  expect(await isTrusted(world)).toEqual(trusted);
});

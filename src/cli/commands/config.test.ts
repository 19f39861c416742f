/** Claims about `pinfold config` and `pinfold profiles`: which file, which value, whose word. */
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import { makeSettingsWorld, type SettingsWorld } from '../../../test/fixtures/settings-world.ts';
import type { Command } from '../command.ts';
import { parseLine } from '../parse.ts';
import { command as config } from './config.ts';
import { command as profiles } from './profiles.ts';
import { command as trust } from './trust.ts';

async function say(world: SettingsWorld, top: Command, words: readonly string[], cwd = world.projectDir) {
  const sub = top.subcommands?.find(({ name }) => name === words[0]);
  const command = sub ?? top;
  const line = parseLine(`pinfold ${command.name}`, command, sub ? words.slice(1) : words);
  if (line.kind === 'help') throw new Error('no help was asked for');
  const out = plainOutput();
  const err = plainOutput();
  const context = {
    cwd,
    environment: { HOME: world.homeDir },
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

test('config set sandbox true turns sandbox.enabled on, and config get sandbox says so with the place', async () => {
  const world = await makeWorld();
  expect(await say(world, config, ['get', 'sandbox'])).toEqual({
    code: 0,
    out: 'enabled = true  default\n',
    err: '',
  });
  expect(await say(world, config, ['set', 'sandbox', 'false'])).toEqual({
    code: 0,
    out: 'Created ~/.config/pinfold/settings.json (user)\n',
    err: '',
  });
  expect((await say(world, config, ['get', 'sandbox'])).out).toBe(
    'enabled = false  ~/.config/pinfold/settings.json:3:16\n',
  );
  expect((await say(world, config, ['set', 'sandbox', 'true'])).out).toBe(
    'Changed ~/.config/pinfold/settings.json (user)\n',
  );
  expect((await say(world, config, ['get', 'sandbox.enabled'])).out).toBe(
    'enabled = true  ~/.config/pinfold/settings.json:3:16\n',
  );
});

test('without --scope the file in which the project keeps its settings is changed', async () => {
  const world = await makeWorld();
  await world.write(world.files.claude, '{ "model": "x" }');
  expect((await say(world, config, ['set', 'mode', 'strict'])).out).toBe(
    'Created ~/.config/pinfold/settings.json (user)\n',
  );
  await world.write(world.files.claude, '{ "model": "x", "sandbox": {} }');
  expect((await say(world, config, ['set', 'mode', 'strict'])).out).toBe(
    'Changed ~/project/.claude/settings.json (claude)\n',
  );
  expect(await readFile(world.files.claude, 'utf8')).toContain('"model": "x"');
  await world.write(world.files.project, '{}');
  expect((await say(world, config, ['set', 'mode', 'strict'])).out).toBe(
    'Changed ~/project/.pinfold/settings.json (project)\n',
  );
  expect((await say(world, config, ['set', 'mode', 'strict', '--scope', 'local'])).out).toBe(
    'Created ~/project/.pinfold/settings.local.json (local)\n',
  );
});

test('what is set is what is got, by whatever spelling', async () => {
  const world = await makeWorld();
  for (const [key, value, shown] of [
    ['sandbox.mode', 'strict', 'mode = strict'],
    ['allowedPaths', '["~/x"]', 'allowedPaths = [{"path":"~/x","mode":"write"}]'],
    ['environment.set.CI', '1', 'environment.set.CI = 1'],
    ['limits.memory', '4GiB', 'limits.memory = 4GiB'],
    ['limits.processes', '64', 'limits.processes = 64'],
    ['profiles.research.mode', 'permissive', 'profiles.research.mode = permissive'],
  ] as const) {
    expect((await say(world, config, ['set', key, value, '--scope', 'project'])).code).toBe(0);
    expect((await say(world, config, ['get', key])).out.startsWith(shown)).toBe(true);
  }
});

test('get shows whose word holds and whose does not', async () => {
  const world = await makeWorld();
  await world.write(world.files.user, '{ "sandbox": { "mode": "standard" } }');
  await world.write(world.files.project, '{ "sandbox": { "mode": "permissive", "deniedPaths": ["x"] } }');
  expect((await say(world, config, ['get', 'mode'])).out).toBe(
    'mode = standard  ~/.config/pinfold/settings.json:1:24\n' +
      '  permissive  ~/project/.pinfold/settings.json:1:24 (not in force: run pinfold trust)\n',
  );
  expect((await say(world, config, ['get', 'deniedPaths'])).out).toBe(
    'deniedPaths = ["x"]\n  x  ~/project/.pinfold/settings.json:1:54\n',
  );
  expect((await say(world, config, ['get', 'limits'])).out).toBe('limits = (nothing)  not set\n');
  expect((await say(world, config, ['get', 'limits.memory'])).out).toBe(
    'limits.memory = (nothing)  not set\n',
  );
  expect((await say(world, config, ['get', 'mode', '--scope', 'project'])).out).toContain('permissive');
});

test('says that a value does not hold when a stronger file says otherwise', async () => {
  const world = await makeWorld();
  await say(world, config, ['set', 'mode', 'strict', '--scope', 'project']);
  expect(await say(world, config, ['set', 'mode', 'permissive', '--scope', 'user'])).toEqual({
    code: 0,
    out: 'Created ~/.config/pinfold/settings.json (user)\n',
    err: 'It does not hold: ~/project/.pinfold/settings.json:3:13 "strict" is stronger\n',
  });
});

test('says that an edit of an untrusted file is not in force, and names what was planted', async () => {
  const world = await makeWorld();
  await world.write(world.files.project, '{\n  "sandbox": {\n    "allowedPaths": ["~/.ssh"]\n  }\n}\n');
  const answer = await say(world, config, ['set', 'environment.set.CI', '1']);
  expect(answer.out).toBe('Changed ~/project/.pinfold/settings.json (project)\n');
  expect(answer.err).toBe(
    'This file is not trusted and holds 2 entries that could widen the boundary; none of them is in force until pinfold trust:\n' +
      '  ~/project/.pinfold/settings.json:3:22 "~/.ssh"  allowedPaths\n' +
      '  ~/project/.pinfold/settings.json:6:15 "1"  environment.set.CI\n',
  );
});

test('unset removes, and says where else the key is set', async () => {
  const world = await makeWorld();
  await say(world, config, ['set', 'mode', 'strict', '--scope', 'local']);
  await world.write(world.files.user, '{ "sandbox": { /* mine */ "mode": "standard" } }');
  expect(await say(world, config, ['unset', 'mode'])).toEqual({
    code: 0,
    out: 'Changed ~/.config/pinfold/settings.json (user)\n',
    err: '',
  });
  expect(await readFile(world.files.user, 'utf8')).toBe('{ "sandbox": { /* mine */ } }');
  expect(await say(world, config, ['unset', 'mode'])).toEqual({
    code: 0,
    out: 'Unchanged: ~/.config/pinfold/settings.json (user)\n',
    err: 'mode is not set there; it is set in ~/project/.pinfold/settings.local.json:3:13 (--scope local)\n',
  });
});

test.each([
  [['set', 'mod', 'strict'], 'Write "mode"'],
  [['get', 'allowPaths'], 'Write "allowedPaths"'],
  [['set', 'mode', 'Strict'], 'Did you mean "strict"?'],
  [['set', 'allowedPaths', '~/x'], 'Did you mean ["~/x"]?'],
])('%j is a wrong use, and the nearest right one is named', async (words, fix) => {
  const world = await makeWorld();
  await expect(say(world, config, words)).rejects.toMatchObject({ code: 'ERR_USAGE', fix });
});

test('an invalid file elsewhere does not keep a person from editing a good one, and is told', async () => {
  const world = await makeWorld();
  await world.write(world.files.project, '{ "sandbox": { "mod": 1 } }');
  const answer = await say(world, config, ['set', 'mode', 'strict', '--scope', 'user']);
  expect(answer.out).toBe('Created ~/.config/pinfold/settings.json (user)\n');
  expect(answer.err).toBe(
    `The settings are not valid: ${world.files.project}:1:16: unknown key "mod" in sandbox (did you mean mode?)\n`,
  );
  await expect(say(world, config, ['get', 'mode'])).rejects.toMatchObject({ code: 'ERR_SETTINGS_INVALID' });
});

test('--json gives value, origin and every word on a key', async () => {
  const world = await makeWorld();
  await world.write(world.files.user, '{ "sandbox": { "mode": "strict" } }');
  const origin = { scope: 'user', file: world.files.user, line: 1, column: 24, text: '"strict"' };
  expect(JSON.parse((await say(world, config, ['get', 'mode', '--json'])).out)).toEqual({
    key: 'mode',
    value: 'strict',
    origin,
    statements: [{ value: 'strict', origin }],
  });
  expect(JSON.parse((await say(world, config, ['get', 'limits', '--json'])).out)).toEqual({
    key: 'limits',
    values: [],
  });
  const set = JSON.parse((await say(world, config, ['set', 'mode', 'standard', '--json'])).out);
  expect(set).toMatchObject({
    key: 'mode',
    scope: 'user',
    file: world.files.user,
    change: 'changed',
    trust: 'trusted',
    value: 'standard',
  });
  const listed = JSON.parse((await say(world, config, ['list', '--json'])).out);
  expect(listed.values.map(({ key, value }: { key: string; value: unknown }) => [key, value])).toEqual([
    ['enabled', true],
    ['mode', 'standard'],
    ['monitor', 'full'],
    ['acceptWeaker', false],
    ['networkAccess', 'local'],
  ]);
  expect(listed.files[0]).toEqual({ scope: 'user', path: world.files.user, state: 'loaded', trusted: true });
});

test('list shows what is set, the defaults, and the files', async () => {
  const world = await makeWorld();
  await world.write(
    world.files.project,
    '{ "sandbox": { "mode": "strict", "limits": { "memory": "1GiB" } } }',
  );
  expect((await say(world, config, ['list'])).out).toBe(
    'enabled = true  default\n' +
      'mode = strict  ~/project/.pinfold/settings.json:1:24\n' +
      'monitor = full  default\n' +
      'acceptWeaker = false  default\n' +
      'networkAccess = none  default\n' +
      'limits.memory = 1GiB  ~/project/.pinfold/settings.json:1:56\n' +
      '\n' +
      'user     ~/.config/pinfold/settings.json  absent\n' +
      'claude   ~/project/.claude/settings.json  absent\n' +
      'project  ~/project/.pinfold/settings.json  read, not trusted\n' +
      'local    ~/project/.pinfold/settings.local.json  absent\n' +
      'managed  /etc/pinfold/settings.json  absent\n',
  );
});

test("in the home directory there is no project: its .claude is not one, and only the person's own file can be changed", async () => {
  const world = await makeWorld();
  await world.write(join(world.homeDir, '.claude', 'settings.json'), '{ "sandbox": { "mode": "strict" } }');
  expect((await say(world, config, ['get', 'mode'], world.homeDir)).out).toBe('mode = standard  default\n');
  expect((await say(world, config, ['set', 'mode', 'strict'], world.homeDir)).out).toBe(
    'Created ~/.config/pinfold/settings.json (user)\n',
  );
  await expect(
    say(world, config, ['set', 'mode', 'strict', '--scope', 'project'], world.homeDir),
  ).rejects.toMatchObject({
    code: 'ERR_PROJECT_INVALID',
  });
});

test('nothing that a file says reaches the terminal as a control sequence', async () => {
  const world = await makeWorld();
  await world.write(
    world.files.project,
    '{ "sandbox": { "environment": { "set": { "A": "x\\u001b[2J\\u202ey" } } } }',
  );
  await say(world, trust, ['--yes']);
  expect((await say(world, config, ['get', 'environment.set.A'])).out.split('  ')[0]).toBe(
    'environment.set.A = x\\e[2J\\u{202e}y',
  );
});

test('profiles are listed with their places', async () => {
  const world = await makeWorld();
  expect((await say(world, profiles, [])).out).toBe('The settings have no profiles.\n');
  await world.write(world.files.user, '{ "sandbox": { "profiles": { "finance": { "mode": "strict" } } } }');
  await world.write(
    world.files.project,
    '{ "sandbox": {\n "profiles": {\n "research": { "mode": "permissive", "allowedPaths": ["~/x"] } } } }',
  );
  expect((await say(world, profiles, [])).out).toBe(
    'PROFILE   MODE        SAYS                FROM\n' +
      'finance   strict      mode                ~/.config/pinfold/settings.json:1\n' +
      'research  permissive  mode, allowedPaths  ~/project/.pinfold/settings.json:3 (not trusted: its grants are not in force)\n',
  );
  const data = JSON.parse((await say(world, profiles, ['--json'])).out);
  expect(data.profiles.map(({ name }: { name: string }) => name)).toEqual(['finance', 'research']);
});

test('refuses to write where a repository has planted a link', async () => {
  const world = await makeWorld();
  await symlink(world.configDir, join(world.projectDir, '.pinfold'));
  await expect(say(world, config, ['set', 'mode', 'strict', '--scope', 'project'])).rejects.toMatchObject({
    code: 'ERR_SETTINGS_EDIT',
  });
});

test('the password of an upstream proxy is in the file and in nothing that is printed', async () => {
  const world = await makeWorld();
  const url = 'http://someone:hunter2@proxy.test:3128';
  await world.write(world.files.project, JSON.stringify({ sandbox: { upstreamProxy: url } }));
  const said = [];
  for (const scope of ['user', 'local']) {
    said.push(await say(world, config, ['set', 'upstreamProxy', url, '--scope', scope]));
  }
  expect(await readFile(world.files.user, 'utf8')).toContain(url);
  said.push(await say(world, config, ['get', 'upstreamProxy']));
  expect(said.at(-1)!.out).toContain('upstreamProxy = http://***@proxy.test:3128');
  for (const words of [['get', 'upstreamProxy', '--json'], ['list'], ['list', '--json']]) {
    said.push(await say(world, config, words));
    expect(said.at(-1)!.out).toContain('***@proxy.test');
  }
  said.push(await say(world, trust, ['--yes']));
  const wrong = say(world, config, ['set', 'upstreamProxy', 'socks5://someone:hunter2@proxy.test']);
  const error = await wrong.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_USAGE' });
  await world.write(world.files.local, JSON.stringify({ sandbox: { upstreamProxy: `${url}/path` } }));
  const invalid = await say(world, config, ['list']).catch((reason: unknown) => reason);
  expect(invalid).toMatchObject({ code: 'ERR_SETTINGS_INVALID' });
  expect(JSON.stringify(said)).not.toMatch(/hunter2|someone/);
  expect(`${inspect(error, { depth: 9 })}${inspect(invalid, { depth: 9 })}`).not.toMatch(/hunter2|someone/);
});

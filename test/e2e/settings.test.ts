/** Settings that cannot be understood stop the run before the command starts; those that can are obeyed. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { CANARY, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let settings: string;
  beforeEach(async () => {
    world = await makeWorld(person);
    settings = `${world.project}/.pinfold/settings.json`;
  });
  afterEach(() => world.dispose());

  const started = async (flags: readonly string[] = []): Promise<{ code: number; stderr: string }> => {
    const ran = await world.pinfold(['run', ...flags, '--', 'touch', 'it-ran']);
    return { code: ran.code, stderr: ran.stderr };
  };
  const expectRefusal = async (...words: readonly (string | RegExp)[]): Promise<void> => {
    const { code, stderr } = await started();
    expect({ code, ran: existsSync(`${world.project}/it-ran`) }, stderr).toEqual({ code: 125, ran: false });
    for (const word of words) expect(stderr).toMatch(word);
  };

  test('settings that are right let the command run', async () => {
    world.put(settings, '{ "sandbox": { "mode": "strict" } }');
    expect((await started()).code).toBe(0);
    expect(existsSync(`${world.project}/it-ran`)).toBe(true);
  });

  test('an unknown key is refused with its place and the nearest key', async () => {
    world.put(settings, '{\n  "sandbox": {\n    "modee": "strict"\n  }\n}\n');
    await expectRefusal(/settings\.json:3:5/, /modee/, /mode/);
  });

  test.each([
    ['a wrong type', '{ "sandbox": { "enabled": "yes" } }', /settings\.json:1:\d+/],
    ['an unknown mode', '{ "sandbox": { "mode": "strickt" } }', /strict/],
    ['JSON that breaks off', '{ "sandbox": {', /settings\.json:1/],
    ['a path with NUL', '{ "sandbox": { "deniedPaths": ["a\\u0000b"] } }', /settings\.json:1:\d+/],
    ['an empty file', '', /settings\.json/],
  ])('%s is refused and the file named', async (_what, text, words) => {
    world.put(settings, text);
    await expectRefusal(words, /settings\.json/);
  });

  test('the root or the whole home as a writable path is refused', async () => {
    const user = `${world.home}/.config/pinfold/settings.json`;
    for (const path of ['/', '~', world.home]) {
      world.put(user, JSON.stringify({ sandbox: { allowedPaths: [path] } }));
      await expectRefusal(/settings\.json:1:\d+/);
    }
    world.put(user, JSON.stringify({ sandbox: { allowedPaths: [world.outside] } }));
    expect((await started()).code).toBe(0);
  });

  test('a directory in the place of a settings file is refused', async () => {
    mkdirSync(settings, { recursive: true });
    await expectRefusal(/settings\.json/);
  });

  test('dangling and looping links in the place of settings are refused', async () => {
    mkdirSync(`${world.project}/.pinfold`);
    for (const target of ['/no/such/file', settings]) {
      symlinkSync(target, settings);
      await expectRefusal(/settings\.json/);
      rmSync(settings);
    }
  });

  test('a file named by --settings that is missing is refused', async () => {
    expect((await started(['--settings', `${world.root}/none.json`])).code).toBe(125);
    expect(existsSync(`${world.project}/it-ran`)).toBe(false);
  });

  test('an unknown flag is refused', async () => {
    expect((await started(['--no-such-flag'])).code).toBe(125);
    expect(existsSync(`${world.project}/it-ran`)).toBe(false);
  });

  test('enabled: false refuses to run, names the file, and --sandbox overrules it', async () => {
    world.put(`${world.home}/.config/pinfold/settings.json`, '{ "sandbox": { "enabled": false } }');
    await expectRefusal(/\.config\/pinfold\/settings\.json/, /--sandbox/);
    expect((await started(['--sandbox'])).code).toBe(0);
  });

  test('the example of Claude Code’s file is valid as it stands, comments and all', async () => {
    world.put(
      `${world.project}/.claude/settings.json`,
      `{
  "permissions": { "allow": [] },
  "sandbox": {
    "enabled": true,
    "mode": "strict",
    "allowedPaths": [
      "${world.root}/current",                          // a string: read and write
      { "path": "${world.root}/legacy", "mode": "read" } // or "write"
    ],
    "deniedPaths": ["**/.env", "./secrets"],
    "networkAccess": "none",
  }
}
`,
    );
    world.put(`${world.project}/secrets/key`, 'x\n');
    expect((await started()).code).toBe(0);
    const ran = await world.pinfold(['run', '--', 'cat', 'secrets/key']);
    expect(ran.stderr).toContain('Permission denied');
  });

  test('a project’s own file may not widen before it is trusted, and may afterwards', async () => {
    world.put(settings, JSON.stringify({ sandbox: { allowedPaths: [world.outside] } }));
    const read = ['run', '--', 'cat', `${world.outside}/canary`];
    const before = await world.pinfold(read);
    expect(before).toMatchObject({ code: 1, stdout: '' });
    expect(before.stderr).toMatch(/trust/);
    expect((await world.pinfold(['trust', '--yes'])).code).toBe(0);
    expect(await world.pinfold(read)).toMatchObject({ code: 0, stdout: `${CANARY}\n` });
  });

  test('a project’s own file cannot open a directory of the host’s /tmp before it is trusted', async () => {
    const outside = realpathSync(mkdtempSync(join(tmpdir(), 'pinfold-host-tmp-')));
    chmodSync(outside, 0o755);
    writeFileSync(`${outside}/canary`, `${CANARY}\n`);
    world.put(settings, JSON.stringify({ sandbox: { allowedPaths: [outside] } }));
    const read = ['run', '--', 'cat', `${outside}/canary`];
    const before = await world.pinfold(read);
    expect(before).toMatchObject({ code: 1, stdout: '' });
    expect(before.stderr).toContain('No such file or directory');
    expect((await world.pinfold(['trust', '--yes'])).code).toBe(0);
    expect(await world.pinfold(read)).toMatchObject({ code: 0, stdout: `${CANARY}\n` });
    rmSync(outside, { recursive: true });
  });

  test('a proxy of the environment that cannot be used is refused before anything runs, and its password not told', async () => {
    world.put(
      `${world.home}/.config/pinfold/settings.json`,
      '{ "sandbox": { "upstreamProxy": "environment" } }',
    );
    const run = (proxy: string) =>
      world.pinfold(['run', '--', 'touch', 'it-ran'], { env: { HTTPS_PROXY: proxy } });
    const unusable = 'socks5://me:s3cret@proxy.example:1080';
    world.put(`${world.root}/agents/claude`, '#!/bin/sh\ntouch it-ran\n', 0o755);
    const PATH = `${world.root}/agents:${world.env.PATH}`;
    for (const words of [
      ...[['run'], ['run', '--detach'], ['learn']].map((way) => [...way, '--', 'touch', 'it-ran']),
      ...[['shell'], ['claude']],
    ]) {
      const env = { HTTPS_PROXY: unusable, PATH };
      const refused = await world.pinfold(words, { env, input: 'touch it-ran\n' });
      expect(refused, words.join(' ')).toMatchObject({ code: 125, stdout: '' });
      expect(refused.stderr).toMatch(
        /(^|\n)pinfold: Cannot use the proxy that HTTPS_PROXY names\n {2}why .*\n {2}fix .*\n {2}ERR_UPSTREAM_PROXY\n$/,
      );
      expect(refused.stderr).not.toContain('s3cret');
    }
    expect(existsSync(`${world.project}/it-ran`)).toBe(false);
    expect((await run('http://me:s3cret@proxy.example:1080')).code).toBe(0);
    expect(existsSync(`${world.project}/it-ran`)).toBe(true);
  });

  test('and so by the library, when the sandbox is made', async () => {
    world.put(
      `${world.home}/.config/pinfold/settings.json`,
      '{ "sandbox": { "upstreamProxy": "environment" } }',
    );
    const program = `
      const { createSandbox } = require(process.argv[1]);
      createSandbox({ projectDir: '.' }).then(
        async (sandbox) => { console.log((await sandbox.run('true')).exitCode); await sandbox.close(); },
        (error) => console.log(error.code),
      );`;
    const library = join(dirname(pinfold()[1]!), 'index.cjs');
    const made = (proxy: string) =>
      world.run([world.node, '-e', program, library], { env: { HTTPS_PROXY: proxy } });
    expect(await made('socks5://proxy.example:1080')).toMatchObject({ stdout: 'ERR_UPSTREAM_PROXY\n' });
    expect(await made('http://proxy.example:1080')).toMatchObject({ stdout: '0\n' });
  });

  test('a project’s own file may tighten without trust', async () => {
    world.put(settings, '{ "sandbox": { "deniedPaths": ["./README"] } }');
    const ran = await world.pinfold(['run', '--', 'cat', 'README']);
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toContain('Permission denied');
    rmSync(settings);
    expect((await world.pinfold(['run', '--', 'cat', 'README'])).code).toBe(0);
  });

  test('settings of Pinfold and of agents cannot be written from inside', async () => {
    world.put(settings, '{ "sandbox": {} }');
    world.put(`${world.project}/.claude/settings.json`, '{}');
    expect(
      await world.probeInside([
        ['write', settings],
        ['write', `${world.project}/.claude/settings.json`],
        ['create', `${world.project}/.pinfold/settings.local.json`],
        ['create', `${world.project}/.claude/settings.local.json`],
      ]),
    ).toEqual(['EROFS', 'EROFS', 'EROFS', 'EROFS']);
  });

  test('a host without user namespaces is told so and nothing runs', async () => {
    // A namespace whose limit of further user namespaces is zero stands for such a host.
    const command = pinfold();
    const script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"';
    const argv = [
      'unshare',
      '-Ur',
      'sh',
      '-c',
      script,
      'sh',
      ...command,
      'run',
      '--mode',
      'strict',
      '--',
      'touch',
      'it-ran',
    ];
    const ran = await world.run(argv);
    expect({ code: ran.code, ran: existsSync(`${world.project}/it-ran`) }, ran.stderr).toEqual({
      code: 125,
      ran: false,
    });
    expect(ran.stderr).toMatch(/user\.max_user_namespaces/i);
    expect(
      (
        await world.run([
          'unshare',
          '-Ur',
          'sh',
          '-c',
          'exec "$@"',
          'sh',
          ...command,
          'run',
          '--',
          'touch',
          'it-ran',
        ])
      ).code,
    ).toBe(0);
  });
});

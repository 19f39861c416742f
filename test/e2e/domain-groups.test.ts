/** Names of groups in `allowedDomains`: what they open, who has agreed to it, and that no commit opens more. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const REGISTRY = 'registry.example.com';
const EVIL = 'evil.example.net';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
    world.put(join(world.project, 'package.json'), '{}');
    world.put(
      join(world.project, 'package-lock.json'),
      `{"packages":{\n"node_modules/a":{\n"resolved":"https://${REGISTRY}/a.tgz"}}}`,
    );
  });
  afterEach(() => world.dispose());

  /** Which of the names inside can be asked for: the resolver answers what is allowed, and asks nobody. */
  async function known(flags: readonly string[]): Promise<{ names: string[]; told: string }> {
    const ran = await world.shell(
      `for name in ${REGISTRY} ${EVIL}; do getent hosts $name > /dev/null && echo $name; done; true`,
      ['--verbose', ...flags],
    );
    return { names: ran.stdout.split('\n').filter(Boolean), told: ran.stderr };
  }

  test('a registry is opened once the person has agreed to it, and one that a commit adds is not', async () => {
    const flags = ['--allow-domain', '@registries'];
    const before = await known(flags);
    expect(before.names).toEqual([]);
    expect(before.told).toContain(
      `host ${REGISTRY}:443 of @registries is not granted: package-lock.json:3 names it`,
    );
    const trust = await world.pinfold(['trust', '--yes', '--group', '@registries']);
    expect(trust).toMatchObject({ code: 0 });
    expect(trust.stderr).toContain(`${REGISTRY}:443  package-lock.json:3`);
    const agreed = await known(flags);
    expect(agreed.names).toEqual([REGISTRY]);
    expect(agreed.told).toContain(`@registries ${REGISTRY}:443 (package-lock.json:3)`);
    world.put(join(world.project, '.npmrc'), `registry=https://${EVIL}/\n`);
    const after = await known(flags);
    expect(after.names).toEqual([REGISTRY]);
    expect(after.told).toContain(`host ${EVIL}:443 of @registries is not granted: .npmrc:1 names it`);
    // The control: named by itself it is open.
    expect((await known(['--allow-domain', EVIL])).names).toEqual([EVIL]);
    expect((await world.pinfold(['trust', '--revoke'])).stdout).toContain('@registries');
    expect((await known(flags)).names).toEqual([]);
  });

  test('what init shows is agreed to, what comes later is not, and trusting the settings file does not do it', async () => {
    expect((await world.pinfold(['init', '--yes'])).stdout).toContain(`${REGISTRY}:443`);
    expect((await known(['--mode', 'standard'])).names).toEqual([REGISTRY]);
    world.put(join(world.project, '.npmrc'), `registry=https://${EVIL}/\n`);
    expect((await known(['--mode', 'standard'])).names).toEqual([REGISTRY]);
    // Without a terminal to ask on, and without --yes, nothing is agreed to.
    expect((await world.pinfold(['trust'])).code).toBe(125);
    expect((await known(['--mode', 'standard'])).names).toEqual([REGISTRY]);
    expect((await world.pinfold(['trust', '--yes'])).stdout).toContain('@registries');
    expect((await known(['--mode', 'standard'])).names).toEqual([REGISTRY, EVIL]);
  });

  test("a project's file that names a group opens nothing until it is trusted, and with it the hosts as shown", async () => {
    world.put(
      join(world.project, '.pinfold/settings.json'),
      JSON.stringify({ sandbox: { allowedDomains: ['@registries'] } }),
    );
    const untrusted = await known([]);
    expect(untrusted.names).toEqual([]);
    expect(untrusted.told).toContain('host @registries is not granted');
    expect((await world.pinfold(['trust', '--yes'])).stderr).toContain(`${REGISTRY}:443`);
    expect((await known([])).names).toEqual([REGISTRY]);
  });

  test('a variable of the person counts by itself, in a project of its tool', async () => {
    world.put(join(world.project, 'go.mod'), 'module m\n');
    const env = { GOPROXY: `https://${EVIL},direct` };
    const ran = await world.pinfold(['policy', '--json', '--allow-domain', '@registries'], { env });
    expect(JSON.parse(ran.stdout).network.domains).toMatchObject([
      { pattern: `${EVIL}:443`, access: 'allow', origin: { group: { named: '$GOPROXY' } } },
    ]);
  });

  test('explain says why a host belongs to a group, and what would open it', async () => {
    appendFileSync(
      join(world.project, '.git/config'),
      '[remote "origin"]\n\turl = git@git.example.com:a/b\n',
    );
    const lines = readFileSync(join(world.project, '.git/config'), 'utf8').trimEnd().split('\n').length;
    const shut = await world.pinfold(['explain', REGISTRY]);
    expect(shut.code).toBe(1);
    expect(shut.stdout).toContain('belongs to @registries');
    expect(shut.stdout).toContain('because package-lock.json:3 names it; you have not agreed to it');
    expect(shut.stdout).toContain(`pinfold run --allow-domain ${REGISTRY}:443 -- COMMAND`);
    const remote = await world.pinfold(['explain', 'git.example.com:22']);
    expect(remote.stdout).toContain(`because .git/config:${lines} names it`);
    await world.pinfold(['trust', '--yes', '--group', '@registries']);
    const open = await world.pinfold(['explain', REGISTRY, '--allow-domain', '@registries']);
    expect(open.code).toBe(0);
    expect(open.stdout).toContain('--allow-domain @registries (package-lock.json:3)');
    // A file of that name is a file.
    world.put(join(world.project, REGISTRY), '');
    expect((await world.pinfold(['explain', REGISTRY])).stdout).toContain('can be read and written');
    expect((await world.pinfold(['explain', '--host', REGISTRY])).code).toBe(1);
  });

  test('a remote that is an address, a wildcard or no full name is none', async () => {
    const config = join(world.project, '.git/config');
    const urls = [
      'https://*.example.com/a',
      'ssh://git@127.0.0.1/a',
      'git@localhost:a',
      'https://git.example.com/a',
    ];
    for (const [index, url] of urls.entries())
      appendFileSync(config, `[remote "r${index}"]\n\turl = ${url}\n`);
    const trust = await world.pinfold(['trust', '--yes', '--group', '@remotes']);
    expect(trust.stderr).toContain('git.example.com:443');
    const ran = await world.pinfold(['policy', '--json', '--allow-domain', '@remotes']);
    expect(JSON.parse(ran.stdout).network.domains).toMatchObject([{ pattern: 'git.example.com:443' }]);
  });

  test('models are those of the agents that are installed outside the project', async () => {
    const open = async () => {
      const ran = await world.pinfold(['policy', '--json', '--allow-domain', '@models']);
      const { domains } = JSON.parse(ran.stdout).network as { domains: { origin: { group?: object } }[] };
      return domains.map(({ origin }) => origin.group);
    };
    world.put(join(world.project, 'node_modules/.bin/codex'), '#!/bin/sh\n', 0o755);
    expect(await open()).toEqual([]);
    world.put(join(world.home, '.local/bin/codex'), '#!/bin/sh\n', 0o755);
    expect(await open()).toContainEqual({ name: '@models', named: 'the preset codex' });
  });

  test('a name that is no group is refused, with the nearest one', async () => {
    const ran = await world.pinfold(['run', '--allow-domain', '@registry', '--', 'true']);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain('@registries');
  });
});

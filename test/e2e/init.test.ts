/** `pinfold init`: what it proposes, what it writes, and that it runs and grants nothing by itself. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let file: string;
  beforeEach(async () => {
    world = await makeWorld(person);
    file = join(world.project, '.pinfold/settings.json');
    world.put(join(world.project, 'package.json'), '{}');
    world.put(
      join(world.project, 'package-lock.json'),
      '{"packages":{"node_modules/a":{"resolved":"https://registry.example.com/a.tgz"}}}',
    );
  });
  afterEach(() => world.dispose());

  test('explains, and writes nothing unless told to', async () => {
    const ran = await world.pinfold(['init']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('registry.example.com:443  package-lock.json:1');
    expect(ran.stdout).toContain('nothing was written; --yes writes it');
    expect(existsSync(file)).toBe(false);
    expect((await world.pinfold(['init', '--yes', '--dry-run'])).code).toBe(0);
    expect(existsSync(file)).toBe(false);
  });

  test('--yes writes settings that are trusted and in force', async () => {
    expect((await world.pinfold(['init', '--yes'])).stdout).toContain('Wrote ');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      sandbox: { mode: 'standard', allowedDomains: ['@registries'] },
    });
    const ran = await world.inside(['true'], ['--mode', 'standard', '-v']);
    expect(ran.stderr).toContain('net local + registry.example.com:443');
    expect(ran.stderr).not.toContain('not granted');
  });

  test('settings that are there are left alone', async () => {
    world.put(file, '{ "sandbox": { "mode": "strict" } }');
    const ran = await world.pinfold(['init', '--yes']);
    expect(ran.stdout).toContain('settings are there already');
    expect(readFileSync(file, 'utf8')).toBe('{ "sandbox": { "mode": "strict" } }');
  });

  test('says what stays closed: the remote, a file of secrets, the login of an agent that is installed', async () => {
    const config = join(world.project, '.git/config');
    world.put(
      config,
      `${readFileSync(config, 'utf8')}[remote "origin"]\n\turl = https://git.example.com/a\n`,
    );
    world.put(join(world.project, '.env'), 'TOKEN=x\n');
    world.put(join(world.home, '.local/bin/codex'), '#!/bin/sh\n', 0o755);
    const data = JSON.parse((await world.pinfold(['init', '--json'])).stdout);
    expect(data.written).toBe(false);
    expect(data.withheld.map(({ what }: { what: string }) => what)).toEqual([
      'git.example.com (git remote origin): whatever is readable inside could be pushed there',
      '.env is not closed: it is part of the project',
      'the login and the model of Codex',
    ]);
    expect(data.settings[1].value).toEqual(['@registries']);
  });

  test('runs nothing that the repository names', async () => {
    const mark = join(world.root, 'ran');
    const config = join(world.project, '.git/config');
    world.put(config, `${readFileSync(config, 'utf8')}[core]\n\tfsmonitor = "touch ${mark}"\n`);
    await world.pinfold(['init', '--yes']);
    expect(existsSync(mark)).toBe(false);
    // The control: git itself does run it.
    await world.run(['git', 'status']);
    expect(existsSync(mark)).toBe(true);
  });
});

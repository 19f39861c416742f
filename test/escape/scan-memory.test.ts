/** What a run remembers of the project must hide nothing from the next one, and be out of reach inside. */
import { existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { outlivesMount } from '../../src/host/seen-directories.ts';
import { gitRepository, makeWorld, people, type World } from '../fixtures/world.ts';

/** Milliseconds after which a change is old enough to be told from one that comes later. */
const SETTLED = 2200;

describe.each(people)('as $label', (person) => {
  let world: World;
  let scans: string;
  beforeEach(async () => {
    world = await makeWorld(person);
    scans = `${world.home}/.local/state/pinfold/scans`;
    await world.run([
      'sh',
      '-c',
      'for d in 1 2 3 4; do mkdir -p big/$d; cd big/$d; seq 400 | xargs touch; cd ../..; done',
    ]);
    await new Promise((resolve) => setTimeout(resolve, SETTLED));
    expect(await world.inside(['true'])).toMatchObject({ code: 0 });
    // On an overlay nothing is remembered, and all below holds without it.
    if (outlivesMount(world.project)) expect(readdirSync(scans)).toHaveLength(1);
    else world.put(`${scans}/made-up.json`);
  });
  afterEach(() => world.dispose());

  const plant = 'printf "[core]\\n\\tfsmonitor = touch $MARK\\n" >> big/2/.git/config';

  test('a repository made between two runs is as closed as one that was always there', async () => {
    await gitRepository(world, `${world.project}/big/2`);
    const then = new Date(1_700_000_000_000);
    utimesSync(`${world.project}/big/2`, then, then);
    const config = `${world.project}/big/2/.git/config`;
    const before = readFileSync(config, 'utf8');
    const refused = await world.shell(plant);
    expect(refused.stderr).toContain('cannot create big/2/.git/config: Read-only file system');
    expect(readFileSync(config, 'utf8')).toBe(before);
    expect(await world.run(['sh', '-c', plant], { env: { MARK: '/tmp/x' } })).toMatchObject({ code: 0 });
    expect(readFileSync(config, 'utf8')).not.toBe(before);
  });

  test('one moved in by an earlier command is found too', async () => {
    world.put(`${world.outside}/repository/file`);
    await gitRepository(world, `${world.outside}/repository`);
    await world.run(['mv', `${world.outside}/repository`, 'big/3/moved']);
    const script = 'echo "echo x" > big/3/moved/.git/hooks/pre-commit';
    const refused = await world.shell(script);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('pre-commit: Read-only file system');
    expect(existsSync(`${world.project}/big/3/moved/.git/hooks/pre-commit`)).toBe(false);
    expect(await world.run(['sh', '-c', script])).toMatchObject({ code: 0 });
  });

  test('it can be neither read nor changed inside, in an open home either', async () => {
    const [name] = readdirSync(scans);
    const file = `${scans}/${name}`;
    const before = readFileSync(file, 'utf8');
    const acts = [
      ['read', file],
      ['write', file],
      ['unlink', file],
      ['rename', scans, `${scans}.old`],
    ] as const;
    const met = await world.probeInside(acts, ['--mode', 'permissive', '--allow', world.home]);
    const changed = world.either('EROFS', 'EACCES');
    expect(met).toEqual(['EACCES', 'EACCES', changed, changed]);
    expect(readFileSync(file, 'utf8')).toBe(before);
    // The control.
    const outside = await world.probeOutside(acts);
    expect(outside.map((each) => each.split(':')[0])).toEqual(['ok', 'ok', 'ok', 'ok']);
  });
});

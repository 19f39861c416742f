/** Directories that a look from outside might miss: made unreadable, or very deep. What lies in them is protected or the run refused. */
import { chmodSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compileFixture, gitRepository, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
  });
  afterEach(async () => {
    await world.run(['chmod', '-R', 'u+rwX', world.project]);
    world.dispose();
  });

  const plant = 'printf "[core]\\n\\tfsmonitor = touch $MARK\\n" >> .git/config';

  test('a .git made unreadable in one run is as closed in the next', async () => {
    const before = readFileSync(`${world.project}/.git/config`, 'utf8');
    // Git needs no more than the search bit of .git; a scan that reads directories finds nothing there.
    await world.shell('chmod 311 .git');
    await world.shell(plant);
    expect(readFileSync(`${world.project}/.git/config`, 'utf8')).toBe(before);
    expect(await world.run(['sh', '-c', plant], { env: { MARK: '/tmp/x' } })).toMatchObject({ code: 0 });
  });

  test('a nested repository made unreadable in one run is as closed in the next', async () => {
    const nested = `${world.project}/nested`;
    world.put(`${nested}/file`, 'x\n');
    await gitRepository(world, nested);
    const before = readFileSync(`${nested}/.git/config`, 'utf8');
    await world.shell('chmod 311 nested/.git; chmod 311 nested');
    await world.shell(`cd nested && ${plant}; cd .. && mkdir -p nested/.vscode`);
    expect(readFileSync(`${nested}/.git/config`, 'utf8')).toBe(before);
    expect(existsSync(`${nested}/.vscode`)).toBe(false);
  });

  test.each(['/deep/er', ''])(
    'a name won by a race is not hidden by making its directory (%j) unreadable',
    async (at) => {
      const program = `${world.root}/bin/race`;
      copyFileSync(await compileFixture('race'), program);
      chmodSync(program, 0o755);
      const directory = world.project + at;
      world.put(`${directory}/file`);
      const script = `"$0" ${directory}/innocent0 ${directory}/.mcp.json 4000; chmod 311 ${directory}`;
      const flags = ['--allow', `${dirname(program)}:ro`];
      const ran = await world.inside(['sh', '-c', script, program], flags);
      expect(existsSync(`${directory}/.mcp.json`), ran.stderr).toBe(false);
    },
  );

  test('a repository deeper than a scan goes is protected, or the run is refused', async () => {
    const deep = `${world.project}${'/d'.repeat(140)}`;
    world.put(`${deep}/file`, 'x\n');
    await gitRepository(world, deep);
    const before = readFileSync(`${deep}/.git/config`, 'utf8');
    await world.shell(`cd ${deep} && ${plant}`);
    expect(readFileSync(`${deep}/.git/config`, 'utf8')).toBe(before);
  });
});

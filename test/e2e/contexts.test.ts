/** Contexts: a home for each trust level, shared by its projects and by no others. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let other: string;
  beforeEach(async () => {
    world = await makeWorld(person);
    other = join(world.root, 'other');
    world.put(join(other, '.git/HEAD'));
  });
  afterEach(() => world.dispose());

  const shell = (script: string, flags: readonly string[] = [], cwd?: string) =>
    world.shell(script, flags, { ...(cwd !== undefined && { cwd }) });
  const finance = ['--context', 'finance'];

  test('projects of one context share a home; without it each has its own', async () => {
    expect((await shell('echo mine > ~/note', finance)).code).toBe(0);
    expect((await shell('cat ~/note', finance, other)).stdout).toBe('mine\n');
    const alone = join(world.root, 'alone');
    world.put(join(alone, '.git/HEAD'));
    expect((await shell('cat ~/note || echo none', [], alone)).stdout).toBe('none\n');
    expect((await shell('true', ['-v', ...finance])).stderr).toContain('context finance');
  });

  test.each([
    ['another context', ['--context', 'research'], 'Cannot run in the context research here'],
    ['no context', [], 'Cannot run in no context here'],
  ])('a project of a context is refused in %s, and in its own it is not', async (_name, flags, what) => {
    expect((await shell('true', finance)).code).toBe(0);
    const ran = await shell('echo started', flags);
    expect(ran).toMatchObject({ code: 125, stdout: '' });
    expect(ran.stderr).toContain(what);
    expect(ran.stderr).toContain('this project belongs to the context finance');
    expect((await shell('echo started', finance)).stdout).toBe('started\n');
  });

  test('a project of a context is not shown to a session outside it', async () => {
    const grant = ['--allow', `${other}:ro`];
    expect((await shell(`test -d ${other}`, grant)).code).toBe(0);
    expect((await shell('true', finance, other)).code).toBe(0);
    const ran = await shell('true', grant);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain(`Cannot show ${other} here`);
    expect((await shell('true', [...grant, '--deny', other])).code).toBe(0);
    expect((await shell(`test -d ${other}`, [...grant, ...finance])).code).toBe(0);
  });

  test('a plan binds nothing; a name that is none is refused', async () => {
    await world.pinfold(['run', '--context', 'finance', '--dry-run', '--', 'true']);
    expect((await shell('true')).code).toBe(0);
    const ran = await shell('true', ['--context', '../x']);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain('a context is named with');
  });

  test('contexts are listed, and one that is removed leaves nothing and frees its projects', async () => {
    await shell('echo mine > ~/note', finance);
    const listed = JSON.parse((await world.pinfold(['contexts', 'list', '--json'])).stdout);
    expect(listed).toEqual({ contexts: [{ name: 'finance', projects: [world.project] }] });
    const data = join(world.home, '.local/share/pinfold');
    expect(readdirSync(join(data, 'homes'))).toContain('context=finance');
    expect((await world.pinfold(['contexts', 'remove', 'finance'])).code).toBe(0);
    expect(existsSync(join(data, 'homes/context=finance'))).toBe(false);
    expect(readdirSync(join(data, 'contexts'))).toEqual([]);
    expect((await shell('true')).code).toBe(0);
    expect((await world.pinfold(['contexts', 'remove', 'finance'])).code).toBe(125);
  });

  test('a context in which a session is live is not removed', async () => {
    const child = world.startInside(['sh', '-c', 'echo ready; cat'], finance, { input: null });
    await new Promise((started) => child.stdout!.once('data', started));
    const refused = await world.pinfold(['contexts', 'remove', 'finance']);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain('is live in it');
    const over = new Promise((ended) => child.once('close', ended));
    child.stdin!.end();
    await over;
    expect((await world.pinfold(['contexts', 'remove', 'finance'])).code).toBe(0);
  });
});

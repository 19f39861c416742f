/** The demo that the README begins with: it succeeds, says what was refused, and leaves nothing. */
import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { processesWith, treeOf } from '../fixtures/host-tree.ts';
import { makeWorld, people, repository, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let demo = '';
  beforeAll(async () => {
    world = await makeWorld(person);
    // The checkout may lie where the person cannot go.
    const copy = join(world.root, 'copy');
    cpSync(join(repository, 'examples'), join(copy, 'examples'), { recursive: true });
    cpSync(dirname(pinfold()[1]!), join(copy, 'dist'), { recursive: true });
    demo = join(copy, 'examples/scripted-agent/demo.mjs');
  });
  afterAll(() => world.dispose());

  test('the agent’s work succeeds and each of its eight crossings is refused and explained', async () => {
    const ran = await world.run([world.node, demo]);
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    expect(ran.stdout.match(/^ {2}✓ /gm)).toHaveLength(11);
    expect(ran.stdout.match(/^ {2}refused {2}/gm)).toHaveLength(8);
    expect(ran.stdout.match(/^ {11}to open {2}pinfold run --allow /gm)).toHaveLength(4);
    expect(ran.stdout).toContain('8 of 8 crossings refused, nothing outside changed.');
  });

  test('the demo leaves no directory and no process', () => {
    expect(Object.keys(treeOf(world.root)).filter((path) => path.includes('pinfold-demo-'))).toEqual([]);
    expect(processesWith('pinfold-demo-')).toEqual([]);
  });
});

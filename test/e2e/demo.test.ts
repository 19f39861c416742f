/** The examples: the demo that the README begins with, and an agent that uses the library; they succeed and leave nothing. */
import { cpSync, readdirSync } from 'node:fs';
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

  test('an agent that embeds the library meets the boundary, reads what to do instead, and finishes', async () => {
    const ran = await world.run([world.node, join(world.root, 'copy/examples/library-agent/agent.mjs')]);
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    expect(ran.stdout).toContain('"retry":"will_fail","instead":"write the change to a file in the project');
    expect(ran.stdout).toContain('# pass 1');
    expect(ran.stdout.trim().split('\n').at(-1)).toBe(
      'The tests pass. The setting is in proposals/vscode-settings.json; please move it to .vscode/ yourself.',
    );
    expect(readdirSync(world.home).filter((name) => name.startsWith('pinfold-agent-'))).toEqual([]);
  });

  test('the demo leaves no directory and no process', () => {
    expect(Object.keys(treeOf(world.root)).filter((path) => path.includes('pinfold-demo-'))).toEqual([]);
    expect(processesWith(world.root)).toEqual([]);
  });
});

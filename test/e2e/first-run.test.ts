/** The very first run of a person, for whom Pinfold has no directory of its own yet. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { makeWorld, people } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  test.each(['strict', 'standard', 'permissive'])(
    'a first run in %s does not take Pinfold’s own records for planted ones',
    async (mode) => {
      const world = await makeWorld(person);
      try {
        const state = join(world.home, '.local/state/pinfold');
        expect(existsSync(state)).toBe(false);
        expect(await world.inside(['true'], ['--mode', mode])).toMatchObject({ code: 0, stderr: '' });
        expect(existsSync(join(state, 'sessions'))).toBe(true);
        expect(Object.keys(treeOf(world.home)).filter((name) => name.includes('quarantine'))).toEqual([]);
      } finally {
        world.dispose();
      }
    },
  );
});

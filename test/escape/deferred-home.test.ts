/** Files of a home from which something on the host runs later, row by row: hidden with the home, or not to be planted where it is shown. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DeferredRow, HOME_ROWS } from '../fixtures/deferred-rows.ts';
import { type Planting, plantingIn, type Verdict, WITHSTOOD } from '../fixtures/planting.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const NOTES: DeferredRow = { id: 'notes', name: 'notes.txt', answer: 'written', runs: false };

const removeAll = (world: World) => {
  for (const { name } of HOME_ROWS) rmSync(join(world.home, name), { recursive: true, force: true });
};

describe.each(people)('as $label', (person) => {
  describe.each(['strict', 'standard', 'permissive'])('in %s', (mode) => {
    describe.each(['absent', 'kept'] as const)('%s at the start', (original) => {
      let world: World;
      let planting: Planting;
      let verdicts: Map<string, Verdict>;
      beforeAll(async () => {
        world = await makeWorld(person);
        planting = plantingIn(world);
        await planting.visit('furnish-home');
        removeAll(world);
        const own = HOME_ROWS.filter(() => original === 'kept');
        for (const { name } of own)
          world.put(join(world.home, name), name.endsWith('.json') ? '{}\n' : '#!/bin/sh\n', 0o755);
        const verdict = planting.watch(world.home, [...HOME_ROWS, NOTES]);
        const flags = ['--mode', mode, '--project', world.project, '--allow', `${world.root}/bin:ro`];
        const script = 'cd "$0" 2>/dev/null; exec "$@"';
        const argv = planting.argv('all', [...HOME_ROWS, NOTES]);
        const ran = await world.inside(['sh', '-c', script, world.home, ...argv], flags);
        expect(ran.code, ran.stderr).toBe(0);
        await planting.visit('visit-home');
        verdicts = verdict();
      });
      afterAll(() => world.dispose());

      test.each(HOME_ROWS)('$id: ~/$name', ({ id, name }) => {
        const upper = name.toUpperCase();
        const { planted, ...rest } = verdicts.get(id)!;
        // A home tells case apart here, and nothing runs what only looks like the name.
        expect({ ...rest, planted: planted.filter((each) => each !== upper) }).toEqual({
          ...WITHSTOOD,
          original,
        });
      });

      test('the host ran nothing, and the home was open where it is shown', () => {
        expect(planting.ran()).toEqual([]);
        expect(verdicts.get('notes')!.planted.includes('notes.txt')).toBe(mode === 'permissive');
      });
    });
  });

  test('the control: outside each of them is planted, and what shells and git start with is run', async () => {
    const world = await makeWorld(person);
    try {
      const planting = plantingIn(world);
      await planting.visit('furnish-home');
      removeAll(world);
      const verdict = planting.watch(world.home, HOME_ROWS);
      await world.run(planting.argv('direct', HOME_ROWS), { cwd: world.home });
      const planted = [...verdict()].filter(([, { planted }]) => planted.length > 0);
      expect(planted.map(([id]) => id)).toEqual(HOME_ROWS.map(({ id }) => id));
      for (const row of HOME_ROWS.filter(({ runs }) => runs)) {
        removeAll(world);
        const seen = planting.watch(world.home, [row]);
        await world.run(planting.argv('direct', [row]), { cwd: world.home });
        await planting.visit('visit-home');
        expect([row.id, seen().get(row.id)]).toMatchObject([row.id, { planted: [row.name], ran: true }]);
      }
    } finally {
      world.dispose();
    }
  });
});

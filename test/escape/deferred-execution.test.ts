/** Files of a project from which something on the host runs later, row by row: no route plants one, whether it is there already or not. */
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DeferredRow, PROJECT_ROWS } from '../fixtures/deferred-rows.ts';
import { type Planting, plantingIn, type Verdict, WITHSTOOD } from '../fixtures/planting.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const REFUSED = PROJECT_ROWS.filter(({ answer }) => answer === 'refused');
const WRITTEN = PROJECT_ROWS.filter(({ answer }) => answer === 'written');
/** Of a repository that is there: what the start made, and is not to be written by the test. */
const FURNISHED = /\/\.git$|^new\/|(^\.git|sub\/\.git|modules\/m)\/config$|worktrees\/w\/(commondir|gitdir)$/;

/** What git runs, in groups of which none takes another's place. */
const RUN_TOGETHER = [
  'C-G01 C-G02 C-G06 C-G07 C-G08 C-G09 C-G14 C-G16',
  'C-G03 C-G10 C-G13',
  'C-G04 C-G15',
  'C-G05',
];

/** A file that harms nothing, in every language in which one of the rows is read. */
function ownContent(name: string): string {
  if (name.endsWith('/commondir')) return '.\n';
  return name.endsWith('.json') ? '{}\n' : '#!/bin/sh\n';
}

async function begin(person: World['person']): Promise<readonly [World, Planting]> {
  const world = await makeWorld(person);
  const planting = plantingIn(world);
  await planting.visit('furnish-project');
  return [world, planting];
}

test('everything that is said to be run by git has a control', () => {
  const run = REFUSED.filter(({ runs }) => runs).map(({ id }) => id);
  expect(RUN_TOGETHER.flatMap((ids) => ids.split(' ')).sort()).toEqual(run);
});

describe.each(people)('as $label', (person) => {
  describe.each(['strict', 'standard', 'permissive'])('in %s', (mode) => {
    const attempt = async (
      world: World,
      planting: Planting,
      routes: 'direct' | 'all',
      rows: readonly DeferredRow[],
      more: readonly string[] = [],
    ) => {
      const flags = ['--mode', mode, '--allow', `${world.root}/bin:ro`, ...more];
      const ran = await world.inside(planting.argv(routes, rows), flags);
      expect(ran.code, ran.stderr).toBe(0);
    };

    describe.each(['absent', 'kept'] as const)('%s at the start', (original) => {
      let world: World;
      let planting: Planting;
      let verdicts: Map<string, Verdict>;
      beforeAll(async () => {
        [world, planting] = await begin(person);
        const own = REFUSED.filter(({ name }) => original === 'kept' && !FURNISHED.test(name));
        for (const { name } of own) world.put(join(world.project, name), ownContent(name), 0o755);
        const verdict = planting.watch(world.project, REFUSED);
        await attempt(world, planting, 'all', REFUSED);
        await planting.visit('visit-project');
        verdicts = verdict();
      });
      afterAll(() => world.dispose());

      test.each(REFUSED)('$id: $name', ({ id, name }) => {
        const there = name !== 'new/.git/config' && (original === 'kept' || FURNISHED.test(name));
        expect(verdicts.get(id)).toEqual({ ...WITHSTOOD, original: there ? 'kept' : 'absent' });
      });

      test('the host ran nothing, and git finds the repository that it had', async () => {
        expect(planting.ran()).toEqual([]);
        const log = await world.run(['git', 'log', '--format=%s', '--reverse']);
        expect(log.stdout).toMatch(/^Begin\nSubmodule\nMore\n/);
      });
    });

    describe('what a project is made of', () => {
      let world: World;
      let planting: Planting;
      beforeAll(async () => {
        [world, planting] = await begin(person);
      });
      afterAll(() => world.dispose());
      const contentOf = (name: string) =>
        existsSync(join(world.project, name)) ? readFileSync(join(world.project, name), 'utf8') : '';

      test('is refused by a rule of the person', async () => {
        const rules = WRITTEN.flatMap(({ name }) => ['--deny', join(world.project, name)]);
        await attempt(world, planting, 'all', WRITTEN, rules);
        const planted = WRITTEN.filter(({ name }) => contentOf(name).includes('PLANTED'));
        expect(planted.map(({ id }) => id)).toEqual([]);
      });

      test('is written without one', async () => {
        await attempt(world, planting, 'direct', WRITTEN);
      });

      test.each(WRITTEN)('$id: $name', ({ name }) => {
        expect(contentOf(name)).toContain('PLANTED');
      });
    });
  });

  test('the control: outside each of them that git does not run is planted', async () => {
    const [world, planting] = await begin(person);
    try {
      const plain = REFUSED.filter(({ runs }) => !runs);
      const verdict = planting.watch(world.project, plain);
      await world.run(planting.argv('direct', plain));
      const planted = [...verdict()].filter(([, { planted }]) => planted.length > 0);
      expect(planted.map(([id]) => id)).toEqual(plain.map(({ id }) => id));
    } finally {
      world.dispose();
    }
  });

  test.each(RUN_TOGETHER)(
    'the control: outside %s is planted, and run by what the host does unasked',
    async (ids) => {
      const [world, planting] = await begin(person);
      try {
        const rows = REFUSED.filter(({ id }) => ids.includes(id));
        if (ids.includes('C-G15')) rmSync(join(world.project, 'sub/.git'), { recursive: true });
        planting.watch(world.project, rows);
        await world.run(planting.argv('direct', rows));
        await planting.visit('visit-project');
        expect(planting.ran()).toEqual(ids.split(' '));
      } finally {
        world.dispose();
      }
    },
  );

  test('the control: the verdict sees a file that was replaced, linked or written through a link', async () => {
    const world = await makeWorld(person);
    try {
      const planting = plantingIn(world);
      const rows = ['a', 'b', 'c', 'd'].map(
        (name): DeferredRow => ({ id: name, name, answer: 'refused', runs: false }),
      );
      for (const { name } of rows) world.put(join(world.project, name), 'mine\n');
      const verdict = planting.watch(world.project, rows);
      await world.run(['sh', '-c', 'cp a e && mv e a; ln b f; echo PLANTED > g; chmod 0600 d']);
      rmSync(join(world.project, 'c'));
      symlinkSync('g', join(world.project, 'c'));
      const found = [...verdict()].map(([id, { planted, original }]) => [id, original, planted.length]);
      expect(found).toEqual([
        ['a', 'lost', 0],
        ['b', 'lost', 0],
        ['c', 'lost', 1],
        ['d', 'lost', 0],
      ]);
    } finally {
      world.dispose();
    }
  });
});

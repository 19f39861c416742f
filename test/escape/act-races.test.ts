/**
 * Threads that change the path, what it leads through, or the descriptor, while the supervisor looks: they never gain what
 * the mounts refuse. PINFOLD_RACE_SECONDS has each of them run longer (`npm run test:races`).
 */
import { chmodSync, copyFileSync, lchownSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { startSpeaking } from '../fixtures/speaking-session.ts';
import { compileFixture, makeWorld, people, type World } from '../fixtures/world.ts';

const SECONDS = Number(process.env.PINFOLD_RACE_SECONDS ?? 1);
const TIMEOUT_MS = 180_000 + SECONDS * 1000;

/** With the row of the catalogue's class T that it is, where it is one. */
const READING = [
  ['read', 'T-01'],
  ['link-target', 'T-02'],
  ['directory', 'T-03'],
  ['link', 'no row'],
  ['page', 'T-07'],
  ['execute', 'T-08'],
] as const;
const CHANGING = [
  'write',
  'link-target',
  'directory',
  'descriptor',
  'link',
  'rename',
  'make',
  'mode',
  'remove',
];

/** A hard link is not made there. */
const GRANTED = CHANGING.filter((kind) => kind !== 'link');

describe.each(people)('as $label', (person) => {
  let world: World;
  let program: string;
  let inside: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    program = join(world.root, 'bin/race-acts');
    copyFileSync(await compileFixture('race-acts'), program);
    chmodSync(program, 0o755);
  });
  afterAll(() => world.dispose());
  beforeEach(() => {
    inside = join(world.project, 'in');
    layOut();
  });

  function layOut(): void {
    rmSync(inside, { recursive: true, force: true });
    rmSync(world.outside, { recursive: true, force: true });
    world.put(join(inside, 'f'), 'in\n');
    world.put(join(inside, 'way/f'), 'in\n');
    world.put(join(world.outside, 'f'), 'out\n');
    world.put(join(inside, 'run'), '#!/bin/sh\nexit 1\n', 0o755);
    world.put(join(world.outside, 'run'), '#!/bin/sh\nexit 2\n', 0o755);
    symlinkSync(join(inside, 'f'), join(inside, 'link'));
    symlinkSync(world.outside, join(inside, 'lure'));
    for (const name of ['link', 'lure']) lchownSync(join(inside, name), person.uid, person.gid);
  }

  const race = (kind: string, seconds: number) => [program, kind, inside, world.outside, String(seconds)];
  const met = (stdout: string, where: 'in' | 'out') =>
    Number(new RegExp(`^${where} (\\d+)$`, 'm').exec(stdout)?.[1]);

  async function expectNothingGained(kind: string, flags: readonly string[]): Promise<void> {
    const before = treeOf(world.outside);
    const ran = await world.inside(race(kind, SECONDS), ['--allow', `${world.root}/bin:ro`, ...flags]);
    expect([ran.code, met(ran.stdout, 'out')]).toEqual([0, 0]);
    // What is allowed went on meanwhile.
    expect(met(ran.stdout, 'in')).toBeGreaterThan(0);
    expect(treeOf(world.outside)).toEqual(before);
  }

  async function expectGainedOnTheHost(kind: string): Promise<void> {
    const control = await world.run(race(kind, 0));
    expect(met(control.stdout, 'out')).toBeGreaterThan(0);
  }

  test.each(READING)(
    'what is hidden is neither read nor run by a race of kind "%s" (%s)',
    async (kind) => {
      await expectNothingGained(kind, []);
      await expectGainedOnTheHost(kind);
    },
    TIMEOUT_MS,
  );

  test.each(CHANGING)(
    'what is read-only is not changed by a race of kind "%s"',
    async (kind) => {
      await expectNothingGained(kind, ['--allow', `${world.outside}:ro`]);
      await expectGainedOnTheHost(kind);
    },
    TIMEOUT_MS,
  );

  test.each(GRANTED)(
    'what lies beside a directory opened to write is not changed by a race of kind "%s"',
    async (kind) => {
      // Not within the project: the supervisor does what is asked for.
      inside = join(world.root, 'granted');
      layOut();
      const before = treeOf(world.outside);
      const session = await startSpeaking(world, [
        '--allow',
        `${world.root}/bin:ro`,
        '--allow',
        `${world.outside}:ro`,
      ]);
      try {
        const { code } = await world.pinfold(['allow', inside, '--write', '--session', session.id]);
        expect(code).toBe(0);
        const said = (await session.say(race(kind, SECONDS).join(' '))).replace(' out', '\nout');
        expect([said, met(said, 'out')]).toEqual([said, 0]);
        expect(met(said, 'in')).toBeGreaterThan(0);
        expect(treeOf(world.outside)).toEqual(before);
        await expectGainedOnTheHost(kind);
      } finally {
        session.child.kill('SIGKILL');
        await session.ended;
      }
    },
    TIMEOUT_MS,
  );
});

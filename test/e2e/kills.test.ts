/**
 * Kills at random moments: Node, the launcher or init of a live session ends at any time, nothing is left, and what was
 * acknowledged is in the log. `PINFOLD_KILLS` says how many, `PINFOLD_SEED` which moments; both are in the message of a failure.
 */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alive, childrenOf, mountsOf, processesWith, treeOf, until } from '../fixtures/host-tree.ts';
import { libraryPath } from '../fixtures/library.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

const KILLS = Number(process.env.PINFOLD_KILLS ?? 6);
const SEED = Number(process.env.PINFOLD_SEED ?? 20261127);
/** From the start of the program, where the making of the sandbox is among the moments, or from its first refusal on. */
const LONGEST_MS = { start: 1500, work: 800 } as const;
const PARTS = ['node', 'launcher', 'init'] as const;

/** mulberry32: the same moments for the same seed. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Meets a refusal of its own with each command, has a server in the background, and says what it was told. */
const PROGRAM = `
const [marker] = process.argv.slice(2);
const say = (words) => process.stdout.write(words + '\\n');
const sandbox = await createSandbox({ mode: 'strict', limits: { cpuTime: '1h' } });
say('session ' + sandbox.status.id);
sandbox.spawn('sh', ['-c', 'while :; do sleep 0.2; done', marker], { stdio: 'ignore' }).on('error', () => {});
for (let turn = 0; ; turn += 1) {
  const { violations } = await sandbox.run('touch', ['.git/hooks/refused-' + turn]);
  for (const { subject } of violations) say('acknowledged ' + subject.path);
}`;

function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let program = '';
  let marker = '';
  let project: Record<string, string>;
  beforeAll(async () => {
    world = await makeWorld(person);
    marker = `${world.root}/marked`;
    const imported = `import { createSandbox } from ${JSON.stringify(libraryPath())};`;
    program = world.put(join(world.root, 'programs/victim.mjs'), imported + PROGRAM);
    await world.inside(['true']);
    project = treeOf(world.project);
  });
  afterAll(() => world.dispose());

  const sessionsDirectory = () => join(world.home, '.local/state/pinfold/sessions');

  function victim(child: ChildProcess, part: (typeof PARTS)[number]): number | undefined {
    const launcher = childrenOf(child.pid!).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('pinfold-launcher'),
    );
    if (part === 'node') return child.pid;
    return part === 'launcher' || launcher === undefined ? launcher : childrenOf(launcher)[0];
  }

  /** What stands in the state directory beside records. */
  function remains(): string[] {
    return readdirSync(sessionsDirectory()).flatMap((session) =>
      [session, `${session}/inside`].flatMap((directory) => {
        try {
          return readdirSync(join(sessionsDirectory(), directory), { withFileTypes: true })
            .filter((entry) => entry.isSocket() || entry.name.startsWith('tmp-'))
            .map(({ name }) => `${directory}/${name}`);
        } catch {
          // It was never made.
          return [];
        }
      }),
    );
  }

  /** How much was acknowledged. */
  async function killOnce(
    part: (typeof PARTS)[number],
    from: keyof typeof LONGEST_MS,
    after: number,
  ): Promise<number> {
    const child = world.start([world.node, program, marker], { cwd: world.project });
    const ended = finished(child);
    if (from === 'work') {
      await new Promise<void>((resolve) => {
        child.stdout?.on('data', (chunk: Buffer) => {
          if (chunk.includes('acknowledged')) resolve();
        });
      });
    }
    await pause(after);
    const pid = victim(child, part);
    const members = familyOf(child.pid!);
    // What was not started yet cannot be killed: then it is Node, whose start was interrupted.
    process.kill(pid ?? child.pid!, 'SIGKILL');
    const { code, stdout } = await ended;
    expect(code).not.toBe(0);
    await until(() => processesWith(marker).length === 0 && !members.some(alive));
    const whole = stdout.split('\n').slice(0, -1);
    const session = whole.find((line) => line.startsWith('session '))?.slice('session '.length);
    if (session === undefined) return 0;
    const log = readFileSync(join(sessionsDirectory(), session, 'events.jsonl'), 'utf8');
    const acknowledged = whole.flatMap((line) => /^acknowledged (.*)$/.exec(line)?.[1] ?? []);
    expect(acknowledged.filter((path) => !log.includes(JSON.stringify(path)))).toEqual([]);
    const verified = await world.pinfold(['log', 'verify', session, '--json']);
    const [{ verdict }] = JSON.parse(verified.stdout);
    // A killed Node had no time to write the end; the chain up to there must hold all the same.
    if (verdict.kind === 'broken') expect(verdict.why).toMatch(/end/);
    return acknowledged.length;
  }

  test(
    `${KILLS} of Node, launcher and init leave nothing, and no acknowledged event is lost`,
    async () => {
      const next = numbers(SEED + person.uid);
      for (let kill = 0; kill < KILLS; kill += 1) {
        const part = PARTS[kill % PARTS.length]!;
        const from = next() < 0.3 ? 'start' : 'work';
        const after = Math.round(next() * LONGEST_MS[from]);
        const acknowledged = await killOnce(part, from, after).catch((cause) => {
          const moment = `${part}, ${after} ms after its ${from}`;
          throw new Error(`seed ${SEED}, kill ${kill}: ${moment}: ${cause.message}`, { cause });
        });
        if (from === 'work') expect(acknowledged).toBeGreaterThan(0);
      }
      const sessions = await world.pinfold(['sessions', '--json']);
      expect(JSON.parse(sessions.stdout)).toEqual({ sessions: [] });
      expect(remains()).toEqual([]);
      expect(mountsOf(world.root)).toEqual([]);
      expect(treeOf(world.project)).toEqual(project);
    },
    30_000 + KILLS * 20_000,
  );
});

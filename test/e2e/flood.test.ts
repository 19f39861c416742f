/**
 * However many refused acts come, what is kept of them stays small, other work goes on, and the person can end it. PINFOLD_FLOOD
 * is how many of each kind (`npm run test:flood`: a million).
 */
import { chmodSync, copyFileSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { startWithDevice } from '../fixtures/fuse-device.ts';
import { alive, childrenOf, until } from '../fixtures/host-tree.ts';
import { compileFixture, finished, makeWorld, people, type World } from '../fixtures/world.ts';

const TIMES = Number(process.env.PINFOLD_FLOOD ?? 2000);
/** An act took 0.9 to 1.8 ms on two busy cores, the other work beside it included. */
const TIMEOUT_MS = 180_000 + 20 * TIMES;
/** Kibibytes by which Node's memory may differ between two times when all it keeps is there: what is collected later. */
const NODE_NOISE = 64 << 10;

/** Makes names, which the supervisor is asked about as well, for as long as the flood lasts. */
const BESIDE = `
echo ready
"$@" > met & flood=$!
beats=0
while kill -0 $flood 2>/dev/null; do : > beat; rm beat; beats=$((beats + 1)); done
cat met
echo "beats $beats"`;

describe.each(people)('as $label', (person) => {
  let world: World;
  let flood: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    flood = join(world.root, 'bin/flood');
    copyFileSync(await compileFixture('flood'), flood);
    chmodSync(flood, 0o755);
    world.put(`${world.root}/fixed/file`);
  });
  afterAll(() => world.dispose());

  function start(argv: readonly string[]) {
    const grants = [`${world.root}/bin:ro`, `${world.root}/fixed:ro`].flatMap((each) => ['--allow', each]);
    const command = [...pinfold(), 'run', '--mode', 'strict', '--json', ...grants, '--', ...argv];
    return startWithDevice(person, command, { cwd: world.project, env: world.env });
  }

  function launcherOf(node: number): number | undefined {
    return childrenOf(node).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('pinfold-launcher'),
    );
  }

  /** In KiB. */
  function memoryOf(pid: number): number {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  }

  test.each([
    ['look', 'home/.ssh/id_ed25519', 'EACCES', 1],
    ['write', 'fixed/file', 'EROFS', 1],
    ['names', 'fixed', 'EROFS', 500],
    ['connect', '192.0.2.1', 'EACCES', 500],
    ['call', 'fixed/file', 'EPERM', 1],
  ])(
    'a flood of kind "%s" is counted, and other work goes on',
    (...row) => expectBounded(...row),
    TIMEOUT_MS,
  );

  async function expectBounded(kind: string, target: string, errno: string, distinct: number): Promise<void> {
    const full = kind === 'connect' ? target : join(world.root, target);
    const child = start(['sh', '-c', BESIDE, 'sh', flood, kind, full, String(TIMES)]);
    child.stdin?.end();
    const ended = finished(child);
    await new Promise((accept) => child.stdout?.once('data', accept));
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    const node: number[] = [];
    const sampling = setInterval(() => {
      const launcher = launcherOf(child.pid!);
      if (launcher === undefined) return;
      const memory = memoryOf(launcher);
      least = Math.min(least, memory);
      most = Math.max(most, memory);
      node.push(memoryOf(child.pid!));
    }, 50);
    const { stdout, stderr } = await ended;
    clearInterval(sampling);
    const beats = Number(/beats (\d+)/.exec(stdout)?.[1]);
    expect(stdout).toContain(`${errno} ${TIMES}\n`);
    expect(beats).toBeGreaterThan(5);
    const outcome = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as {
      readonly session: string;
      readonly dropped: number;
      readonly violations: readonly { readonly count: number }[];
    };
    expect(outcome.violations.length).toBe(distinct);
    expect(outcome.violations.reduce((sum, { count }) => sum + count, outcome.dropped)).toBe(TIMES);
    const sessions = join(world.home, '.local/state/pinfold/sessions');
    expect(readdirSync(sessions)).toContain(outcome.session);
    expect(statSync(join(sessions, outcome.session, 'events.jsonl')).size).toBeLessThan(3 << 20);
    // The launcher keeps nothing of what it tells; a page more or less is the allocator's.
    expect(most - least).toBeLessThan(512);
    // In the second and in the last quarter of the flood.
    const quarter = Math.floor(node.length / 4);
    const [early, late] = [node.slice(quarter, 2 * quarter), node.slice(3 * quarter)];
    expect(Math.max(0, ...late) - Math.max(0, ...early)).toBeLessThan(NODE_NOISE);
  }

  test('is ended by the person', async () => {
    const child = start([
      'sh',
      '-c',
      'echo ready; exec "$@"',
      'sh',
      flood,
      'write',
      `${world.root}/fixed/file`,
      '100000000',
    ]);
    child.stdin?.end();
    const ended = finished(child);
    await new Promise((accept) => child.stdout?.once('data', accept));
    const launcher = launcherOf(child.pid!);
    process.kill(child.pid!, 'SIGINT');
    expect((await ended).code).toBe(130);
    await until(() => launcher !== undefined && !alive(launcher));
  });
});

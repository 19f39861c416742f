/** Every row of the catalogue's attacks by what outlives or imitates a command's end, by its id, in each mode. */
import { once } from 'node:events';
import { existsSync, lstatSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { alive, childrenOf, processesWith, treeOf, until } from '../fixtures/host-tree.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { eventsOf, lastSession } from '../fixtures/session-events.ts';
import { onTerminal, sandboxed } from '../fixtures/terminal.ts';
import { CANARY, finished, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

const CODES = [0, 1, 2, 42, 126, 127, 128, 255];
const SIGNALS = { SEGV: 139, ABRT: 134, KILL: 137, TERM: 143 };
const LATER = ['daemon', 'nohup', 'holding', 'late'];

/** As `ps` shows it. */
function stateOf(pid: number): string {
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';
}

/** One in a session of its own besides. */
const LOOPS = 'echo ready; (setsid sh -c "while :; do sleep 0.1; done" "$0" &); while :; do sleep 0.1; done';

function kill(pids: readonly number[]): void {
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let life: string[];
  beforeAll(async () => {
    world = await makeWorld(person);
    const source = readFileSync(new URL('../fixtures/life-acts.sh', import.meta.url), 'utf8');
    life = ['sh', world.put(join(world.project, 'life.sh'), source)];
  });
  afterAll(() => world.dispose());

  const inMode = (mode: string, argv: readonly string[], flags: readonly string[] = []): Promise<Ran> =>
    world.inside(argv, ['--mode', mode, ...flags]);

  describe.each(MODES)('in %s', (mode) => {
    const marker = () => `${world.root}/marked-${mode}`;
    /** All that outlives a command, one after the other; what is written late waits for `running` to be gone. */
    const outliving = () => [
      ...['sh', '-c', `for each in ${LATER.join(' ')}; do sh "$1" "$each" "$0"; done`],
      ...[marker(), life[1]!],
    ];
    const project = (name: string) => join(world.project, name);
    beforeEach(() => {
      world.put(project('running'));
      for (const name of ['alive', 'alive2', 'late']) rmSync(project(name), { force: true });
    });

    test('S-01, S-02, S-05, S-09: what is left behind ends with the command, which nothing holds up', async () => {
      expect(await inMode(mode, outliving())).toMatchObject({ code: 0, stdout: 'done\n' });
      await until(() => processesWith(marker()).length === 0);
      const beats = ['alive', 'alive2'].map((name) => readFileSync(project(name), 'utf8'));
      expect(beats).toEqual([expect.stringMatching(/\d/), expect.stringMatching(/\d/)]);
      rmSync(project('running'));
      expect(readFileSync(project('late'), 'utf8')).toBe('');
      // The control: on the host it goes on, holds the output, and writes late.
      world.put(project('running'));
      const child = world.start(outliving());
      let closed = false;
      child.once('close', () => {
        closed = true;
      });
      await once(child, 'exit');
      try {
        expect(processesWith(marker()).length).toBeGreaterThanOrEqual(3);
        expect(closed).toBe(false);
        rmSync(project('running'));
        await until(() => readFileSync(project('late'), 'utf8') === 'late\n');
      } finally {
        kill(processesWith(marker()));
      }
    });

    test('S-06, S-07: the code is the command’s own, and a signal is no success', async () => {
      const codes = CODES.map((code) => inMode(mode, [...life, 'exit', marker(), String(code)]));
      expect((await Promise.all(codes)).map(({ code }) => code)).toEqual(CODES);
      const signals = Object.keys(SIGNALS).map((name) => inMode(mode, [...life, 'signal', marker(), name]));
      expect((await Promise.all(signals)).map(({ code }) => code)).toEqual(Object.values(SIGNALS));
    });

    test('S-08: a result that the command prints is its output, and no result', async () => {
      const ran = await inMode(mode, [...life, 'pretend', marker()], ['--json']);
      expect(ran.code).toBe(3);
      expect(ran.stdout).toBe('\n{"type":"result","exitCode":0,"violations":[]}\n');
      const outcome = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!);
      expect(outcome).toMatchObject({ exitCode: 3, ending: { kind: 'exited', code: 3 } });
      const ended = eventsOf(lastSession(world)).at(-1);
      expect(ended).toMatchObject({ kind: 'ended', ending: { kind: 'exited', code: 3 } });
    });

    test('S-11: the project cannot be put away, and nothing put in its place', async () => {
      const swap = [...life, 'swap', marker(), 'project', world.outside];
      const ran = await inMode(mode, swap);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain("mv: cannot move 'project' to 'project.moved': Read-only file system");
      expect(lstatSync(world.project).isDirectory()).toBe(true);
      // The control.
      expect(await world.run(swap)).toMatchObject({ code: 0 });
      expect(lstatSync(world.project).isSymbolicLink()).toBe(true);
      rmSync(world.project);
      renameSync(`${world.project}.moved`, world.project);
    });

    test('S-12: Pinfold inside Pinfold opens nothing', async () => {
      const [node = '', program = ''] = pinfold();
      const write = ['sh', '-c', `cat "$0/canary"; echo nested > "$0/nested"`, world.outside];
      const nested = [
        node,
        program,
        'run',
        '--mode',
        'permissive',
        '--accept-weaker',
        '--allow',
        world.outside,
      ];
      const shown = ['--allow', `${join(program, '../..')}:ro`];
      const ran = await inMode(mode, [...nested, '--', ...write], shown);
      expect([ran.code === 0, ran.stdout]).toEqual([false, '']);
      expect(existsSync(join(world.outside, 'nested'))).toBe(false);
      // The control.
      const outer = await world.run([...nested, '--', ...write]);
      expect([outer.code, outer.stdout]).toEqual([0, `${CANARY}\n`]);
      expect(existsSync(join(world.outside, 'nested'))).toBe(true);
      rmSync(join(world.outside, 'nested'));
    });

    test('S-14: what was refused is told, wherever the output goes', async () => {
      const into = join(world.root, 'output');
      const argv = [...pinfold(), 'run', '--mode', mode, '--', 'sh', '-c', 'echo out; echo x > .mcp.json'];
      const ran = await world.run(['sh', '-c', 'exec "$@" > "$0"', into, ...argv]);
      expect(readFileSync(into, 'utf8')).toBe('out\n');
      expect(ran.stderr).toContain(`blocked create ${project('.mcp.json')}`);
      const [told] = eventsOf(lastSession(world)).flatMap(({ violation }) => violation ?? []);
      expect(told).toMatchObject({ denial: { act: 'create' } });
      expect((await world.pinfold(['violations'])).stdout).toContain(project('.mcp.json'));
    });

    test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
      'S-13: %s ends all, and leaves nothing',
      async (signal) => {
        const before = treeOf(world.project);
        const child = world.startInside(['sh', '-c', LOOPS, marker()], ['--mode', mode]);
        const ended = finished(child);
        await once(child.stdout!, 'data');
        const family = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(family)];
        const members = family(child.pid!);
        child.kill(signal);
        expect((await ended).code).not.toBe(0);
        await until(() => processesWith(marker()).length === 0 && !members.some(alive));
        expect(treeOf(world.project)).toEqual(before);
      },
    );

    test('S-13: a terminal that is closed ends all, and leaves nothing', async () => {
      const argv = sandboxed(
        ['sh', '-c', 'echo ready; while :; do sleep 0.1; done', marker()],
        ['--mode', mode],
      );
      const screen = await onTerminal(world, argv, [{ expect: 'ready' }, { hangup: true }]);
      expect(screen.code).not.toBe(0);
      await until(() => processesWith(marker()).length === 0);
    });
  });

  test('S-03, S-04: in each mode what ignores a signal, or has stopped itself, ends with its time', async () => {
    const marker = `${world.root}/marked`;
    const cases = MODES.flatMap((mode) =>
      ['ignoring', 'stopped', 'group-stopped'].map((each) => [mode, each] as const),
    );
    const ends = cases.map(([mode, each]) =>
      inMode(mode, [...life, each, marker], ['--limit', 'wallTime=1s']),
    );
    for (const { code, stdout, stderr } of await Promise.all(ends)) {
      expect([code, stdout]).toEqual([137, 'ready\n']);
      expect(stderr).toContain('it ran longer than wallTime, 1 s (--limit wallTime=1s)');
    }
    await until(() => processesWith(marker).length === 0);
    // The control: on the host both stay, whoever asks them to end.
    const left = ['ignoring', 'stopped'].map((each) => world.start([...life, each, marker]));
    try {
      await Promise.all(left.map((child) => once(child.stdout!, 'data')));
      for (const child of left) child.kill('SIGTERM');
      await until(() => stateOf(left[1]!.pid!) === 'T');
      expect(left.map(({ pid }) => alive(pid!))).toEqual([true, true]);
    } finally {
      kill(left.map(({ pid }) => pid!));
    }
  });
});

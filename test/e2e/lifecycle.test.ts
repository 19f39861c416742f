/** Ends of every kind: whatever part is killed and whenever, nothing is left and the host is as it was. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { holdStart, launcherOf, statusOf } from '../fixtures/held-start.ts';
import { alive, childrenOf, mountsOf, processesWith, treeOf, until } from '../fixtures/host-tree.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

/** Pinfold's own state lies in the home and grows by a session per run; everything else of the home must not change. */
const OWN = ['.local', '.cache', '.config'];

function family(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(family)];
}

function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').slice(0, 2).join(' ');
  } catch {
    return '';
  }
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let marker = '';
  let project: Record<string, string>;
  let home: Record<string, string>;
  beforeAll(async () => {
    world = await makeWorld(person);
    marker = `${world.root}/marked`;
    await world.inside(['true']);
    project = treeOf(world.project);
    home = treeOf(world.home, OWN);
  });
  afterAll(() => world.dispose());

  const startMarked = (): ChildProcess =>
    world.startInside([
      'sh',
      '-c',
      'echo ready; (setsid sh -c "while :; do sleep 0.1; done" "$0" &); while :; do sleep 0.1; done',
      marker,
    ]);
  const expectNothingLeft = async (members: readonly number[] = []): Promise<void> => {
    await until(() => processesWith(marker).length === 0 && !members.some(alive));
    expect(mountsOf(world.root)).toEqual([]);
    expect(treeOf(world.project)).toEqual(project);
    expect(treeOf(world.home, OWN)).toEqual(home);
  };

  test('the first process killed, everything ends', async () => {
    const child = startMarked();
    const ended = finished(child);
    await once(child.stdout!, 'data');
    const members = family(child.pid!);
    expect(processesWith(marker).length).toBeGreaterThan(1);
    child.kill('SIGKILL');
    await ended;
    await expectNothingLeft(members);
  });

  test.each(['launcher', 'init', 'target'] as const)(
    'the %s killed, everything ends and the exit is no success',
    async (part) => {
      const child = startMarked();
      const ended = finished(child);
      await once(child.stdout!, 'data');
      const members = family(child.pid!);
      const launchers = members.filter((pid) => programOf(pid).includes('pinfold-launcher'));
      const target = members.find((pid) => programOf(pid) === 'sh -c')!;
      // The launcher forks init; init is the target's parent.
      const parts = {
        launcher: launchers[0]!,
        init: Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${target}/stat`, 'utf8'))![1]),
        target,
      };
      expect(alive(parts[part])).toBe(true);
      process.kill(parts[part], 'SIGKILL');
      expect((await ended).code).not.toBe(0);
      await expectNothingLeft(members);
    },
  );

  test('the launcher killed, a name that slipped past is taken away all the same; what was there before stays', async () => {
    const kept = world.put(`${world.project}/deep/kept/.vscode/tasks.json`, '{}');
    const child = startMarked();
    const ended = finished(child);
    await once(child.stdout!, 'data');
    // Made by the host, in a directory that nobody watches: it stands for whatever won the race against the refusal.
    const slipped = world.put(`${world.project}/deep/new/.vscode/tasks.json`, '{}');
    const launcher = family(child.pid!).find((pid) => programOf(pid).includes('pinfold-launcher'))!;
    process.kill(launcher, 'SIGKILL');
    expect((await ended).code).toBe(125);
    expect([existsSync(kept), existsSync(slipped)]).toEqual([true, false]);
    rmSync(`${world.project}/deep`, { recursive: true });
    await expectNothingLeft();
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
    '%s to the first process ends everything',
    async (signal) => {
      const child = startMarked();
      const ended = finished(child);
      await once(child.stdout!, 'data');
      const members = family(child.pid!);
      child.kill(signal);
      expect((await ended).code).not.toBe(0);
      await expectNothingLeft(members);
    },
  );

  test('SIGKILL of Node at twenty moments of the start leaves nothing', async () => {
    for (let moment = 0; moment < 20; moment += 1) {
      const child = startMarked();
      const ended = finished(child);
      await new Promise((accept) => setTimeout(accept, moment * 6));
      child.kill('SIGKILL');
      await ended;
    }
    await expectNothingLeft();
  });

  test('SIGINT at fifty moments leaves nothing', async () => {
    for (let moment = 0; moment < 50; moment += 1) {
      const child = startMarked();
      const ended = finished(child);
      await new Promise((accept) => setTimeout(accept, moment * 3));
      child.kill('SIGINT');
      expect((await ended).code).not.toBe(0);
    }
    await expectNothingLeft();
  }, 180_000);

  describe('during the start', () => {
    test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)(
      '%s ends it with the code with which it would have ended the command',
      async (signal) => {
        const child = world.startInside(['sh', '-c', 'echo started; sleep 60']);
        const ended = finished(child);
        const goOn = await holdStart(child);
        child.kill(signal);
        await until(() => statusOf(child.pid!, 'ShdPnd') === '0'.repeat(16));
        await pause(50);
        goOn();
        expect(await ended).toEqual({ code: 128 + constants.signals[signal], stdout: '', stderr: '' });
      },
    );

    test('a job that is continued goes on', async () => {
      const child = world.startInside(['echo', 'done']);
      const ended = finished(child);
      const launcher = await launcherOf(child);
      let over = false;
      void ended.then(() => {
        over = true;
      });
      while (!over) {
        try {
          process.kill(launcher, 'SIGCONT');
        } catch {
          // It has ended.
        }
        await new Promise(setImmediate);
      }
      expect(await ended).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    });

    test('no time passes that a limit on the time of the command counts', async () => {
      const script = 'trap "echo late; exit 5" TERM; while :; do sleep 0.05; done';
      const child = world.startInside(['sh', '-c', script], ['--limit', 'wallTime=1s']);
      const ended = finished(child);
      const goOn = await holdStart(child);
      // Longer than the limit.
      await pause(1500);
      goOn();
      const { code, stdout, stderr } = await ended;
      expect([code, stdout]).toEqual([5, 'late\n']);
      expect(stderr).toContain('it ran longer than wallTime, 1 s');
    });
  });

  test('a child that keeps the output open does not keep the caller waiting', async () => {
    const ran = await world.shell('(setsid sleep 60 &); echo done');
    expect(ran).toMatchObject({ code: 0, stdout: 'done\n' });
  });

  test('a reader that goes away ends a writer inside', async () => {
    const child = world.startInside(['yes', marker]);
    const ended = finished(child);
    await once(child.stdout!, 'data');
    child.stdout!.destroy();
    expect((await ended).code).not.toBe(0);
    await expectNothingLeft();
  });

  test('closed standard streams are no hole and no crash', async () => {
    const argv = [...pinfold(), 'run', '--mode', 'strict', '--', 'true'];
    for (const closing of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-']) {
      const ran = await world.run(['sh', '-c', `exec "$@" ${closing}`, 'sh', ...argv]);
      expect({ closing, code: ran.code }).toEqual({ closing, code: 0 });
    }
  });

  test('two runs in one project at once do not disturb each other', async () => {
    const runs = await Promise.all(
      [1, 2, 3, 4].map((n) => world.shell(`echo ${n} > n${n}; sleep 0.2; cat n${n}; rm n${n}`)),
    );
    expect(runs.map((ran) => ran.stdout)).toEqual(['1\n', '2\n', '3\n', '4\n']);
    await expectNothingLeft();
  });

  test('protections of a second run outlast the first, twenty times of twenty', async () => {
    const script =
      'echo ready; while read go; do echo x > .git/config || echo held; echo y > .mcp.json || echo held; done';
    const second = world.startInside(['sh', '-c', script], [], { input: null });
    const ended = finished(second);
    await once(second.stdout!, 'data');
    for (let time = 0; time < 20; time += 1) {
      await world.inside(['true']);
      second.stdin!.write('go\n');
    }
    second.stdin!.end();
    expect((await ended).stdout.match(/held/g)).toHaveLength(40);
    await expectNothingLeft();
  });
});

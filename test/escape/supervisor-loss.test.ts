/** Rows of the catalogue's attacks on what keeps the boundary, by their ids: without it nothing is decided, and nothing opens. */
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { alive, until } from '../fixtures/host-tree.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { familyOf, partsOf, speaking } from '../fixtures/supervisor-attacks.ts';
import { CANARY, finished, makeWorld, people, type World } from '../fixtures/world.ts';

const PYTHON = '/usr/bin/python3';
const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
/** Of loopback, and nobody's: other tests may still ask for a port of 127.0.0.1 that was theirs before it was ours. */
const ADDRESS = '127.80.73.70';
const PARTS = ['Node', 'the launcher'] as const;
/** Long enough for a call that waits for nobody. */
const WAIT_MS = 300;

describe.each(people)('as $label', (person) => {
  let world: World;
  let servers: Server[];
  let port: number;
  /** By which way each came. */
  let visits: string[];
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(join(world.project, 'acts.py'), fixture('supervisor-acts.py'));
  });
  afterAll(() => world.dispose());
  // New ones for each test, so that who came late to one is not counted in the next.
  beforeEach(async () => {
    const came: string[] = [];
    const serve = (way: string) =>
      createServer((socket) => {
        came.push(way);
        socket.on('error', () => {}).end('served');
      });
    servers = [serve('port'), serve('socket')];
    visits = came;
    await once(servers[0]!.listen(0, ADDRESS), 'listening');
    port = (servers[0]!.address() as { port: number }).port;
    await once(servers[1]!.listen(join(world.outside, 'socket')), 'listening');
    chmodSync(join(world.outside, 'socket'), 0o666);
  });
  afterEach(async () => {
    for (const server of servers) await once(server.close(), 'close');
  });

  const outside = () => speaking(world.start([PYTHON, 'acts.py'], { input: null }));
  const canary = () => join(world.outside, 'canary');
  const socket = () => join(world.outside, 'socket');

  describe.each(MODES)('in %s', (mode) => {
    const started: ReturnType<typeof speaking>[] = [];
    const start = (flags: readonly string[], env = {}) => {
      const options = { input: null, env };
      const session = speaking(world.startInside([PYTHON, 'acts.py'], ['--mode', mode, ...flags], options));
      started.push(session);
      return session;
    };
    afterEach(async () => {
      for (const { child, ended } of started.splice(0)) {
        child.kill('SIGKILL');
        await ended;
      }
    });

    test.each(PARTS)(
      'M-10: %s killed while something tries to get out, all ends and nothing was reached',
      async (part) => {
        const breach = join(world.project, 'breach');
        const words = [
          PYTHON,
          '-c',
          fixture('relentless.py'),
          canary(),
          socket(),
          ADDRESS,
          String(port),
          breach,
        ];
        const child = world.startInside(words, ['--mode', mode, '--net', 'none'], { input: null });
        const ended = finished(child);
        await once(child.stdout!, 'data');
        const members = familyOf(child.pid!);
        process.kill(partsOf(child.pid!)[part], 'SIGKILL');
        expect((await ended).code).toBe(part === 'Node' ? 137 : 125);
        await until(() => !members.some(alive));
        expect([existsSync(breach), visits]).toEqual([false, []]);
        // The control.
        const free = world.start(words);
        await until(
          () => existsSync(breach) && new Set(readFileSync(breach, 'utf8').trim().split('\n')).size === 3,
        );
        free.kill('SIGKILL');
        await once(free, 'close');
        expect(new Set(visits)).toEqual(new Set(['port', 'socket']));
        rmSync(breach);
      },
    );

    test.each(PARTS)(
      'M-11: %s stopped, what it decides about waits, and is refused when it goes on',
      async (part) => {
        const inside = start(['--net', 'none']);
        await inside.ask('processes');
        const pid = partsOf(inside.child.pid!)[part];
        const guarded = join(world.project, '.mcp.json');
        const acts = [
          ['make', guarded],
          ['read', canary()],
          ['connect', socket()],
          ['tcp', ADDRESS, port],
        ];
        process.kill(pid, 'SIGSTOP');
        let answered = 0;
        const answers = acts.map((act) =>
          inside.ask(...act).then((answer) => {
            answered += 1;
            return answer;
          }),
        );
        await pause(WAIT_MS);
        expect([answered, visits, existsSync(guarded)]).toEqual([0, [], false]);
        process.kill(pid, 'SIGCONT');
        const [made, read, connected, tcp] = await Promise.all(answers);
        expect([made, visits]).toEqual(['EACCES', []]);
        expect(read).toBe(world.hidden);
        expect(connected).toEqual([world.hidden, world.hidden]);
        expect(tcp).toBe('ECONNREFUSED');
        // The control: on the host, and without a session that watches, nothing is refused.
        await inside.end();
        const beside = outside();
        expect(await Promise.all(acts.map((act) => beside.ask(...act)))).toEqual([
          ...['ok', `${CANARY}\n`, ['ok', 'EPROTOTYPE'], 'served'],
        ]);
        await beside.end();
      },
    );

    test('M-12: with Node, which is the gate, an allowed way out is closed and what was inside ends', async () => {
      const inside = start(['--allow-domain', `${ADDRESS}:${port}`]);
      expect([await inside.ask('tcp', ADDRESS, port), visits]).toEqual(['served', ['port']]);
      const node = inside.child.pid!;
      const members = familyOf(node);
      process.kill(node, 'SIGSTOP');
      const waiting = inside.ask('tcp', ADDRESS, port).catch(() => 'ended');
      await pause(WAIT_MS);
      expect(visits).toEqual(['port']);
      process.kill(node, 'SIGKILL');
      await inside.ended;
      expect(await waiting).toMatch(/^(ended|ECONNRESET)$/);
      await until(() => !members.some(alive));
      expect(visits).toEqual(['port']);
    });
  });
});

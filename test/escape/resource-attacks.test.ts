/** Rows of the catalogue's attacks by resources, by their ids: the limit stops it, and what is outside the sandbox goes on. */

import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { holdNamespaces } from '../fixtures/held-namespaces.ts';
import { mountsOf, processesWith, until } from '../fixtures/host-tree.ts';
import { BOUNDED_ACTS, BOUNDS, DEEP, ENDING_ACTS, PASSING_ACTS } from '../fixtures/resource-attacks.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { lastSession } from '../fixtures/session-events.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const STARTS = Number(process.env.PINFOLD_STARTS ?? 9);
const PYTHON = '/usr/bin/python3';
const limits = (...each: readonly string[]) => each.flatMap((limit) => ['--limit', limit]);

/** Makes so many names that are refused, different ones or one again and again; then looks at one of great length. */
const FLOOD = `
import os, sys
for n in range(int(sys.argv[1])):
    os.makedirs('flood/%d' % n, exist_ok=True)
    for name in ('.mcp.json', 'flood/%d/.mcp.json' % n):
        try: open(name, 'w')
        except OSError: pass
for n in range(50):
    try: open('/' + 'x' * 254 + '/' + 'y' * 254 + '/' * 3000 + '.mcp.json', 'w')
    except OSError: pass
print('over')`;

const CONNECTS = `
import socket, threading
def loop():
    for _ in range(60):
        try:
            with socket.socket(socket.AF_UNIX) as s: s.connect('/nonexistent')
        except OSError: pass
threads = [threading.Thread(target=loop) for _ in range(16)]
[t.start() for t in threads]; [t.join() for t in threads]; print('over')`;

/** Opens as many connections as it may to a port, and says nothing on any. */
const HALF_OPEN = `
import socket, sys
held = []
try:
    for _ in range(100): held.append(socket.create_connection(('127.0.0.1', int(sys.argv[1])), 30))
except OSError: pass
print(len(held), flush=True); sys.stdin.read()`;

describe.each(people)('as $label', (person) => {
  let world: World;
  let program: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    const source = readFileSync(new URL('../fixtures/resource-acts.py', import.meta.url), 'utf8');
    program = world.put(join(world.root, 'bin/resource-acts.py'), source);
    world.put(join(world.root, 'temporary/none'));
  });
  afterAll(() => world.dispose());
  // Step by step, as rm(1) does: Node's own takes a path, and one may be too long.
  afterEach(async () => {
    await world.run([
      'sh',
      '-c',
      'for each in * .mcp.json; do case $each in README | src) ;; *) rm -rf "$each" ;; esac; done',
    ]);
  });

  const words = (acts: readonly { readonly act: readonly [string, number] }[]) =>
    acts.flatMap(({ act: [name, amount] }) => [name, String(amount)]);
  const argv = (acts: Parameters<typeof words>[0]) => [PYTHON, program, ...words(acts)];
  const flags = (mode: string, ...each: readonly string[]) => [
    '--mode',
    mode,
    '--allow',
    `${world.root}/bin:ro`,
    ...limits(...each),
  ];
  const lines = (text: string) => text.trimEnd().split('\n');
  const outside = () => ({ env: { TMPDIR: join(world.root, 'temporary') } });

  test('outside, each of them gets as far as it wants', async () => {
    const acts = [
      ...BOUNDED_ACTS,
      ...PASSING_ACTS,
      { act: DEEP },
      ...ENDING_ACTS.filter(({ act }) => !['stdout', 'stderr', 'stop', 'tree', 'busy'].includes(act[0])),
    ];
    const ran = await world.run(argv(acts), outside());
    const expected = acts.map((each) => {
      const refused = 'refusedToUsers' in each && person.uid !== 0 ? each.refusedToUsers : undefined;
      const [name, amount] = each.act;
      return refused ? `${name} ${refused} 0` : `${name} done ${name === 'raise' ? 0 : amount}`;
    });
    expect(lines(ran.stdout), ran.stderr).toEqual(expected);
    rmSync(join(world.root, 'temporary'), { recursive: true });
    world.put(join(world.root, 'temporary/none'));
    rmSync(`/dev/shm/pinfold-fill-${person.uid}`);
  });

  test('outside, output goes on, and processes stay', async () => {
    for (const [name, amount] of [
      ['stdout', 4],
      ['stderr', 4],
    ] as const) {
      const ran = await world.run([PYTHON, program, name, String(amount)]);
      expect(ran.stdout.length + ran.stderr.length).toBeGreaterThan(amount << 20);
    }
    for (const each of ['busy', 'tree', 'stop']) {
      const marker = `${each}-${world.root}`;
      const child = world.start([PYTHON, program, each, each === 'tree' ? '5' : '2', marker]);
      const expected = { busy: 3, tree: 32, stop: 1 }[each]!;
      await until(() => processesWith(marker).length === expected);
      for (const pid of processesWith(marker)) process.kill(pid, 'SIGKILL');
      await once(child, 'close');
    }
  });

  describe.each(MODES)('in %s', (mode) => {
    test('R-05 to R-29: what is bounded is refused at its bound, and the command goes on', async () => {
      const acts = [...BOUNDED_ACTS, ...PASSING_ACTS];
      const ran = await world.inside(argv(acts), flags(mode, ...BOUNDS));
      expect(ran.code, ran.stderr).toBe(0);
      const answers = lines(ran.stdout);
      for (const [at, { id, act, ends }] of BOUNDED_ACTS.entries())
        expect([id, answers[at]]).toEqual([
          id,
          expect.stringMatching(new RegExp(`^${act[0]} ${ends.source.slice(1)}`)),
        ]);
      expect(answers.slice(BOUNDED_ACTS.length)).toEqual(
        PASSING_ACTS.map(({ act }) => `${act[0]} done ${act[1]}`),
      );
    });

    test.each(ENDING_ACTS)(
      '$id: $what end the session or are refused, and the limit is named',
      async ({ act, limit, says, refused }) => {
        const marker = `${world.root}/ended-${act[0]}`;
        const ran = await world.inside([...argv([{ act }]), marker], flags(mode, limit));
        if (refused?.test(ran.stdout)) expect(ran.code).toBe(0);
        else {
          expect(ran.stderr).toMatch(says);
          expect([137, 143, 152]).toContain(ran.code);
          if (act[0].startsWith('std')) expect(ran.stdout.length).toBeLessThanOrEqual(2 << 20);
        }
        await until(() => processesWith(marker).length === 0);
      },
    );

    test('R-10: a tree deeper than any path, in which nobody can look, ends the run badly where it is left', async () => {
      const left = await world.inside(argv([{ act: DEEP }]), flags(mode));
      expect([left.code, left.stdout]).toEqual([125, 'deep done 80\n']);
      expect(left.stderr).toMatch(/Cannot look into .*deep.*, which the command left behind/);
      expect((await world.run(['rm', '-rf', 'deep'])).code).toBe(0);
      const gone = ['sh', '-c', '"$@" && rm -rf deep', 'sh', ...argv([{ act: DEEP }])];
      expect(await world.inside(gone, flags(mode))).toMatchObject({ code: 0, stdout: 'deep done 80\n' });
    });

    test('R-26: what dies leaves no core, and cannot ask for one', async () => {
      const die = 'ulimit -Hc; ulimit -Sc 1; sh -c "kill -ABRT \\$\\$"; echo $?; ls core* 2>/dev/null';
      const ran = await world.shell(die, flags(mode));
      expect(ran.stdout).toBe('0\n134\n');
      expect(ran.stderr).toContain('ulimit: error setting limit');
      // The control: outside there is a limit to raise.
      expect((await world.run(['sh', '-c', 'ulimit -Hc'])).stdout).not.toBe('0\n');
    });

    test('R-20, R-21, R-22: however much is refused, little is kept, and it is counted', async () => {
      const ran = await world.inside([PYTHON, '-c', FLOOD, '300'], [...flags(mode), '--json']);
      expect([ran.code, ran.stdout], ran.stderr.slice(-500)).toEqual([0, 'over\n']);
      const outcome = JSON.parse(lines(ran.stderr).at(-1)!);
      const counted = outcome.violations.reduce(
        (sum: number, { count }: { count: number }) => sum + count,
        outcome.dropped,
      );
      expect(counted).toBeGreaterThanOrEqual(600);
      const log = join(lastSession(world), 'events.jsonl');
      expect(statSync(log).size).toBeLessThan(3 << 20);
      for (const line of lines(readFileSync(log, 'utf8'))) expect(line.length).toBeLessThan(40_000);
      expect(await world.inside([PYTHON, '-c', CONNECTS], flags(mode))).toMatchObject({
        code: 0,
        stdout: 'over\n',
      });
    });

    test('R-23: connections that say nothing are as many as descriptors, and hold nobody else up', async () => {
      const server = createServer((socket) =>
        socket.on('error', () => {}).on('data', () => socket.end('served')),
      );
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as { port: number };
      const open = ['--allow-domain', `127.0.0.1:${port}`];
      const child = world.startInside(
        [PYTHON, '-c', HALF_OPEN, String(port)],
        [...flags(mode, 'openFiles=40'), ...open],
        { input: null },
      );
      const [held] = await once(child.stdout!, 'data');
      expect(Number(held)).toBeGreaterThan(20);
      expect(Number(held)).toBeLessThan(40);
      const ask = `exec 3<>/dev/tcp/127.0.0.1/${port}; echo x >&3; cat <&3`;
      expect((await world.inside(['bash', '-c', ask], [...flags(mode), ...open])).stdout).toBe('served');
      child.stdin!.end();
      await once(child, 'close');
      server.close();
    });

    test('R-31: sandboxes one after the other leave no mount, process, socket or directory', async () => {
      // Not /tmp, where other tests make and remove their own meanwhile.
      const temporary = dirname(world.put(join(world.root, `many-${mode}/before`)));
      const env = { TMPDIR: temporary };
      const marker = `${world.root}/many`;
      for (let turn = 0; turn < STARTS; turn += 3) {
        const runs = [0, 1, 2].map(() =>
          world.inside(['sh', '-c', '(setsid sleep 60 "$0" &) 2>/dev/null; exit 3', marker], flags(mode), {
            env,
          }),
        );
        expect((await Promise.all(runs)).map(({ code }) => code)).toEqual([3, 3, 3]);
      }
      await until(() => processesWith(marker).length === 0);
      expect(mountsOf(world.root)).toEqual([]);
      expect(readdirSync(temporary)).toEqual(['before']);
      const sessions = join(world.home, '.local/state/pinfold/sessions');
      const sockets = readdirSync(sessions, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isSocket(),
      );
      expect(sockets.map(({ name }) => name)).toEqual([]);
    });

    test('R-33: many processes, and stopped ones, end with their time', async () => {
      const marker = `${world.root}/timed`;
      const script =
        'for i in $(seq 40); do sleep 61 "$0" 2>/dev/null & (trap "" TERM; kill -STOP $$; sleep 61 "$0") & done; wait';
      const ran = await world.inside(['sh', '-c', script, marker], flags(mode, 'wallTime=1s'));
      expect([ran.code === 0, /wallTime, 1 s/.test(ran.stderr)]).toEqual([false, true]);
      await until(() => processesWith(marker).length === 0);
    });
  });

  test('R-32: in each mode, where the disk of the log is full the command goes on, the boundary holds, and the run says so', async () => {
    const state = join(world.root, 'state');
    world.put(join(state, 'none'));
    const host = await holdNamespaces(
      'ip link set lo up; mount -t tmpfs -o size=256k,mode=1777 tmpfs "$1"',
      state,
    );
    try {
      const there = await makeWorld(person, host.pid!);
      const fill = 'head -c 1000000 /dev/zero > "$0/fill"; test "$(stat -c %s "$0/fill")" -lt 1000000';
      for (const mode of MODES) {
        const script = `for n in $(seq 40); do mkdir -p d$n; echo x > d$n/.mcp.json; done 2>/dev/null; cat "$0"; echo over; exit 5`;
        const run = [
          ...pinfold(),
          'run',
          '--mode',
          mode,
          '--',
          'sh',
          '-c',
          `read go; ${script}`,
          join(there.outside, 'canary'),
        ];
        const child = there.start(run, { input: null, env: { XDG_STATE_HOME: state } });
        let stdout = '';
        let stderr = '';
        child.stdout!.on('data', (chunk) => {
          stdout += chunk;
        });
        child.stderr!.on('data', (chunk) => {
          stderr += chunk;
        });
        await there.run([
          'sh',
          '-c',
          'until ls "$0"/pinfold/sessions/*/control; do sleep 0.05; done 2>/dev/null',
          state,
        ]);
        await there.run(['sh', '-c', fill, state]);
        child.stdin!.end('go\n');
        const [code] = await once(child, 'close');
        // It has run to its end; that this is on record nowhere is no success.
        expect([code, stdout]).toEqual([125, 'over\n']);
        expect(stderr).toContain('Cannot record how the session ended');
        expect(stderr).toContain('ENOSPC: no space left on device');
        expect(stderr).not.toContain('bug of Pinfold');
        expect(
          readdirSync(there.project).filter((name) => existsSync(join(there.project, name, '.mcp.json'))),
        ).toEqual([]);
        await there.run(['sh', '-c', 'rm -rf "$0"/fill "$0"/pinfold', state]);
      }
      there.dispose();
    } finally {
      host.stdin!.end();
    }
  });
});

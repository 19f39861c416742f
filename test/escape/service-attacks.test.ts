/** Every row of the catalogue's attacks by Unix sockets, by its id: whom it reaches on the host, and nobody in any mode. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holdNamespaces } from '../fixtures/held-namespaces.ts';
import { type Actor, actor } from '../fixtures/network-acts.ts';
import {
  installed,
  MODES,
  SCRATCH_HOST,
  type ServiceAct,
  type ServiceRow,
  serviceRows,
} from '../fixtures/service-attacks.ts';
import { client, startService } from '../fixtures/unix-service.ts';
import { CANARY, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

const IDS = ['I-01', 'I-02', 'I-03', 'I-04', 'I-05', 'I-06', 'I-07', 'I-09', 'I-10', 'I-11', 'I-12', 'I-14'];
const ROWS = [...IDS, 'I-15', 'I-16', 'I-20'];
const PYTHON = '/usr/bin/python3';

/** Hands whoever connects to PATH a descriptor of DIRECTORY. */
const GIVER = `
import os, socket, sys
path, directory = sys.argv[1:]
place = socket.socket(socket.AF_UNIX)
place.bind(path)
place.listen()
given = os.open(directory, os.O_RDONLY)
print('ready', flush=True)
while True: socket.send_fds(place.accept()[0], [b'x'], [given])`;

/** Says what a file in the directory holds whose descriptor somebody at PATH gives. */
const TAKER = `
import errno, os, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    _, given, _, _ = socket.recv_fds(s, 1, 1)
try: print(os.read(os.open('canary', os.O_RDONLY, dir_fd=given[0]), 99).decode().strip())
except OSError as failure: print(errno.errorcode[failure.errno])`;

/** Tries to put another in the place of the relay at PATH, then asks it COUNT times. */
const REPLACER = `
import errno, os, socket, sys
path, count = sys.argv[1], int(sys.argv[2])
def attempt(act):
    try: act(); return 'ok'
    except OSError as failure: return errno.errorcode[failure.errno]
def ask(_):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path); s.sendall(b'hello'); s.shutdown(socket.SHUT_WR)
        return s.recv(99).decode()
own = path + '.own'
print(attempt(lambda: os.unlink(path)), attempt(lambda: os.rename(path, own)), attempt(lambda: socket.socket(socket.AF_UNIX).bind(path)))
print(*sorted(set(map(ask, range(count)))))`;

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

describe.each(people)('as $label', (person) => {
  let host: ChildProcess;
  let world: World;
  let services: ChildProcess;
  let rows: ServiceRow[];
  let visits: () => Promise<string[]>;
  beforeAll(async () => {
    host = await holdNamespaces(SCRATCH_HOST, installed());
    world = await makeWorld(person, host.pid!);
    world.put(join(world.project, 'acts.py'), readFileSync(fixture('service-acts.py'), 'utf8'));
    const made = serviceRows(world);
    rows = made.rows;
    // Directories in the home are the person's.
    for (const address of made.services.keys())
      if (address.startsWith(world.root)) world.put(join(dirname(address), 'of-test'));
    const listening = [...made.services].map(([address, kind]) => [kind, address]);
    const enter = ['--target', String(host.pid), '--net', '--mount', '--'];
    services = spawn(
      'nsenter',
      [...enter, PYTHON, '-c', readFileSync(fixture('fake-services.py'), 'utf8'), JSON.stringify(listening)],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const told = createInterface({ input: services.stdout! })[Symbol.asyncIterator]();
    const untilSync = async (seen: string[] = []): Promise<string[]> => {
      const { value, done } = await told.next();
      if (done) throw new Error('the fake services have ended');
      const address = JSON.parse(value) as string | null;
      return address === null ? seen : untilSync([...seen, address]);
    };
    await untilSync();
    visits = async () => {
      services.stdin!.write('\n');
      return [...new Set(await untilSync())];
    };
  });
  afterAll(async () => {
    for (const child of [services, host]) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    world.dispose();
  });

  /** As the scratch host has it. */
  const onHost = (path: string) => `/proc/${host.pid}/root${path}`;
  /** Which of `reaches` were reached since the last call. */
  async function reached(reaches: readonly string[]): Promise<string[]> {
    const made = reaches.filter((path) => path.startsWith('/') && !['s', 'd'].includes(path) && isFile(path));
    for (const path of made) rmSync(onHost(path));
    return [...(await visits()), ...made];
  }
  const isFile = (path: string) => /^\/(var\/spool|mnt)\//.test(path) && existsSync(onHost(path));
  const ask = async (who: Actor, act: ServiceAct) => JSON.parse(await who.ask(JSON.stringify(act))) as string;

  test('the table has every row', () => {
    expect(rows.map(({ id }) => id)).toEqual(ROWS);
  });

  describe('on the host, without a boundary', () => {
    let outside: Actor;
    beforeAll(() => {
      outside = actor(world.start([PYTHON, 'acts.py'], { input: null }));
    });
    afterAll(() => outside.end());

    test.each(ROWS)('%s reaches its services', async (id) => {
      for (const { act, reaches } of rows.find((row) => row.id === id)!.attempts) {
        const answer = await ask(outside, act);
        if (act[0] !== 'run') expect([act, answer]).toEqual([act, 'ok']);
        expect([act, await reached(reaches)]).toEqual([act, reaches]);
      }
    });
  });

  describe.each(MODES)('in %s', (mode) => {
    let inside: Actor;
    beforeAll(() => {
      inside = actor(world.startInside([PYTHON, 'acts.py'], ['--mode', mode], { input: null }));
    });
    afterAll(() => inside.end());

    test.each(ROWS)('%s reaches nobody', async (id) => {
      for (const { act, inside: wanted, reaches } of rows.find((row) => row.id === id)!.attempts) {
        expect([act, await ask(inside, act)]).toEqual([act, wanted(mode)]);
        expect([act, await reached(reaches)]).toEqual([act, []]);
      }
    });
  });

  describe.each(MODES)('in %s', (mode) => {
    const inside = (argv: readonly string[], flags: readonly string[] = []) =>
      world.inside(argv, ['--mode', mode, ...flags]);

    test('I-08: a directory that somebody outside hands in opens nothing that is hidden', async () => {
      const socket = join(world.project, `x-${mode}.sock`);
      const giver = world.start([PYTHON, '-c', GIVER, socket, world.outside]);
      try {
        await once(giver.stdout!, 'data');
        expect((await inside([PYTHON, '-c', TAKER, socket])).stdout).toBe('EACCES\n');
        expect((await world.run([PYTHON, '-c', TAKER, socket])).stdout).toBe(`${CANARY}\n`);
      } finally {
        giver.kill('SIGKILL');
      }
    });

    test('I-17: a pipe in the project carries what the inside has, which no secret is', async () => {
      const secret = join(world.home, '.ssh/id_ed25519');
      const pipe = join(world.project, `pipe-${mode}`);
      await world.run(['mkfifo', pipe]);
      const say = ['sh', '-c', 'echo "got: $(cat "$1" 2>/dev/null)" > "$0"', pipe, secret];
      const heard = async (speak: Promise<unknown>) => {
        const reading = world.run(['cat', pipe]);
        await speak;
        return (await reading).stdout;
      };
      expect(await heard(inside(say))).toBe('got: \n');
      expect(await heard(world.run(say))).toBe(`got: ${CANARY}\n`);
    });

    test('I-19: shared memory and queues of System V are its own', async () => {
      const made = await world.run(['ipcmk', '-M', '4096', '-Q']);
      const [segment = '', queue = ''] = [...made.stdout.matchAll(/: (\d+)/g)].map(([, id]) => id!);
      try {
        const listed = async (ran: Promise<Ran>) =>
          [...(await ran).stdout.matchAll(/^0x\S+ +(\d+)/gm)].map(([, id]) => id!);
        expect(await listed(world.run(['ipcs', '-m', '-q']))).toEqual(
          expect.arrayContaining([segment, queue]),
        );
        // One that is made inside is seen there, and nowhere else.
        const script = 'ipcmk -M 8192 >&2; ipcs -m -q';
        expect(await listed(inside(['sh', '-c', script]))).toEqual(['0']);
        const left = await world.run(['ipcs', '-m']);
        expect(left.stdout).not.toMatch(/ 8192 /);
      } finally {
        await world.run(['ipcrm', '-m', segment, '-q', queue]);
      }
    });
  });

  test("I-08, I-18: Pinfold's relay hands nothing in, and nobody can take its place", async () => {
    const giving = await startService(world, `${world.outside}/giving`, 'descriptor');
    const echo = await startService(world, `${world.outside}/echo`);
    const flags = ['--allow-socket', giving.path, '--allow-socket', echo.path];
    try {
      expect((await world.inside(client(giving.path), flags)).stdout).toBe('1 take this\n');
      expect((await world.run(client(giving.path))).stdout).toBe('1 take this with a descriptor\n');
      const asked = (await world.inside([PYTHON, '-c', REPLACER, echo.path, '500'], flags)).stdout.split(
        '\n',
      );
      expect(asked).toEqual(['EROFS EROFS EADDRINUSE', 'heard 5 bytes: hello', '']);
      // The control, which takes the service's own place away.
      const control = await world.run([PYTHON, '-c', REPLACER, echo.path, '0']);
      expect(control.stdout).toMatch(/^ok ENOENT ok\n/);
    } finally {
      await giving.stop();
      await echo.stop();
    }
  });
});

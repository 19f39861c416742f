/**
 * Rows of the catalogue's class T, races against a supervisor that decides, that are no act on a file (those: act-races.test.ts).
 * PINFOLD_RACE_SECONDS above 1 makes them a hundred rounds (`npm run test:races`).
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lchownSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { compileFixture, finished, makeWorld, people, type World } from '../fixtures/world.ts';

const LONG = Number(process.env.PINFOLD_RACE_SECONDS ?? 1) > 1;
const ROUNDS = LONG ? 100 : 6;
const CONNECTIONS = LONG ? 20_000 : 500;
const TIMEOUT_MS = LONG ? 900_000 : 240_000;

interface Counts {
  readonly one: number;
  readonly other: number;
  readonly refused: number;
}

function countsIn(stdout: string): Counts {
  const [, one, other, refused] = /^one (\d+) other (\d+) refused (\d+)$/m.exec(stdout)!.map(Number);
  return { one: one!, other: other!, refused: refused! };
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let settings: string;
  const servers: Server[] = [];
  beforeAll(async () => {
    world = await makeWorld(person);
    settings = `${world.home}/.config/pinfold/settings.json`;
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    rmSync(settings, { force: true });
  });
  afterAll(() => world.dispose());

  /** A service of the host that counts its visits. */
  async function serve(at: string | number): Promise<{ readonly port: number; visits: () => number }> {
    let visits = 0;
    const server = createServer((socket) => {
      visits += 1;
      socket.on('error', () => {}).end();
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      if (typeof at === 'number') server.listen(at, '127.0.0.1', resolve);
      else server.listen(at, resolve);
    });
    if (typeof at === 'string') chmodSync(at, 0o777);
    const address = server.address();
    return { port: typeof address === 'object' ? address!.port : 0, visits: () => visits };
  }

  test('T-04: the address of a Unix socket that is rewritten leads to no service of the host', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const script = world.put(
      join(world.project, 'unix-race.py'),
      readFileSync(new URL('../fixtures/unix-race.py', import.meta.url), 'utf8'),
    );
    const bad = `${world.outside}/service`;
    const { visits } = await serve(bad);
    const argv = ['/usr/bin/python3', script, `${world.project}/good`, bad];
    const ran = await world.inside([...argv, String(CONNECTIONS)]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(countsIn(ran.stdout)).toMatchObject({ other: 0, one: expect.any(Number) });
    expect(countsIn(ran.stdout).one).toBeGreaterThan(0);
    expect(visits()).toBe(0);
    const control = await world.run([...argv, '2000']);
    expect(countsIn(control.stdout).other).toBeGreaterThan(0);
    expect(visits()).toBeGreaterThan(0);
  });

  test('T-05: the address of a connection that is rewritten leads to no port that is not open', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const race = join(world.project, 'connect-race');
    copyFileSync(await compileFixture('connect-race'), race);
    chmodSync(race, 0o755);
    const [open, shut] = [await serve(0), await serve(0)];
    world.put(settings, JSON.stringify({ sandbox: { localPorts: [open.port] } }));
    const argv = [race, '127.0.0.1', String(open.port), '127.0.0.1', String(shut.port)];
    const ran = await world.inside([...argv, String(CONNECTIONS)], ['--mode', 'standard']);
    expect(ran.code, ran.stderr).toBe(0);
    expect(countsIn(ran.stdout).one).toBeGreaterThan(0);
    expect([countsIn(ran.stdout).other, shut.visits()]).toEqual([0, 0]);
    const control = await world.run([...argv, '2000']);
    expect(countsIn(control.stdout).other).toBeGreaterThan(0);
    expect(shut.visits()).toBeGreaterThan(0);
  });

  test('T-10: while the one who decides gives no answer nothing passes, and nothing does when it never will', async () => {
    const guarded = `${world.project}/.vscode`;
    for (const end of ['SIGCONT', 'SIGKILL'] as const) {
      const script = 'echo ready; read line; mkdir made; mkdir .vscode; echo "over $?"';
      const child = world.startInside(['sh', '-c', script], [], { input: null });
      const ended = finished(child);
      let said = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      await expect.poll(() => said, { timeout: 60_000 }).toContain('ready');
      process.kill(child.pid!, 'SIGSTOP');
      child.stdin!.write('go\n');
      // The control: what nobody has to decide goes on.
      await expect.poll(() => existsSync(`${world.project}/made`), { timeout: 60_000 }).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect([existsSync(guarded), said.includes('over')]).toEqual([false, false]);
      process.kill(child.pid!, end);
      const { stdout } = await ended;
      // Killed, it may hear a moment before its own end that the one who decides has gone (ENOSYS).
      if (end === 'SIGCONT') expect(stdout).toContain('over 1');
      else expect(stdout).not.toContain('over 0');
      expect(existsSync(guarded)).toBe(false);
      rmSync(`${world.project}/made`, { recursive: true });
    }
  });

  test('T-11: a process that dies while it waits leaves its answer to nobody who has its number', {
    timeout: TIMEOUT_MS,
  }, async () => {
    // Four hundred numbers, so that each is used again within a second.
    const few = 'echo 400 > /proc/sys/kernel/pid_max && exec "$@"';
    const script = `for nth in $(seq ${LONG ? 3000 : 160}); do
        (exec mkdir .vscode 2>/dev/null) & victim=$!; echo $victim; kill -9 $victim
        mkdir free && rmdir free || echo failed
      done; wait`;
    const run = ['run', '--mode', 'strict', '--', 'bash', '-c', script];
    const argv = ['unshare', '-Urpf', '--mount-proc', 'sh', '-c', few, 'sh', ...pinfold(), ...run];
    const { code, stdout, stderr } = await world.run(argv);
    expect(code, stderr).toBe(0);
    expect(stdout).not.toContain('failed');
    // As they are counted inside: more than there are numbers outside.
    expect(Math.max(...stdout.trim().split('\n').map(Number))).toBeGreaterThan(400);
    expect(existsSync(`${world.project}/.vscode`)).toBe(false);
  });

  test('T-12: nobody asks out of a namespace of their own, since none can be made', async () => {
    const nested = ['unshare', '-Urpf', 'mkdir', 'nested'];
    const ran = await world.inside(nested);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/unshare failed: Operation not permitted/);
    expect(existsSync(`${world.project}/nested`)).toBe(false);
    expect((await world.run(nested)).code).toBe(0);
    rmSync(`${world.project}/nested`, { recursive: true });
  });

  test('T-13: a project exchanged for a link while a run starts is the one that was judged, or none', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const place = `${world.root}/place`;
    world.put(`${place}/.git/HEAD`, 'ref: refs/heads/main\n');
    const flip = () => {
      renameSync(place, `${place}.away`);
      symlinkSync(world.outside, place);
      lchownSync(place, person.uid, person.gid);
      setImmediate(() => {
        rmSync(place);
        renameSync(`${place}.away`, place);
      });
    };
    const timer = setInterval(flip, 7);
    // Where the link was judged, its target is the project, and `place` is no name inside.
    const argv = [
      'run',
      '--mode',
      'strict',
      '--project',
      place,
      '--',
      'sh',
      '-c',
      `echo x > ${place}/written; :`,
    ];
    for (let round = 0; round < ROUNDS; round++) await world.pinfold(argv, { cwd: world.root });
    clearInterval(timer);
    await expect.poll(() => existsSync(`${place}/.git`)).toBe(true);
    expect(existsSync(`${world.outside}/written`)).toBe(false);
    // The control: the link leads there for whoever follows it.
    renameSync(place, `${place}.away`);
    symlinkSync(world.outside, place);
    expect((await world.run(['touch', `${place}/followed`])).code).toBe(0);
    expect(existsSync(`${world.outside}/followed`)).toBe(true);
  });

  test('T-14: settings replaced while a run starts hold as a whole, the old ones or the new', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const version = (name: string) =>
      JSON.stringify({
        sandbox: {
          mode: 'strict',
          environment: { set: { VERSION: name } },
          allowedPaths: [{ path: `${world.root}/${name}`, mode: 'read' }],
        },
      });
    for (const name of ['one', 'two']) world.put(`${world.root}/${name}/file`, `${name}\n`);
    world.put(settings, version('one'));
    let flips = 0;
    const timer = setInterval(() => {
      flips += 1;
      world.put(`${settings}.next`, version(flips % 2 ? 'two' : 'one'));
      renameSync(`${settings}.next`, settings);
    }, 3);
    const seen: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const script = `echo $VERSION; cat ${world.root}/one/file ${world.root}/two/file 2>/dev/null; :`;
      seen.push((await world.pinfold(['run', '--', 'sh', '-c', script])).stdout);
    }
    clearInterval(timer);
    for (const said of seen) expect(['one\none\n', 'two\ntwo\n']).toContain(said);
    expect(flips).toBeGreaterThan(ROUNDS);
  });

  test('T-15: two runs that start in one project at once see no placeholder of each other and leave none', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const names = () => readdirSync(world.project).sort();
    const before = names();
    const script =
      'ls -A; for name in .mcp.json .vscode .idea .envrc; do [ -e $name ] && echo placeholder; done; :';
    for (let round = 0; round < ROUNDS; round++) {
      const runs = await Promise.all([world.shell(script), world.shell(script)]);
      for (const { stdout } of runs) expect(stdout.trim().split('\n').sort()).toEqual(before);
      expect(names()).toEqual(before);
    }
    // The control: a placeholder would be seen.
    world.put(`${world.project}/.mcp.json`, '{}\n');
    expect((await world.shell(script)).stdout).toContain('placeholder');
    rmSync(`${world.project}/.mcp.json`);
  });
});

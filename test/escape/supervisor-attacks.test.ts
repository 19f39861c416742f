/** Rows of the catalogue's attacks on what keeps the boundary, by their ids: it is found, knocked on and imitated by nobody inside. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { pinfold, spawnAs } from '../fixtures/as-user.ts';
import { until } from '../fixtures/host-tree.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { lastSession } from '../fixtures/session-events.ts';
import {
  CONTROL_CLIENT,
  HELPERS,
  MESSAGES,
  partsOf,
  SECRETS,
  STEERING,
  speaking,
} from '../fixtures/supervisor-attacks.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

const PYTHON = '/usr/bin/python3';
const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
/** What pid 1 of a sandbox is called, cut as the kernel does. */
const INIT = 'pinfold-launche';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(join(world.project, 'acts.py'), fixture('supervisor-acts.py'));
    world.put(join(world.home, '.config/pinfold/settings.json'), '{ "sandbox": {} }');
  });
  afterAll(() => world.dispose());

  const outside = () => speaking(world.start([PYTHON, 'acts.py'], { input: null }));

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

    test('M-01, M-02: no process of Pinfold is seen but the own first one, and none of the host can be signalled', async () => {
      const inside = start([]);
      expect(await inside.ask('processes')).toEqual({ 1: INIT });
      const host = Object.values(partsOf(inside.child.pid!));
      for (const pid of host) expect(await inside.ask('kill', pid, 0)).toBe('ESRCH');
      // The control.
      const beside = outside();
      const seen = await beside.ask('processes');
      for (const pid of host.slice(1)) expect(seen[pid]).toBe(INIT);
      for (const pid of host) expect(await beside.ask('kill', pid, 0)).toBe('ok');
      await beside.end();
    });

    test('M-03: signals from inside do nothing to the first process', async () => {
      const inside = start([]);
      for (const number of [1, 2, 3, 6, 9, 10, 11, 15, 19, 20])
        expect([number, await inside.ask('kill', 1, number)]).toEqual([number, 'ok']);
      expect(await inside.ask('processes')).toEqual({ 1: INIT });
      await inside.end();
      expect((await inside.ended).code).toBe(0);
      // The control: from outside, one of them ends the session.
      const other = start([]);
      await other.ask('processes');
      const beside = outside();
      expect(await beside.ask('kill', partsOf(other.child.pid!).init, 9)).toBe('ok');
      expect((await other.ended).code).not.toBe(0);
      await beside.end();
    });

    test('M-04, M-05: no socket of Pinfold answers, and no file of it can be changed', async () => {
      const inside = start([]);
      await inside.ask('processes');
      const session = lastSession(world);
      const control = join(session, 'control');
      await until(() => existsSync(control));
      const settings = join(world.home, '.config/pinfold/settings.json');
      const files = [settings, session, join(session, 'events.jsonl'), join(session, 'session.json')];
      const before = files.slice(2).map((file) => readFileSync(file, 'utf8'));
      for (const file of [...files, '/run/pinfold/events.jsonl', '/run/pinfold'])
        for (const answer of await inside.ask('change', file))
          expect([file, answer]).toEqual([file, expect.stringMatching(/^E(ACCES|ROFS|NOENT|ISDIR|BUSY)$/)]);
      for (const name of [join(dirname(settings), 'more'), join(session, 'more'), '/run/pinfold/more'])
        expect([name, await inside.ask('make', name)]).toEqual([
          name,
          expect.stringMatching(/^E(ACCES|ROFS|NOENT)$/),
        ]);
      for (const answer of await inside.ask('connect', control))
        expect(answer).toMatch(/^E(ACCES|NOENT|CONNREFUSED)$/);
      // With the first refusal there is the one place where a grant can be asked for: requests.test.ts.
      expect(await inside.ask('make', join(world.project, '.mcp.json'))).toBe('EACCES');
      const places = ['/run', '/tmp', '/var/tmp', '/dev/shm', world.project, world.home];
      await expect.poll(() => inside.ask('sockets', ...places)).toEqual(['/run/pinfold/request']);
      expect(readFileSync(settings, 'utf8')).toBe('{ "sandbox": {} }');
      const after = files.slice(2).map((file) => readFileSync(file, 'utf8'));
      expect(after.map((text, at) => text.startsWith(before[at]!))).toEqual([true, true]);
      // The control: what is no file of Pinfold can be changed, and so can these on the host.
      expect(await inside.ask('make', '/run/more')).toBe('ok');
      const beside = outside();
      expect(await beside.ask('connect', control)).toEqual(['ok', 'EPROTOTYPE']);
      await inside.end();
      for (const file of [settings, join(session, 'session.json'), join(session, 'events.jsonl')])
        expect([file, await beside.ask('change', file)]).toEqual([file, ['ok', 'ok', 'ok', 'ok']]);
      expect(await beside.ask('make', join(session, 'more'))).toBe('ok');
      world.put(settings, '{ "sandbox": {} }');
      await beside.end();
    });

    test('M-06, M-07: no secret and nothing that steers a program or names a service is in the environment', async () => {
      const given = { ...SECRETS, ...STEERING };
      const environment = await start([], given).ask('environment');
      expect(
        Object.keys(given).filter((name) => environment[name] === (given as typeof SECRETS)[name]),
      ).toEqual([]);
      expect(Object.keys(environment).filter((name) => name in SECRETS)).toEqual([]);
      // The control.
      const lines = (await world.run(['env', '-0'], { env: given })).stdout.split('\0');
      for (const [name, value] of Object.entries(given)) expect(lines).toContain(`${name}=${value}`);
    });

    test('M-08: no program is looked for where the project may have put one', async () => {
      const places = ['.', 'bin', 'node_modules/.bin', '.venv/bin'];
      const marks = join(world.root, `ran-${mode}`);
      world.put(join(marks, 'x'));
      const script = '#!/bin/sh\necho x > "$MARKS/$(/usr/bin/basename "$0")"\n';
      const plant = `for d in ${places.join(' ')}; do mkdir -p $d; for n in ${HELPERS.join(' ')}; do printf '%s' "$1" > $d/$n; chmod 755 $d/$n; done; done`;
      expect(await world.inside(['sh', '-c', plant, 'sh', script], ['--mode', mode])).toMatchObject({
        code: 0,
      });
      const path = [...places.map((place) => join(world.project, place)), '.', world.env.PATH].join(':');
      const env = { PATH: path, MARKS: marks };
      const words = [
        ['run', '--mode', mode, '--limit', 'memory=1GiB', '--', 'sh', '-c', 'git --version'],
        ['policy'],
        ['status'],
      ];
      for (const each of words) expect([each, (await world.pinfold(each, { env })).code]).toEqual([each, 0]);
      expect(readdirSync(marks)).toEqual(['x']);
      // The control: a shell of the host finds each of them.
      await world.run(['/bin/sh', '-c', HELPERS.join('; ')], { env });
      expect(readdirSync(marks).sort()).toEqual([...HELPERS, 'x'].sort());
      for (const place of places.slice(1)) rmSync(join(world.project, place), { recursive: true });
      for (const name of HELPERS) rmSync(join(world.project, name));
    });

    test('M-13: no descriptor of Pinfold, or of its caller, is handed down', async () => {
      const held = world.put(join(world.root, 'held'));
      const holding = ['sh', '-c', 'exec "$@" 3<>"$0" 4<>"$0" 5<>"$0" 6<>"$0" 9<>"$0"', held];
      const run = [...pinfold(), 'run', '--mode', mode, '--', PYTHON, 'acts.py'];
      const inside = speaking(world.start([...holding, ...run], { input: null }));
      expect(Object.keys(await inside.ask('descriptors')).sort()).toEqual(['0', '1', '2']);
      for (let number = 3; number < 32; number += 1)
        expect([number, await inside.ask('write-descriptor', number, 'x')]).toEqual([number, 'EBADF']);
      await inside.end();
      expect([(await inside.ended).code, readFileSync(held, 'utf8')]).toEqual([0, '']);
      // The control.
      const free = speaking(world.start([...holding, PYTHON, 'acts.py'], { input: null }));
      expect(Object.keys(await free.ask('descriptors'))).toEqual(
        expect.arrayContaining(['3', '4', '5', '6', '9']),
      );
      expect([await free.ask('write-descriptor', 3, 'x'), readFileSync(held, 'utf8')]).toEqual([1, 'x']);
      await free.end();
    });

    test('M-18: the control socket takes what is bounded and makes sense, of the person alone', async () => {
      const inside = start([]);
      await inside.ask('processes');
      const path = join(lastSession(world), 'control');
      await until(() => existsSync(path));
      const client = [PYTHON, '-c', CONTROL_CLIENT, path, JSON.stringify(MESSAGES.map(({ sent }) => sent))];
      const ran = await world.run(client);
      expect(ran.stdout.trimEnd().split('\n')).toEqual(MESSAGES.map(({ answers }) => answers.join(' ')));
      expect(await inside.ask('processes')).toEqual({ 1: INIT });
      // Another user reaches nobody.
      const nobody = { label: 'nobody', name: 'nobody', uid: 65_534, gid: 65_534, home: '/' };
      const other = await finished(spawnAs(nobody, client, { cwd: '/', stdio: 'pipe' }));
      expect([other.code, other.stdout, other.stderr]).toEqual([
        1,
        '',
        expect.stringContaining('PermissionError'),
      ]);
    });
  });
});

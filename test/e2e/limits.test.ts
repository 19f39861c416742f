/** Limits: what exceeds one is stopped and told, and the same work within it succeeds. */
import { once } from 'node:events';
import { chmodSync, copyFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { library } from '../fixtures/library.ts';
import { onTerminal, sandboxed } from '../fixtures/terminal.ts';
import { compileFixture, finished, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('memory beyond the limit is not given', async () => {
    const argv = ['python3', '-c', 'x = bytearray(400 << 20); print(len(x) >> 20)'];
    expect(await world.inside(argv, ['--limit', 'memory=1GiB'])).toMatchObject({ code: 0, stdout: '400\n' });
    const ran = await world.inside(argv, ['--limit', 'memory=200MiB']);
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toContain('MemoryError');
  });

  test('processes that use more memory together than the limit are ended, and the limit is named', async () => {
    const script = `import os, sys
for i in range(4):
    if os.fork() == 0:
        x = bytearray(40 << 20)
        os.write(1, b'.')
        sys.stdin.read()
        os._exit(0)
for i in range(4):
    if os.wait()[1]:
        os.kill(os.getpid(), 9)
`;
    const argv = ['python3', '-c', script];
    const within = await world.inside(argv, ['--limit', 'memory=1GiB'], { input: '' });
    expect(within).toMatchObject({ code: 0, stdout: '....' });
    const started = world.startInside(argv, ['--limit', 'memory=100MiB'], { input: null });
    const ran = await finished(started);
    expect(ran.code).toBe(137);
    // Where a control group holds it the kernel kills one of them, and the rest would wait for their input.
    expect(ran.stderr).toMatch(/(more than|beyond) memory, 100 MiB \(--limit memory=100MiB\)/);
  });

  test('processor time beyond the limit is not given, and the limit is named', async () => {
    const spin = 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo done';
    expect(await world.shell(spin, ['--limit', 'cpuTime=30s'])).toMatchObject({ code: 0, stdout: 'done\n' });
    const ran = await world.shell('while :; do :; done', ['--limit', 'cpuTime=1s']);
    // SIGXCPU of the process itself, or SIGKILL of the session: what is measured first.
    expect([128 + 24, 128 + 9]).toContain(ran.code);
    expect(ran.stderr).toContain('cpuTime, 1 s (--limit cpuTime=1s)');
  });

  test('what is written to private temporary places does not grow beyond the limit', async () => {
    const write =
      'for d in /tmp /var/tmp /dev/shm; do head -c 2000000 /dev/zero > $d/big; stat -c %s $d/big; done';
    const within = await world.shell(write, ['--limit', 'temporaryFiles=4MiB']);
    expect(within).toMatchObject({ stdout: '2000000\n'.repeat(3) });
    const ran = await world.shell(write, ['--limit', 'temporaryFiles=1MiB']);
    expect(ran.stdout).toBe('1048576\n'.repeat(3));
    expect(ran.stderr).toContain('No space left on device');
  });

  test('the signal of a file that grew too large names the limit', async () => {
    const argv = ['head', '-c', '2000000', '/dev/zero'];
    const into = ['sh', '-c', 'exec "$@" > big', 'sh', ...argv];
    expect(await world.inside(into, ['--limit', 'fileSize=4MiB'])).toMatchObject({ code: 0, stderr: '' });
    const ran = await world.inside(into, ['--limit', 'fileSize=1MiB']);
    expect(ran.code).toBe(128 + 25);
    expect(ran.stderr).toContain('beyond fileSize, 1 MiB (--limit fileSize=1MiB)');
  });

  test('a sandbox of the library tells which limit a command exceeded', async () => {
    const told = await library(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict', limits: { fileSize: '1MiB' } });
       const told = [];
       sandbox.on('limit', ({ limit, value, by, consequence }) => told.push([limit, value, by, consequence]));
       const write = (size) => sandbox.run('sh', ['-c', 'exec head -c "$0" /dev/zero > big', String(size)]);
       const within = await write(1000);
       const before = told.length;
       report([within.exitCode, before, (await write(2000000)).signal, told]);`,
    );
    expect(told).toEqual([0, 0, 'SIGXFSZ', [['fileSize', 1048576, 'rlimit', 'killed']]]);
  });

  describe('what is written to the output', () => {
    const bytes = (count: number) =>
      `head -c ${count} /dev/zero | tr '\\0' x; head -c 1000 /dev/zero | tr '\\0' y >&2`;

    test('ends the session beyond the limit, of which nothing more is passed on; within it nothing is lost', async () => {
      const within = await world.shell(bytes(300_000), ['--limit', 'output=301000B', '--quiet']);
      expect(within).toEqual({ code: 0, stdout: 'x'.repeat(300_000), stderr: 'y'.repeat(1000) });
      const beyond = await world.shell(`${bytes(2_000_000)}`, ['--limit', 'output=300000B']);
      expect([beyond.code, beyond.stdout]).toEqual([137, 'x'.repeat(300_000)]);
      expect(beyond.stderr).toContain('its commands wrote more than output, ');
      expect(beyond.stderr).toContain('(--limit output=300000B)');
    });

    test('goes to files too, and the status says that it is a relay which keeps it', async () => {
      const script = `"$@" > out 2> errors; stat -c %s out; cat errors; rm out errors`;
      const argv = [...pinfold(), 'run', '--json', '--limit', 'output=5000B', '--', 'sh', '-c', bytes(4000)];
      const ran = await world.run(['sh', '-c', script, 'sh', ...argv]);
      const [size, ...rest] = ran.stdout.split('\n');
      expect(size).toBe('4000');
      expect(JSON.parse(rest.join('\n').replace(/^y*/, '')).enforcement).toContainEqual({
        mechanism: 'limits.output',
        state: 'full',
        note: 'a relay of Pinfold outside',
      });
    });

    test('on a terminal is not counted, which is said', async () => {
      const argv = sandboxed(['head', '-c', '3000', '/dev/zero'], ['--json', '--limit', 'output=1000B']);
      const screen = await onTerminal(world, argv, []);
      expect(screen.code).toBe(0);
      expect(screen.transcript).toContain('not counted: what is written to a terminal');
    });

    test('of a detached session and of commands beside it is counted together', async () => {
      const flags = ['--detach', '--limit', 'output=10B'];
      const started = await world.inside(['sh', '-c', 'printf 12345678; exec sleep 60'], flags);
      const id = started.stdout.trim();
      const looking = world.start([...pinfold(), 'attach', '--session', id], { input: '' });
      const looked = finished(looking);
      await once(looking.stdout!, 'data');
      const exec = (text: string) => world.pinfold(['exec', '--session', id, '--', 'printf', text]);
      expect(await exec('9')).toMatchObject({ code: 0, stdout: '9' });
      expect((await exec('abcdefgh')).code).toBe(137);
      expect(await looked).toMatchObject({ code: 137, stdout: '12345678' });
    });

    test('of a sandbox of the library ends it', async () => {
      const told = await library(
        world,
        `const sandbox = await createSandbox({ mode: 'strict', limits: { output: '10KiB' } });
         const told = [];
         sandbox.on('limit', ({ limit, by, consequence }) => told.push([limit, by, consequence]));
         const small = await sandbox.run('head', ['-c', '4000', '/dev/zero']);
         const large = await sandbox.run('sh', ['-c', 'head -c 10000 /dev/zero; exec sleep 60']);
         report([small.stdout.length, large.stdout.length, large.signal, large.outputExceeded, told]);`,
      );
      expect(told).toEqual([4000, 6240, 'SIGKILL', true, [['output', 'relay', 'ended']]]);
    });
  });

  describe('what private places hold on a disk', () => {
    const write = (place: string, then = '') => `head -c 8000000 /dev/urandom > ${place}/big; ${then}`;
    const limited = ['--limit', 'disk=4MiB'];

    test('ends the session beyond the limit, of which what was there before is a part', async () => {
      const within = await world.shell(`${write('~')} rm ~/big; echo done`, ['--limit', 'disk=64MiB']);
      expect(within).toMatchObject({ code: 0, stdout: 'done\n', stderr: '' });
      const beyond = await world.shell(write('~', 'exec sleep 60'), limited);
      expect(beyond.code).toBe(137);
      expect(beyond.stderr).toMatch(
        /its private places hold more than disk, 4 MiB \(--limit disk=4MiB\): ~\/\.local\/share\/pinfold\/\S+ holds [\d.]+ MiB/,
      );
      const again = await world.inside(['sleep', '60'], limited);
      expect([again.code, again.stderr.includes('more than disk, 4 MiB')]).toEqual([137, true]);
      expect(await world.shell('rm ~/big')).toMatchObject({ code: 0, stderr: '' });
    });

    test.each(['000', '600'])(
      'ends it too where it cannot be looked into (%s), which root always can',
      async (mode) => {
        const script = `mkdir ~/shut; touch ~/shut/in; chmod ${mode} ~/shut; while [ ! -e go ]; do sleep 0.05; done`;
        const started = world.startInside(['sh', '-c', script], limited);
        const ended = finished(started);
        if (person.uid === 0) world.put(`${world.project}/go`);
        const ran = await ended;
        expect(ran.code).toBe(person.uid === 0 ? 0 : 137);
        if (person.uid !== 0) expect(ran.stderr).toMatch(/disk=4MiB\): ~\/\S+\/shut cannot be looked into/);
        expect((await world.shell('chmod 700 ~/shut; rm -r ~/shut; rm -f go')).code).toBe(0);
      },
    );

    test('is measured while it changes, and never by way of a link', async () => {
      const script =
        'for i in $(seq 400); do mkdir -p ~/d/e/f; rm -r ~/d; ln -s / ~/d; rm ~/d; done; ln -s / ~/d; sleep 0.5; rm ~/d; echo done';
      expect(await world.shell(script, limited)).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    });

    test('without namespaces is the temporary directory too', async () => {
      const filter = `${world.root}/bin/refuse-namespaces`;
      copyFileSync(await compileFixture('refuse-namespaces'), filter);
      chmodSync(filter, 0o755);
      const run = (script: string, flags: readonly string[]) => {
        const weaker = ['--mode', 'standard', '--net', 'none', '--accept-weaker', ...flags];
        return world.run([filter, '1', ...pinfold(), 'run', ...weaker, '--', 'sh', '-c', script]);
      };
      expect((await run(write('$TMPDIR'), ['--limit', 'disk=64MiB'])).code).toBe(0);
      const beyond = await run(write('$TMPDIR', 'exec sleep 60'), limited);
      expect(beyond.code).toBe(137);
      expect(beyond.stderr).toMatch(/\/tmp-\w+ holds [\d.]+ MiB/);
    });

    test('is told by the library, and by the status what that is worth', async () => {
      const told = await library(
        world,
        `const sandbox = await createSandbox({ mode: 'strict', limits: { disk: '4MiB' } });
         const { state } = sandbox.status.enforcement.find(({ mechanism }) => mechanism === 'limits.disk');
         const told = once(sandbox, 'limit');
         const ran = sandbox.run('sh', ['-c', 'head -c 8000000 /dev/urandom > ~/big; exec sleep 60']);
         const [{ limit, by, consequence, found }] = await told;
         const { signal } = await ran;
         await using open = await createSandbox({ mode: 'permissive', limits: { disk: '4MiB' } });
         const none = open.status.enforcement.find(({ mechanism }) => mechanism === 'limits.disk');
         report([state, limit, by, consequence, found.bytes > 4 << 20, signal, none.state]);`,
      );
      expect(told).toEqual(['partial', 'disk', 'watchdog', 'ended', true, 'SIGKILL', 'none']);
      expect((await world.shell('rm ~/big')).code).toBe(0);
    });
  });

  test('the status says what keeps each limit, and what that is worth', async () => {
    const flags = ['--json', ...['openFiles=64', 'wallTime=1h'].flatMap((limit) => ['--limit', limit])];
    const ran = await world.inside(['sh', '-c', 'ulimit -n'], flags);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^64\n/) });
    const said = JSON.parse(`${ran.stdout}${ran.stderr}`.split('\n').find((line) => line.startsWith('{'))!);
    const limits = said.enforcement.filter(({ mechanism }: { mechanism: string }) =>
      mechanism.startsWith('limits.'),
    );
    expect(limits).toEqual([
      { mechanism: 'limits.openFiles', state: 'full', note: 'RLIMIT_NOFILE, for each process' },
      { mechanism: 'limits.wallTime', state: 'full', note: 'a clock of Pinfold outside' },
    ]);
  });

  test('a command that runs too long is ended, and the limit is named', async () => {
    expect(await world.shell('sleep 0.1; echo done', ['--limit', 'wallTime=30s'])).toMatchObject({
      code: 0,
      stdout: 'done\n',
    });
    const ran = await world.inside(['sleep', '60'], ['--limit', 'wallTime=1s']);
    expect(ran.code).toBe(143);
    expect(ran.stderr).toContain('it ran longer than wallTime, 1 s');
  });

  test('a file does not grow beyond the limit', async () => {
    const write = 'head -c 2000000 /dev/zero > big; stat -c %s big';
    expect(await world.shell(write, ['--limit', 'fileSize=4MiB'])).toMatchObject({ stdout: '2000000\n' });
    expect(await world.shell(write, ['--limit', 'fileSize=1MiB'])).toMatchObject({ stdout: '1048576\n' });
  });

  test('more processes than the limit are not made; those of root, whom the kernel exempts, end the session', async () => {
    const fork = (seconds: number) =>
      `i=0; while [ $i -lt 30 ]; do sleep ${seconds} & i=$((i+1)); done; wait; echo all`;
    expect(await world.shell(fork(0), ['--limit', 'processes=200'])).toMatchObject({
      code: 0,
      stdout: 'all\n',
    });
    const ran = await world.shell(fork(60), ['--limit', 'processes=10']);
    expect(ran.stdout).toBe('');
    const refused = /Cannot fork|processes, 10 \(--limit processes=10\)/;
    expect(ran.stderr).toMatch(person.uid === 0 ? /processes, 10 \(--limit processes=10\)/ : refused);
  });
});

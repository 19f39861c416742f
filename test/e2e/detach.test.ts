/** Detached sessions: they go on without whoever started them, and are looked at, typed into and ended by others. */
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { alive, childrenOf, mountsOf, processesWith, treeOf, until } from '../fixtures/host-tree.ts';
import { lastEvents } from '../fixtures/session-events.ts';
import { onTerminal, sandboxed } from '../fixtures/terminal.ts';
import { compileFixture, finished, makeWorld, people, type World } from '../fixtures/world.ts';

/** Pinfold's own state. */
const OWN = ['.local', '.cache', '.config'];

interface Record {
  readonly pinfold: { readonly pid: number };
  readonly launcher: { readonly pid: number };
  readonly ending?: unknown;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  // Whatever a failed test left goes on otherwise.
  afterAll(async () => {
    const { sessions } = JSON.parse((await world.pinfold(['sessions', '--json'])).stdout);
    for (const { id } of sessions) await world.pinfold(['stop', id, '--after', '0s']);
    world.dispose();
  });

  const directoryOf = (id: string): string => join(world.home, '.local/state/pinfold/sessions', id);
  const recordOf = (id: string): Record =>
    JSON.parse(readFileSync(join(directoryOf(id), 'session.json'), 'utf8'));

  async function detached(argv: readonly string[], flags: readonly string[] = []): Promise<string> {
    const { code, stdout, stderr } = await world.inside(argv, ['--detach', ...flags]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^[0-9a-z]{13}\n$/);
    return stdout.trim();
  }
  const attach = (id: string, flags: readonly string[] = [], input: string | null = '') =>
    world.start([...pinfold(), 'attach', '--session', id, ...flags], { input });
  const attached = (id: string, flags: readonly string[] = [], input = '') =>
    finished(attach(id, flags, input));
  const isLive = async (id: string): Promise<boolean> =>
    (await world.pinfold(['sessions'])).stdout.includes(id);

  test('it goes on, what it said is kept, and its end reaches whoever looks, then and later', async () => {
    const script =
      'echo one; echo two >&2; while [ ! -e go ]; do sleep 0.05; done; rm go; echo three; exit 3';
    const id = await detached(['sh', '-c', script]);
    const sessions = JSON.parse((await world.pinfold(['sessions', '--json'])).stdout).sessions;
    expect(sessions).toMatchObject([{ id, detached: { input: 'none' }, answers: true }]);
    const looking = attach(id);
    const looked = finished(looking);
    await once(looking.stdout!, 'data');
    world.put(join(world.project, 'go'));
    expect(await looked).toEqual({ code: 3, stdout: 'one\nthree\n', stderr: 'two\n' });
    await until(() => recordOf(id).ending !== undefined);
    expect(recordOf(id).ending).toEqual({ kind: 'exited', code: 3 });
    expect(await attached(id)).toEqual({ code: 3, stdout: 'one\nthree\n', stderr: 'two\n' });
    expect(await attached(id, ['--no-history'])).toEqual({ code: 3, stdout: '', stderr: '' });
    expect(lastEvents(world).map(({ kind }) => kind)).toEqual(['started', 'attached', 'detached', 'ended']);
    expect((await world.pinfold(['log', 'verify', id])).code).toBe(0);
  });

  test('several look at a time, from now on or from what was kept, and all of them may leave', async () => {
    const id = await detached([
      'sh',
      '-c',
      'echo one; while [ ! -e go ]; do sleep 0.05; done; rm go; echo two',
    ]);
    const [all, later, leaving] = [attach(id), attach(id, ['--no-history']), attach(id)];
    const ends = [all, later, leaving].map(finished);
    await Promise.all([all, leaving].map((each) => once(each.stdout!, 'data')));
    leaving.kill('SIGINT');
    expect(await ends[2]).toEqual({ code: 130, stdout: 'one\n', stderr: '' });
    await until(() => lastEvents(world).filter(({ kind }) => kind === 'attached').length === 3);
    world.put(join(world.project, 'go'));
    expect(await Promise.all(ends.slice(0, 2))).toEqual([
      { code: 0, stdout: 'one\ntwo\n', stderr: '' },
      { code: 0, stdout: 'two\n', stderr: '' },
    ]);
  });

  test('its input is nothing, or that of whoever attaches', async () => {
    const empty = await detached(['wc', '-c']);
    await until(() => recordOf(empty).ending !== undefined);
    expect(await attached(empty)).toEqual({ code: 0, stdout: '0\n', stderr: '' });
    const open = await detached(['wc', '-c'], ['--stdin', 'pipe']);
    const looking = attach(open, ['--no-stdin']);
    const looked = finished(looking);
    expect(await attached(open, [], 'x'.repeat(300_000))).toEqual({
      code: 0,
      stdout: '300000\n',
      stderr: '',
    });
    expect((await looked).stdout).toBe('300000\n');
  });

  test('the most of it is forgotten, and the last is not', async () => {
    const id = await detached(['sh', '-c', 'seq 1 1000000']);
    await until(() => recordOf(id).ending !== undefined);
    const kept = readdirSync(directoryOf(id)).filter((name) => name.startsWith('output'));
    const bytes = kept.reduce((sum, name) => sum + statSync(join(directoryOf(id), name)).size, 0);
    expect(bytes).toBeLessThanOrEqual(1024 * 1024);
    const modes = kept.map((name) => statSync(join(directoryOf(id), name)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600]);
    const { stdout } = await attached(id);
    expect(stdout.length).toBeGreaterThan(500_000);
    expect(stdout.endsWith('\n999999\n1000000\n')).toBe(true);
  });

  test('whoever looks and does not read holds it up, and no longer than they look', async () => {
    const id = await detached([
      'sh',
      '-c',
      'while [ ! -e go ]; do sleep 0.05; done; rm go; seq 1 3000000; touch done',
    ]);
    const looking = attach(id);
    const gone = once(looking, 'exit');
    await until(() => lastEvents(world).some(({ kind }) => kind === 'attached'));
    world.put(join(world.project, 'go'));
    await once(looking.stdout!, 'readable');
    expect(existsSync(join(world.project, 'done'))).toBe(false);
    looking.kill('SIGKILL');
    await gone;
    await until(() => recordOf(id).ending !== undefined);
    expect(existsSync(join(world.project, 'done'))).toBe(true);
    rmSync(join(world.project, 'done'));
  });

  test('stop asks its command to end, and then ends it', async () => {
    const script = (trap: string) => [
      'sh',
      '-c',
      `trap "${trap}" TERM; echo up; while :; do sleep 0.05; done`,
    ];
    const gentle = await detached(script('echo asked; exit 5'));
    const looking = attach(gentle);
    const looked = finished(looking);
    await once(looking.stdout!, 'data');
    expect((await world.pinfold(['stop', gentle])).stdout).toBe(`Session ${gentle} has ended: exit 5\n`);
    expect(await looked).toMatchObject({ code: 5, stdout: 'up\nasked\n' });
    const deaf = await detached(script(''));
    const watching = attach(deaf);
    const watched = finished(watching);
    await once(watching.stdout!, 'data');
    const stopped = await world.pinfold(['stop', deaf, '--after', '0s']);
    expect(stopped.stdout).toBe(`Session ${deaf} has ended: signal 9\n`);
    expect(await watched).toMatchObject({ code: 137, stdout: 'up\n' });
    expect(await attached(deaf)).toMatchObject({ code: 137, stdout: 'up\n' });
  });

  test('a limit on its time is told to its command, and kept', async () => {
    const script = 'trap "echo late; exit 5" TERM; while :; do sleep 0.05; done';
    const id = await detached(['sh', '-c', script], ['--limit', 'wallTime=1s']);
    expect(await attached(id)).toMatchObject({ code: 5, stdout: 'late\n' });
    await until(() => recordOf(id).ending !== undefined);
    expect(lastEvents(world)).toContainEqual(expect.objectContaining({ kind: 'limit', limit: 'wallTime' }));
  });

  test('what is refused is recorded while nobody looks', async () => {
    const id = await detached(['sh', '-c', 'touch .git/hooks/pre-commit; touch allowed']);
    await until(() => recordOf(id).ending !== undefined);
    expect((await attached(id)).stderr).toContain("cannot touch '.git/hooks/pre-commit'");
    expect(existsSync(join(world.project, 'allowed'))).toBe(true);
    rmSync(join(world.project, 'allowed'));
    expect((await world.pinfold(['violations', '--session', id])).stdout).toContain('.git/hooks/pre-commit');
  });

  test('what cannot be started is said to whoever starts it', async () => {
    const missing = await world.inside(['nonesuch'], ['--detach']);
    expect([missing.code, missing.stdout]).toEqual([127, '']);
    expect(missing.stderr).toContain('command not found: nonesuch');
    const invalid = await world.inside(['true'], ['--detach', '--limit', 'memory=much']);
    expect([invalid.code, invalid.stdout]).toEqual([125, '']);
    expect(invalid.stderr).toContain('ERR_USAGE');
    const asking = await world.inside(['true'], ['--detach', '--ask']);
    expect(asking.stderr).toContain('a detached session has nobody to ask');
    const alone = await world.inside(['true'], ['--stdin', 'pipe']);
    expect(alone.stderr).toContain('--stdin is for a detached command');
    const machine = await world.inside(['true'], ['--detach', '--json']);
    expect(JSON.parse(machine.stdout)).toEqual({ session: expect.stringMatching(/^[0-9a-z]{13}$/) });
  });

  test('a reader that goes away ends the looking alone', async () => {
    const id = await detached(['sh', '-c', 'while [ ! -e go ]; do echo y; done; rm go']);
    const line = `set -o pipefail; ${[...pinfold(), 'attach', '--session', id].map((word) => `'${word}'`).join(' ')} | head -n 1`;
    expect(await world.run(['bash', '-c', line])).toEqual({ code: 141, stdout: 'y\n', stderr: '' });
    expect(await isLive(id)).toBe(true);
    world.put(join(world.project, 'go'));
    expect((await attached(id)).code).toBe(0);
  });

  test('without namespaces it is the same, but for a terminal', async () => {
    const filter = join(world.root, 'bin/refuse-namespaces');
    copyFileSync(await compileFixture('refuse-namespaces'), filter);
    chmodSync(filter, 0o755);
    const start = (flags: readonly string[]) => {
      const weaker = ['--mode', 'strict', '--accept-weaker', '--quiet', '--detach', ...flags];
      return world.run([
        filter,
        '1',
        ...pinfold(),
        'run',
        ...weaker,
        '--',
        'sh',
        '-c',
        'cat; echo done; exit 3',
      ]);
    };
    const { code, stdout } = await start([]);
    expect(code).toBe(0);
    expect(await attached(stdout.trim())).toMatchObject({ code: 3, stdout: 'done\n' });
    const refused = await start(['--stdin', 'terminal']);
    expect([refused.code, refused.stdout]).toEqual([125, '']);
    expect(refused.stderr).toContain('Cannot give a detached command a terminal of its own');
  });

  test('a session that is not detached cannot be attached to', async () => {
    const session = world.startInside(['sh', '-c', 'echo up; exec sleep 1000']);
    await once(session.stdout!, 'data');
    const id = JSON.parse((await world.pinfold(['sessions', '--json'])).stdout).sessions[0].id;
    const { code, stderr } = await attached(id);
    expect([code, /ERR_NOT_DETACHED/.test(stderr)]).toEqual([125, true]);
    const latest = await world.pinfold(['attach']);
    expect([latest.code, latest.stderr.includes('There is no detached session')]).toEqual([125, true]);
    const ended = finished(session);
    session.kill('SIGKILL');
    await ended;
  });

  describe('pinfold exec', () => {
    const exec = (id: string, argv: readonly string[], flags: readonly string[] = []) =>
      world.pinfold(['exec', '--session', id, ...flags, '--', ...argv]);

    test('--detach leaves a command to the session, and says when it could not be started', async () => {
      const id = await detached(['sleep', '1000']);
      const marker = `${world.root}/marked-exec`;
      const loop = ['sh', '-c', 'while :; do sleep 0.1; done', marker];
      const silent = { code: 0, stdout: '', stderr: '' };
      expect(await exec(id, loop, ['--detach'])).toEqual(silent);
      expect(await exec(id, ['sh', '-c', 'cat; echo unheard'], ['--detach', '--read-only'])).toEqual(silent);
      expect((await exec(id, ['nonesuch'], ['--detach'])).code).toBe(127);
      // Its connection has ended: one that is not detached would have been hung up.
      expect((await exec(id, ['true'])).code).toBe(0);
      expect(processesWith(marker).length).toBeGreaterThan(0);
      await world.pinfold(['stop', id]);
      await until(() => processesWith(marker).length === 0);
    });

    test('is no success when the session is killed', async () => {
      const id = await detached(['sleep', '1000']);
      const command = [...pinfold(), 'exec', '--session', id, '--', 'sh', '-c', 'echo up; exec sleep 1000'];
      const child = world.start(command, { input: null });
      const ended = finished(child);
      await once(child.stdout!, 'data');
      process.kill(recordOf(id).pinfold.pid, 'SIGKILL');
      const { code, stderr } = await ended;
      expect([code, stderr.includes('ERR_SESSION_UNREACHABLE')]).toEqual([125, true]);
    });
  });

  describe('on a terminal', () => {
    const start = (argv: readonly string[]) =>
      onTerminal(world, sandboxed(argv, ['--mode', 'strict', '--detach', '--quiet']), [
        { expect: '[0-9a-z]{13}' },
      ]);
    const look = [...pinfold(), 'attach'];

    test('it has one of its own; keys reach it, sizes follow, Control-\\ twice leaves it as it was', async () => {
      const started = await start(['env', 'PS1=prompt> ', 'bash', '--norc', '-i']);
      const id = started.transcript.trim();
      expect([started.code, started.modesKept, id.length]).toEqual([0, true, 13]);
      const first = await onTerminal(world, look, [
        { expect: 'prompt> ' },
        { send: 'tty; stty size\r' },
        { expect: '/dev/pts/0\\s+24 80' },
        { resize: [40, 100] },
        { send: 'until [ "$(stty size)" = "40 100" ]; do sleep 0.05; done; echo re""sized\r' },
        { expect: 'resized(?s:.*)prompt> ' },
        { send: 'printf \'\\033[?1049h\\033[?25l\\033[6n\'; echo be""gun\r' },
        { expect: 'begun' },
        { send: '\x1c' },
        { send: '\x1c' },
        { expect: 'goes on' },
      ]);
      expect([first.failedAt, first.code, first.modesKept]).toEqual([undefined, 0, true]);
      // Its screen, its cursor; what it asked was answered by nobody, which is up to the terminal of the first.
      expect(first.transcript).toContain('\x1b[6n');
      expect(first.transcript).toContain('\x1b[?1049l\x1b[?25h');
      expect(await isLive(id)).toBe(true);
      const second = await onTerminal(world, look, [{ expect: 'begun' }, { send: 'exit 9\r' }]);
      expect([second.failedAt, second.code, second.modesKept]).toEqual([undefined, 9, true]);
      expect(second.transcript).toContain('\x1b[?1049h');
      expect(second.transcript).not.toContain('\x1b[6n');
    });

    test('a single Control-\\ goes on with the next key, and a terminal that is closed leaves', async () => {
      const id = (await start(['sh', '-c', 'stty -isig; echo up; head -n 1 | od -An -c'])).transcript.trim();
      const closed = await onTerminal(world, look, [{ expect: 'up' }, { hangup: true }]);
      expect(closed.code).toBe(129);
      expect(await isLive(id)).toBe(true);
      const typed = await onTerminal(world, look, [
        { expect: 'up' },
        { send: '\x1c' },
        { send: 'a\x1cb\r' },
        { expect: '034\\s+a\\s+034\\s+b' },
      ]);
      expect([typed.failedAt, typed.code]).toEqual([undefined, 0]);
    });
  });

  describe('whatever is killed', () => {
    let project: Readonly<globalThis.Record<string, string>>;
    let home: Readonly<globalThis.Record<string, string>>;
    beforeAll(async () => {
      await world.inside(['true']);
      project = treeOf(world.project);
      home = treeOf(world.home, OWN);
    });
    const family = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(family)];

    test.each(['keeper', 'launcher', 'init', 'command'] as const)('%s: nothing is left', async (part) => {
      const marker = `${world.root}/marked-${part}`;
      const script =
        '(setsid sh -c "while :; do sleep 0.1; done" "$0" &); echo up; while :; do sleep 0.1; done';
      const id = await detached(['sh', '-c', script, marker]);
      const looking = attach(id);
      const looked = finished(looking);
      await once(looking.stdout!, 'data');
      const { pinfold: keeper, launcher } = recordOf(id);
      const init = childrenOf(launcher.pid)[0]!;
      const members = family(keeper.pid);
      // What it has left behind has come to init too, and is marked as well.
      const [command = 0] = processesWith(script).filter((pid) => childrenOf(init).includes(pid));
      process.kill({ keeper: keeper.pid, launcher: launcher.pid, init, command }[part], 'SIGKILL');
      expect((await looked).code).not.toBe(0);
      await until(() => processesWith(marker).length === 0 && !members.some(alive));
      expect(mountsOf(world.root)).toEqual([]);
      expect(treeOf(world.project)).toEqual(project);
      expect(treeOf(world.home, OWN)).toEqual(home);
      expect(await isLive(id)).toBe(false);
      expect(readdirSync(directoryOf(id))).not.toContain('control');
      const status = await world.run(['git', 'status', '--porcelain'], { cwd: world.project });
      expect(status.stdout).toBe('');
    });
  });
});

/** Hosts opened and closed while a session runs, through a socket that only the person outside can reach. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { processesWith, until } from '../fixtures/host-tree.ts';
import { library } from '../fixtures/library.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { finished, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

/** Fetches once for each line, and says with what exit code: 0, or 6 for a name that does not resolve. */
const FETCHER = 'while read url; do curl -sS -m 8 -o /dev/null "$url" 2>&-; echo "curl $?"; done';
/** Holds a connection open, and says when it was made and when it was ended. */
const HOLDER = `const socket = require('net').connect(9000, 'allowed.test');
socket.on('connect', () => { console.log('open'); socket.write('GET '); });
socket.on('error', () => {});
socket.on('close', () => console.log('ended'));
process.stdin.resume();`;
const URL = 'http://allowed.test:8080/';

interface Session {
  readonly id: string;
  readonly directory: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  /** The next line of its output. */
  line(): Promise<string>;
  fetch(url?: string): Promise<string>;
  log(): { readonly kind: string; readonly [key: string]: unknown }[];
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let session: Session;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
  });
  afterAll(() => world.dispose());

  const sessions = () => join(world.home, '.local/state/pinfold/sessions');
  const started: ChildProcess[] = [];
  async function open(argv: readonly string[], flags: readonly string[] = []): Promise<Session> {
    const before = new Set(statSync(sessions(), { throwIfNoEntry: false }) ? readdirSync(sessions()) : []);
    const child = world.startInside(['sh', '-c', 'echo ready; exec "$@"', 'sh', ...argv], flags, {
      input: null,
    });
    started.push(child);
    const ended = finished(child);
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const line = async () => (await lines.next()).value ?? 'no more';
    expect(await line()).toBe('ready');
    const id = readdirSync(sessions()).find((name) => !before.has(name))!;
    const directory = join(sessions(), id);
    await until(() => existsSync(join(directory, 'control')));
    return {
      id,
      directory,
      child,
      ended,
      line,
      fetch: (url = URL) => {
        child.stdin!.write(`${url}\n`);
        return line();
      },
      log: () =>
        readFileSync(join(directory, 'events.jsonl'), 'utf8')
          .trimEnd()
          .split('\n')
          .map((text) => JSON.parse(text)),
    };
  }
  const kinds = ({ log }: Session) =>
    log()
      .filter(({ kind }) => kind.startsWith('grant'))
      .map(({ kind, host, why }) => [kind, host, ...(why === undefined ? [] : [why])]);

  const settings = () => join(world.project, '.pinfold/settings.json');
  beforeEach(async () => {
    world.put(settings(), '{}\n');
    session = await open(['sh', '-c', FETCHER]);
  });
  afterEach(async () => {
    for (const child of started.splice(0)) {
      child.stdin!.end();
      child.kill('SIGTERM');
    }
    await session.ended;
  });

  test('a host is refused, opened live, used, and closed again; the log has each of it', async () => {
    expect(await session.fetch()).toBe('curl 6');
    const allowed = await world.pinfold(['allow', 'allowed.test']);
    expect(allowed).toMatchObject({ code: 0, stderr: '' });
    expect(allowed.stdout).toBe(
      `Opened allowed.test in session ${session.id}: until the session ends\n  risk MEDIUM: anything readable inside can be uploaded there\n`,
    );
    expect(await session.fetch()).toBe('curl 0');
    expect(await session.fetch('http://denied.test:8080/')).toBe('curl 6');
    const listed = JSON.parse((await world.pinfold(['sessions', '--json'])).stdout);
    expect(listed.sessions).toMatchObject([
      { id: session.id, answers: true, opened: [{ host: 'allowed.test', lasts: 'session' }] },
    ]);
    expect(await world.pinfold(['revoke', 'allowed.test'])).toMatchObject({
      code: 0,
      stdout: `Closed allowed.test in session ${session.id}; 0 connections ended\n`,
    });
    expect(await session.fetch()).toBe('curl 6');
    expect(kinds(session)).toEqual([
      ['grant', 'allowed.test'],
      ['grant-used', 'allowed.test'],
      ['grant-ended', 'allowed.test', 'revoked'],
    ]);
    expect((await world.pinfold(['log', 'verify', session.id])).code).toBe(0);
  });

  test('revoking ends the connections that are open', async () => {
    const holder = await open([world.node, '-e', HOLDER], ['--allow-domain', 'allowed.test']);
    expect(await holder.line()).toBe('open');
    const revoked = await world.pinfold(['revoke', 'allowed.test', '--session', holder.id]);
    expect(revoked.stdout).toBe(`Closed allowed.test in session ${holder.id}; 1 connection ended\n`);
    expect(await holder.line()).toBe('ended');
  });

  test('when its time is over a grant is, with its connections', async () => {
    const allowed = await world.pinfold(['allow', 'allowed.test', '--for', '2s', '--json']);
    expect(JSON.parse(allowed.stdout)).toMatchObject({ session: session.id, state: 'opened', lasts: 'for' });
    session.child.stdin!.end();
    await session.ended;
    // It runs by then, so that the time of the grant is not that of its start.
    const waiting = `console.log('go'); process.stdin.once('data', () => { ${HOLDER} });`;
    session = await open([world.node, '-e', waiting]);
    expect(await session.line()).toBe('go');
    await world.pinfold(['allow', 'allowed.test:9000', '--for', '5s']);
    session.child.stdin!.write('\n');
    expect(await session.line()).toBe('open');
    expect(await session.line()).toBe('ended');
    expect(kinds(session).at(-1)).toEqual(['grant-ended', 'allowed.test:9000', 'expired']);
    expect(session.log().findLast(({ kind }) => kind === 'grant-ended')).toMatchObject({ closed: 1 });
  });

  test('a grant for one connection is over with it, and the connection is not', async () => {
    await world.pinfold(['allow', 'allowed.test', '--once']);
    expect(await session.fetch()).toBe('curl 0');
    expect(await session.fetch()).toBe('curl 6');
    expect(kinds(session)).toEqual([
      ['grant', 'allowed.test'],
      ['grant-used', 'allowed.test'],
      ['grant-ended', 'allowed.test', 'used'],
    ]);
    const holder = await open(['sh', '-c', `echo go; read go; exec "$0" -e "$1"`, world.node, HOLDER]);
    expect(await holder.line()).toBe('go');
    for (const host of ['allowed.test', 'other.test'])
      await world.pinfold(['allow', host, '--once', '--session', holder.id]);
    holder.child.stdin!.write('\n');
    expect(await holder.line()).toBe('open');
    // Another host's end looks at every connection anew.
    expect((await world.pinfold(['revoke', 'other.test', '--session', holder.id])).code).toBe(0);
    const again = await world.pinfold(['revoke', 'allowed.test', '--session', holder.id]);
    expect(again.stderr).toContain('nothing opens it by exactly this name');
    expect(await holder.line()).toBe('ended');
  });

  test('what the settings deny is not opened, and the rule is named', async () => {
    world.put(join(world.project, '.pinfold/settings.json'), '{"sandbox":{"deniedDomains":["*.wild.test"]}}');
    const other = await open(['sh', '-c', FETCHER]);
    for (const words of [
      ['--session', other.id],
      ['--session', other.id, '--once'],
      ['--project'],
      ['--user'],
    ]) {
      const refused = await world.pinfold(['allow', 'a.wild.test', ...words]);
      expect({ words, code: refused.code, stdout: refused.stdout }).toEqual({ words, code: 125, stdout: '' });
      expect(refused.stderr).toContain(`the settings deny *.wild.test (${settings()})`);
    }
    expect(await other.fetch('http://a.wild.test:8080/')).toBe('curl 6');
    const control = await world.pinfold(['allow', 'allowed.test', '--session', other.id]);
    expect(control.code).toBe(0);
    expect(await other.fetch()).toBe('curl 0');
    expect(readFileSync(settings(), 'utf8')).not.toContain('allowedDomains');
  });

  test('a place of the loopback is not opened where nobody is asked about the loopback, and this is said', async () => {
    const place = '127.0.0.1:9';
    const deaf = await open(['sh', '-c', FETCHER], ['--net', 'none']);
    const refused = await world.pinfold(['allow', place, '--session', deaf.id]);
    expect([refused.code, refused.stdout]).toEqual([125, '']);
    expect(refused.stderr).toContain(
      'the loopback of this session is its own, and no connection to it is asked about',
    );
    expect(refused.stderr).toContain('Start one with --net local, or with --allow-domain 127.0.0.1:9');
    const hearing = await open(
      ['sh', '-c', FETCHER],
      ['--net', 'filtered', '--allow-domain', '127.0.0.1:10'],
    );
    expect(await world.pinfold(['allow', place, '--session', hearing.id])).toMatchObject({ code: 0 });
  });

  test('--project keeps a host in the settings, trusted, and opens it in what runs; revoking takes both back', async () => {
    const written = await world.pinfold(['allow', 'allowed.test', '--project']);
    expect(written).toMatchObject({ code: 0, stderr: '' });
    expect(written.stdout).toContain(`  open in session ${session.id}\n`);
    expect(await session.fetch()).toBe('curl 0');
    const next = await world.shell(`curl -sS -m 5 -o /dev/null ${URL}`);
    expect(next.code).toBe(0);
    const taken = await world.pinfold(['revoke', 'allowed.test', '--project', '--json']);
    expect(JSON.parse(taken.stdout)).toMatchObject({
      entry: 'allowed.test',
      sessions: [{ state: 'applied' }],
    });
    expect(await session.fetch()).toBe('curl 6');
    expect((await world.shell(`curl -sS -m 5 -o /dev/null ${URL}`)).code).toBe(6);
  });

  test('no settings are made where a running session would take them for a break-in', async () => {
    session.child.stdin!.end();
    await session.ended;
    rmSync(join(world.project, '.pinfold'), { recursive: true });
    session = await open(['sh', '-c', FETCHER]);
    const refused = await world.pinfold(['allow', 'allowed.test', '--project']);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain(`session ${session.id} runs in this project`);
    expect(await session.fetch()).toBe('curl 6');
    session.child.stdin!.end();
    expect((await session.ended).code).toBe(0);
    expect((await world.pinfold(['allow', 'allowed.test', '--project'])).code).toBe(0);
    session = await open(['sh', '-c', FETCHER]);
    expect(await session.fetch()).toBe('curl 0');
  });

  test('a path to write is opened in a running session, and kept in the settings for the next', async () => {
    const opened = await world.pinfold(['allow', world.outside, '--write']);
    expect(opened).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Opened to write ${world.outside}`),
    });
    const read = `cat ${world.outside}/canary`;
    const hidden = world.either('Permission denied', 'No such file or directory');
    expect(await world.shell(read)).toMatchObject({ code: 1, stderr: expect.stringContaining(hidden) });
    expect(await world.pinfold(['allow', world.outside, '--project'])).toMatchObject({ code: 0 });
    expect((await world.shell(read)).stdout).toBe('canary-content\n');
    expect((await world.shell(`echo x > ${world.outside}/new`)).stderr).toContain('Read-only file system');
    expect((await world.pinfold(['allow', world.outside, '--write', '--project'])).code).toBe(0);
    expect((await world.shell(`echo x > ${world.outside}/new`)).code).toBe(0);
    expect((await world.pinfold(['revoke', world.outside, '--project'])).code).toBe(0);
    expect(await world.shell(read)).toMatchObject({ code: 1, stderr: expect.stringContaining(hidden) });
    const home = await world.pinfold(['allow', `${world.home}/`, '--user']);
    expect(home.stderr).toContain('it would open the whole home directory');
  });

  describe('the socket', () => {
    const say = (directory: string, text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(join(directory, 'control'), () => socket.end(text));
        let said = '';
        socket.on('data', (chunk) => {
          said += String(chunk);
        });
        socket.on('error', reject);
        socket.on('close', () => resolve(said));
      });

    test('is the person’s alone, and goes with the session', async () => {
      const path = join(session.directory, 'control');
      expect(statSync(path).isSocket()).toBe(true);
      expect(statSync(path)).toMatchObject({ uid: person.uid });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(session.directory).mode & 0o777).toBe(0o700);
      session.child.stdin!.end();
      await session.ended;
      expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
    });

    test.each(['strict', 'standard', 'permissive'])('is not reached from inside in %s mode', async (mode) => {
      const script = `require('net').connect(process.argv[1]).on('connect', () => console.log('reached')).on('error', (error) => console.log(error.code))`;
      const argv = [
        world.node,
        '-e',
        `${script}.on('connect', function () { this.end() })`,
        join(session.directory, 'control'),
      ];
      const inside = await world.inside(argv, ['--mode', mode]);
      expect(inside.stdout).toMatch(/^(ENOENT|EACCES)\n$/);
      expect((await world.run(argv)).stdout).toBe('reached\n');
    });

    test('answers what makes no sense with an error, and goes on', async () => {
      const wrong = ['x', '[]', '{}', '{"version":2,"op":"grants"}', '{"version":1,"op":"constructor"}'];
      const bad = [
        '{"version":1,"op":"allow"}',
        '{"version":1,"op":"allow","host":"a.test","lasting":{"kind":"for","ms":0}}',
      ];
      const said = await say(
        session.directory,
        [...wrong, ...bad, '{"version":1,"op":"grants"}', ''].join('\n'),
      );
      const answers = said
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(answers.map(({ ok, error }) => (ok ? 'ok' : error.code))).toEqual([
        ...[...wrong, ...bad].map(() => 'ERR_USAGE'),
        'ok',
      ]);
      expect(await say(session.directory, 'x'.repeat(300_000))).toContain('a line is too long');
      await Promise.all(Array.from({ length: 100 }, () => say(session.directory, '{').catch(() => 'reset')));
      expect(await session.fetch()).toBe('curl 6');
    });

    test('of a session that was killed is known for what it is', async () => {
      session.child.kill('SIGKILL');
      await session.ended;
      const refused = await world.pinfold(['allow', 'allowed.test', '--session', session.id]);
      expect(refused.code).toBe(125);
      expect(refused.stderr).toContain(`Session ${session.id} is not live\n  why  it was killed`);
      expect(JSON.parse((await world.pinfold(['sessions', '--json'])).stdout)).toEqual({ sessions: [] });
    });
  });

  test('stop ends a session: with SIGTERM, and one that ignores it after a while', async () => {
    const stopped = await world.pinfold(['stop', session.id]);
    expect(stopped).toMatchObject({ code: 0, stdout: `Session ${session.id} has ended: signal 15\n` });
    expect((await session.ended).code).toBe(143);
    const stubborn = await open(['sh', '-c', 'trap "" TERM; echo on; while :; do sleep 0.1; done']);
    expect(await stubborn.line()).toBe('on');
    const killed = await world.pinfold(['stop', stubborn.id, '--after', '0s', '--json']);
    expect(JSON.parse(killed.stdout)).toEqual({
      session: stubborn.id,
      ending: { kind: 'killed', signal: 9 },
    });
    expect((await stubborn.ended).code).toBe(137);
    expect((await world.pinfold(['stop', session.id])).stderr).toContain('is not live\n  why  it has ended');
  });

  test('a program opens a host in its sandbox, is told of what went there, and closes it', async () => {
    const program = `
      await using sandbox = await createSandbox({ mode: 'strict', deniedDomains: ['denied.test'] });
      const egress = [];
      sandbox.on('egress', ({ host, port, down }) => egress.push([host, port, down > 0]));
      const fetch = async () => (await sandbox.run('curl', ['-sS', '-m', '8', '-o', '/dev/null', '${URL}'])).exitCode;
      const code = (promise) => promise.then(() => 'done', (error) => error.code);
      const codes = [await fetch()];
      const granted = await sandbox.allow({ host: 'allowed.test' });
      codes.push(await fetch());
      const told = once(sandbox, 'egress');
      if (egress.length === 0) await told;
      const refusals = [
        await code(sandbox.allow({ host: 'denied.test' })),
        await code(sandbox.allow({ path: '/', access: 'write' })),
        await code(sandbox.allow({ host: 'a b' })),
        await code(sandbox.allow({ host: 'a.test', forMs: 0 })),
        await code(sandbox.revoke({ host: 'a.test' })),
      ];
      const revoked = await sandbox.revoke({ host: 'allowed.test' });
      codes.push(await fetch());
      await sandbox.close();
      refusals.push(await code(sandbox.allow({ host: 'a.test' })));
      report({ codes, egress, state: granted.state, revoked, refusals });
    `;
    expect(await library(world, program)).toEqual({
      codes: [6, 0, 6],
      egress: [['allowed.test', 8080, true]],
      state: 'opened',
      revoked: { host: 'allowed.test', closed: expect.any(Number) },
      refusals: [
        ...['ERR_GRANT_REFUSED', 'ERR_GRANT_REFUSED', 'ERR_USAGE', 'ERR_USAGE', 'ERR_GRANT_UNKNOWN'],
        'ERR_SANDBOX_CLOSED',
      ],
    });
  });

  describe('exec', () => {
    const exec = (argv: readonly string[], options?: Parameters<World['pinfold']>[1]) =>
      world.pinfold(['exec', '--session', session.id, '--', ...argv], options);

    test('runs one more command inside, with its streams, its exit code and the boundary of the session', async () => {
      const input = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => at % 251));
      const script = 'sha256sum; echo wrong >&2; exit 7';
      const hashed = await world.run(['sha256sum'], { input });
      expect(await exec(['sh', '-c', script], { input })).toEqual({
        code: 7,
        stdout: hashed.stdout,
        stderr: 'wrong\n',
      });
      const many = await exec(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x']);
      expect(many).toMatchObject({ code: 0, stdout: 'x'.repeat(3_000_000) });
      const canary = `${world.outside}/canary`;
      expect((await exec(['cat', canary])).code).toBe(1);
      expect((await world.run(['cat', canary])).code).toBe(0);
      expect((await exec(['sh', '-c', 'mkdir .vscode'])).stderr).toContain('Permission denied');
      expect(await session.fetch()).toBe('curl 6');
      expect(session.log().filter(({ kind }) => kind === 'exec')).toHaveLength(4);
    });

    test('says what cannot be run, passes signals on, and ends with the session', async () => {
      expect(await exec(['nonesuch'])).toMatchObject({ code: 127, stdout: '' });
      expect((await exec(['/etc/passwd'])).code).toBe(126);
      expect((await exec(['sh', '-c', 'kill -9 $$'])).code).toBe(137);
      expect(await exec(['sh', '-c', '(sleep 60 &); echo done'])).toMatchObject({
        code: 0,
        stdout: 'done\n',
      });
      const words = [
        'exec',
        '--session',
        session.id,
        '--',
        'sh',
        '-c',
        'trap "echo got; exit 3" TERM; echo on; while :; do sleep 0.05; done',
      ];
      const trapped = world.start([...pinfold(), ...words], { input: null });
      const signalled = finished(trapped);
      await once(trapped.stdout!, 'data');
      trapped.kill('SIGTERM');
      expect(await signalled).toMatchObject({ code: 3 });
      const left = world.start(
        [...pinfold(), 'exec', '--session', session.id, '--', 'sh', '-c', 'echo on; exec sleep 60'],
        { input: null },
      );
      const lost = finished(left);
      await once(left.stdout!, 'data');
      session.child.stdin!.end();
      expect((await session.ended).code).toBe(0);
      expect((await lost).code).not.toBe(0);
    });

    test('a command of which nobody hears any more is hung up', async () => {
      const marker = `${world.root}/hung-up-${session.id}`;
      const words = [
        'exec',
        '--session',
        session.id,
        '--',
        'sh',
        '-c',
        'echo on; while :; do sleep 0.1; done',
        marker,
      ];
      const child = world.start([...pinfold(), ...words], { input: null });
      const ended = finished(child);
      await once(child.stdout!, 'data');
      expect(processesWith(marker).length).toBeGreaterThan(1);
      child.kill('SIGKILL');
      await ended;
      await until(() => processesWith(marker).length === 0);
      expect(await session.fetch()).toBe('curl 6');
    });
  });
});

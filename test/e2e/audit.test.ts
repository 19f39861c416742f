/** What the records of many sessions tell: use of grants, what may go, what another policy would mean, what a command needs. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { holdStart } from '../fixtures/held-start.ts';
import { onTerminal } from '../fixtures/terminal.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

interface Audited {
  readonly text: string;
  readonly sessions: number;
  readonly use: { readonly kind: string; readonly [key: string]: unknown };
  readonly lastUse?: string;
  readonly place?: string;
  readonly expired: boolean;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let server: Server;
  let port: number;
  const settings = () => join(world.project, '.pinfold/settings.json');

  beforeAll(async () => {
    world = await makeWorld(person);
    server = createServer((socket) => socket.on('error', () => {}).end('hello'));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    port = (server.address() as { port: number }).port;
    world.put(join(world.root, 'data/deep/file'), 'data\n');
    world.put(join(world.root, 'quiet/file'), 'quiet\n');
    world.put(
      settings(),
      `{
  "sandbox": {
    // what the tests need
    "allowedPaths": [
      { "path": "${world.root}/data", "mode": "read" },
      "${world.root}/quiet", // nobody has looked here
      "${world.root}/gone",
      { "path": "${world.root}/old", "expires": "2020-01-01" }
    ],
    "allowedDomains": ["127.0.0.1:${port}", "never.example.com"]
  }
}
`,
    );
    expect((await world.pinfold(['trust', '--yes'])).code).toBe(0);
  });
  afterAll(() => {
    server.close();
    world.dispose();
  });

  async function audit(): Promise<Map<string, Audited>> {
    const ran = await world.pinfold(['audit', '--json']);
    expect(ran.stderr).toBe('');
    const { grants } = JSON.parse(ran.stdout) as { grants: Audited[] };
    return new Map(grants.map((grant) => [grant.text.replace(`${world.root}/`, ''), grant]));
  }

  function lastKinds(): string[] {
    const sessions = join(world.home, '.local/state/pinfold/sessions');
    const log = join(sessions, readdirSync(sessions).sort().at(-1)!, 'events.jsonl');
    return readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).kind);
  }

  test('a run that uses no grant leaves no record of use, and every path is unknown', async () => {
    expect((await world.inside(['true'])).code).toBe(0);
    expect(lastKinds()).toEqual(['started', 'ended']);
    const grants = await audit();
    expect(grants.get('data')).toMatchObject({ sessions: 1, use: { kind: 'unknown' } });
    expect(grants.get('never.example.com')).toMatchObject({ use: { kind: 'counted', connections: 0 } });
    expect(grants.get('gone')).toMatchObject({ place: 'gone' });
    expect(grants.get('old')).toMatchObject({ expired: true });
  });

  test('what is held open is seen, what is made in a writable grant is a change, a connection is counted', async () => {
    const connect = `require('net').connect(${port}, '127.0.0.1').on('data', () => {})`;
    const script = `exec 3<${world.root}/data/deep/file; touch ${world.root}/quiet/made; ${world.node} -e "${connect}"; sleep 1`;
    const child = world.startInside(['sh', '-c', script]);
    const ended = finished(child);
    // However long it takes to start, the looks are at the command.
    const goOn = await holdStart(child);
    await pause(1200);
    goOn();
    const ran = await ended;
    expect(ran.code).toBe(0);
    expect(ran.stderr).not.toContain('blocked');
    const grants = await audit();
    expect(grants.get('data')?.use).toEqual({ kind: 'seen', open: 1, changed: 0 });
    expect(grants.get('quiet')?.use).toEqual({ kind: 'seen', open: 0, changed: 1 });
    expect(grants.get(`127.0.0.1:${port}`)).toMatchObject({
      sessions: 2,
      use: { kind: 'counted', connections: 1 },
      lastUse: expect.any(String),
    });
    expect(grants.get('never.example.com')?.use).toEqual({ kind: 'counted', connections: 0 });
  });

  test('for people it says what each figure means', async () => {
    const { stdout } = await world.pinfold(['audit']);
    expect(stdout).toContain('seen open in 1 of 2 sessions');
    expect(stdout).toContain('1 connection in 2 sessions (counted)');
    expect(stdout).toContain('never used in 2 sessions (counted)');
    expect(stdout).toContain('! nothing is there now');
    expect(stdout).toContain('! expired on 2020-01-01');
  });

  describe('prune', () => {
    const text = () => readFileSync(settings(), 'utf8');

    test('proposes what is gone, expired or counted as never used, and without a terminal changes nothing', async () => {
      const before = text();
      const ran = await world.pinfold(['prune', '--sessions', '2']);
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain('Cannot ask what to remove');
      for (const proposed of ['gone', 'old', 'never.example.com']) expect(ran.stderr).toContain(proposed);
      expect(ran.stderr).not.toMatch(/- .*(data|quiet|127)/);
      expect(text()).toBe(before);
    });

    test('leaves a host alone that too few sessions could have used', async () => {
      const { entries } = JSON.parse((await world.pinfold(['prune', '--json'])).stdout);
      expect(entries.map((entry: { why: string }) => entry.why)).toEqual(['gone', 'expired']);
    });

    test('removes them with their comments kept, stays trusted, and is undone to the letter', async () => {
      const before = text();
      expect(await world.pinfold(['prune', '--yes', '--sessions', '2'])).toMatchObject({
        code: 0,
        stderr: expect.any(String),
      });
      const after = text();
      expect(after).toContain('// what the tests need');
      expect(after).toContain('// nobody has looked here');
      expect(after).not.toMatch(/\/gone|\/old|never/);
      // The control: what stayed is in force, so the file counts as trusted still.
      expect((await world.shell(`cat ${world.root}/data/deep/file`)).stdout).toBe('data\n');
      expect((await world.pinfold(['prune', '--undo'])).stdout).toContain('again');
      expect(text()).toBe(before);
      expect((await world.shell(`cat ${world.root}/data/deep/file`)).stdout).toBe('data\n');
      expect(await world.pinfold(['prune', '--undo'])).toMatchObject({
        code: 1,
        stdout: 'There is no prune to undo here.\n',
      });
    });

    test('does not undo over a change that was made since', async () => {
      await world.pinfold(['prune', '--yes']);
      world.put(settings(), `${text()}// mine\n`);
      const ran = await world.pinfold(['prune', '--undo']);
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain('it has changed since');
      expect(text()).toContain('// mine');
    });
  });

  describe('replay', () => {
    test('tells what the other policy would refuse, what it would open, and what cannot be known', async () => {
      // Another test changed the file by hand.
      await world.pinfold(['trust', '--yes']);
      const connect = `require('net').connect(${port}, '127.0.0.1').on('data', () => {})`;
      await world.shell(`cat ${world.outside}/canary; ${world.node} -e "${connect}"`);
      const flags = [
        '--mode',
        'strict',
        '--allow',
        `${world.outside}:ro`,
        '--settings',
        join(world.root, 'other.json'),
      ];
      world.put(join(world.root, 'other.json'), `{"sandbox":{"deniedDomains":["127.0.0.1:${port}"]}}`);
      const ran = await world.pinfold(['replay', ...flags]);
      expect(ran.code).toBe(1);
      expect(ran.stdout).toContain(`Passed, and would be refused:\n  connect 127.0.0.1:${port}`);
      expect(ran.stdout).toContain('only refusals and connections are recorded');
      if (world.hidden === 'EACCES') {
        expect(ran.stdout).toMatch(/Was refused, and would pass:\n {2}(look-up|read) .*outside\/canary/);
      }
      // The control: under the settings as they are nothing that passed would be refused.
      expect((await world.pinfold(['replay', '--mode', 'strict'])).code).toBe(0);
    });
  });

  test('paths in the home are shown with ~, by audit and by check', async () => {
    const { home } = world;
    world.put(join(home, 'notes/file'), 'x\n');
    const file = join(home, '.config/pinfold/settings.json');
    const allowed = [`${home}/notes`, `${home}/.ssh`].map((path) => ({ path, mode: 'read' }));
    world.put(
      file,
      JSON.stringify({ sandbox: { allowedPaths: allowed, allowedDomains: ['169.254.169.254:80'] } }),
    );
    const audited = await world.pinfold(['audit']);
    expect(audited.stdout).toContain('~/notes (read)  ~/.config/pinfold/settings.json:1');
    expect(audited.stdout).toContain('✗ ~/.ssh can be read: ');
    expect(audited.stdout).not.toContain(home);
    const checked = await world.pinfold(['check']);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toContain('✗ ~/.ssh can be read: ');
    expect(checked.stdout).toContain('✗ 169.254.169.254:80, which hands out credentials of this machine');
    rmSync(file);
    expect((await world.pinfold(['check'])).stdout).not.toMatch(/\.ssh|169\.254/);
  });

  describe('learn', () => {
    const local = () => join(world.project, '.pinfold/settings.local.json');
    const script = () => `cat ${world.outside}/canary ${world.home}/.ssh/id_ed25519; mkdir .vscode; exit 3`;

    test('runs under enforcement, passes the exit code on, and without a terminal writes nothing', async () => {
      const ran = await world.pinfold(['learn', '--dry-run', '--', 'sh', '-c', script()]);
      expect(ran.code).toBe(3);
      expect(ran.stdout).toBe('');
      expect(ran.stderr).toMatch(/- create .*\.vscode .*\n {4}not proposed: it is never proposed/);
      expect(existsSync(local())).toBe(false);
      expect(existsSync(join(world.project, '.vscode'))).toBe(false);
    });

    test('writes what is of low risk with --yes; then it passes, and a credential store does not', async () => {
      if (world.hidden !== 'EACCES') {
        // Looks at hidden names are not seen here: nothing to learn from, which is said.
        expect((await world.pinfold(['learn', '--yes', '--', 'true'])).stderr).toBe('Nothing was refused.\n');
        return;
      }
      const { project, outside, home } = world;
      const read = () =>
        world.run([...pinfold(), 'run', '-q', '--', 'cat', `${outside}/canary`, `${home}/.ssh/id_ed25519`]);
      expect((await read()).stdout).toBe('');
      const ran = await world.pinfold(['learn', '--yes', '--scope', 'local', '--', 'sh', '-c', script()]);
      expect(ran.code).toBe(3);
      expect(ran.stderr).toMatch(/- .*\.ssh.*\n {4}not proposed/);
      expect(JSON.parse(readFileSync(join(project, '.pinfold/settings.local.json'), 'utf8'))).toEqual({
        sandbox: { allowedPaths: [{ path: `${outside}/canary`, mode: 'read' }] },
      });
      const after = await read();
      expect(after.stdout).toBe('canary-content\n');
      expect(after.stderr).toContain('id_ed25519');
    });

    test('asks line by line on a terminal, and writes only what was agreed to', async () => {
      if (world.hidden !== 'EACCES') {
        expect((await world.pinfold(['learn', '--', 'true'])).stderr).toBe('Nothing was refused.\n');
        return;
      }
      const [no, yes] = ['no', 'yes'].map((name) => world.put(join(world.root, `asked-${name}`), 'x\n'));
      const argv = [...pinfold(), 'learn', '--scope', 'user', '--', 'cat', no!, yes!];
      const screen = await onTerminal(world, argv, [
        { expect: 'allow this. .y.N. ' },
        { send: 'n\r' },
        { expect: 'asked-yes' },
        { expect: 'allow this. .y.N. ' },
        { send: 'y\r' },
        { expect: '1 entry written' },
      ]);
      expect(screen.failedAt).toBeUndefined();
      expect(screen.code).toBe(1);
      const user = readFileSync(join(world.home, '.config/pinfold/settings.json'), 'utf8');
      expect(JSON.parse(user).sandbox.allowedPaths).toEqual([{ path: yes, mode: 'read' }]);
    });
  });
});

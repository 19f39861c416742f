/** Who looks at what is hidden is seen: once, with the whole path and the process; what is allowed costs no record. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { startWithDevice } from '../fixtures/fuse-device.ts';
import { alive, childrenOf, until } from '../fixtures/host-tree.ts';
import { type Act, CANARY, finished, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

interface Outcome {
  /** Their fields are those of a denial, and a count. */
  readonly violations: readonly { readonly [field: string]: unknown }[];
  readonly enforcement: readonly {
    readonly mechanism: string;
    readonly state: string;
    readonly reason?: string;
  }[];
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let flags: readonly string[];
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(`${world.project}/denied/inner`, 'inner\n');
    world.put(`${world.project}/.env`, 'TOKEN=1\n');
    world.put(`${world.root}/fixed/file`, 'fixed\n');
    world.put(`${world.root}/fixed/sub/file`, 'fixed\n');
    world.put(`${world.root}/hidden/inner/file`, 'hidden\n');
    flags = [
      ...['--mode', 'strict', '--allow', `${world.root}/bin:ro`, '--allow', `${world.root}/fixed:ro`],
      ...['--deny', 'denied', '--deny', '.env'],
    ];
  });
  afterAll(() => world.dispose());

  function start(argv: readonly string[], more: readonly string[] = []) {
    const command = [...pinfold(), 'run', ...flags, ...more, '--', ...argv];
    return startWithDevice(person, command, { cwd: world.project, env: world.env });
  }

  function inside(argv: readonly string[], more: readonly string[] = []): Promise<Ran> {
    const child = start(argv, more);
    child.stdin?.end();
    return finished(child);
  }

  async function observe(argv: readonly string[], more: readonly string[] = []): Promise<Ran & Outcome> {
    const ran = await inside(argv, ['--json', ...more]);
    const line = ran.stderr.trimEnd().split('\n').at(-1) ?? '';
    return { ...ran, ...(JSON.parse(line) as Outcome) };
  }

  const HIDDEN = 'EACCES';
  /** What is looked at, beneath the world's root; what each act meets; and the record of it, if there is one. */
  const table: [string, string, string, string | undefined][] = [
    ['read', 'hidden/inner/file', HIDDEN, 'look-up'],
    ['stat', 'hidden/inner/file', HIDDEN, 'look-up'],
    ['list', 'hidden/inner', HIDDEN, 'list'],
    ['stat', 'hidden/inner', HIDDEN, 'look-up'],
    ['stat', 'hidden', HIDDEN, 'look-up'],
    ['list', 'home', 'ok', undefined],
    ['list', 'home/.ssh', HIDDEN, 'list'],
    ['read', 'home/.ssh/id_ed25519', HIDDEN, 'look-up'],
    ['chdir', 'hidden/inner', HIDDEN, 'look-up'],
    ['read', 'absent', 'ENOENT', undefined],
    ['stat', 'absent', 'ENOENT', undefined],
    ['list', 'absent/deeper', 'ENOENT', undefined],
    ['read', 'hidden/absent', 'ENOENT', undefined],
    ['read', 'hidden/inner/file/absent', HIDDEN, 'look-up hidden/inner/file'],
    ['read', 'project/.env', HIDDEN, 'read'],
    ['stat', 'project/.env', 'ok', undefined],
    ['list', 'project/denied', HIDDEN, 'list'],
    ['stat', 'project/denied', 'ok', undefined],
    ['read', 'project/denied/inner', HIDDEN, 'look-up'],
    ['read', 'project/denied/absent', 'ENOENT', undefined],
    ['read', 'project/README', 'ok:a project', undefined],
    ['stat', 'project/README', 'ok', undefined],
    ['list', 'project/src', 'ok', undefined],
    ['read', 'fixed/file', 'ok:fixed', undefined],
    ['stat', 'fixed/file', 'ok', undefined],
    ['list', 'fixed/sub', 'ok', undefined],
    ['read', 'fixed/absent', 'ENOENT', undefined],
    ['list', '', 'ok', undefined],
    ['stat', '', 'ok', undefined],
  ];

  test.each(table)('%s of "%s" meets %s and leaves the record %s', async (act, path, met, record) => {
    const full = join(world.root, path);
    const { stdout, violations } = await observe([world.probe, act, full]);
    expect(stdout.trimEnd().replace(/^ok:(?!a project|fixed).*/, 'ok')).toBe(met);
    const [word, other] = (record ?? '').split(' ');
    const expected = {
      count: 1,
      act: word,
      observer: 'tripwire',
      errno: 13,
      subject: { kind: 'path', path: other === undefined ? full : join(world.root, other) },
      actor: { program: world.probe, command: [world.probe, act, full] },
    };
    expect(violations).toMatchObject(record === undefined ? [] : [expected]);
  });

  test('password hashes are refused and seen, also where all of /etc was opened, until they are opened themselves', async () => {
    const read = (path: string, opened: readonly string[] = []) =>
      observe([world.probe, 'read', path], opened);
    const rule = { access: 'none', origin: { scope: 'builtin', text: 'credential store /etc/shadow' } };
    for (const opened of [[], ['--allow', '/etc:ro']]) {
      const { stdout, violations } = await read('/etc/shadow', opened);
      expect(stdout, opened.join(' ')).toBe('EACCES\n');
      expect(violations).toMatchObject([{ act: 'read', subject: { path: '/etc/shadow' }, rule, count: 1 }]);
    }
    const names = await read('/etc/passwd');
    expect([names.stdout.slice(0, 3), names.violations]).toEqual(['ok:', []]);
    // An ordinary person could not read them on the host either.
    const [outside = ''] = await world.probeOutside([['read', '/etc/shadow']]);
    const { stdout } = await read('/etc/shadow', ['--allow', '/etc/shadow:ro']);
    expect(stdout.split('\n')[0]).toBe(outside.split('\n')[0]);
    expect(stdout.startsWith('ok:')).toBe(person.uid === 0);
  });

  test('on the host all of it can be read', async () => {
    const acts: Act[] = [
      ['read', `${world.home}/.ssh/id_ed25519`],
      ['read', `${world.project}/.env`],
      ['list', `${world.root}/hidden/inner`],
    ];
    const [key, env, list] = await world.probeOutside(acts);
    expect([key, env, list?.slice(0, 2)]).toEqual([`ok:${CANARY}`, 'ok:TOKEN=1', 'ok']);
  });

  test('the status says that it is watched, or why not', async () => {
    const of = ({ enforcement }: Outcome) => enforcement.find(({ mechanism }) => mechanism === 'tripwire');
    expect(of(await observe(['true']))).toEqual({ mechanism: 'tripwire', state: 'full' });
    const settings = world.put(`${world.root}/off.json`, '{ "sandbox": { "monitor": "acts" } }');
    const off = await observe([world.probe, 'read', `${world.home}/.bashrc`], ['--settings', settings]);
    expect(of(off)).toMatchObject({ state: 'none', reason: expect.stringContaining('are not seen') });
    expect([off.stdout, off.violations]).toEqual(['ENOENT\n', []]);
  });

  test('a run says that looks are not seen where they are not, unless that was asked for', async () => {
    const unseen =
      'notice: looks at hidden names are refused and not seen: /dev/fuse cannot be opened (EACCES)\n';
    const told = async (...words: string[]) =>
      (await world.pinfold(['run', '-v', ...words, '--', 'true'])).stderr.match(/^.*not seen.*\n/m)?.[0];
    expect(await told()).toBe(world.either(undefined, unseen));
    const settings = world.put(`${world.root}/acts.json`, '{ "sandbox": { "monitor": "acts" } }');
    expect(await told('--settings', settings)).toBeUndefined();
    // With the device, whoever it is, there is nothing to say.
    expect((await inside(['true'], ['-v'])).stderr).not.toContain('not seen');
  });

  test('walking over everything ends, and lists nothing hidden', async () => {
    const script = `ls -la "$0" "$0/.."; find "$0"; find / -path /proc -prune -o -path /usr -prune -o -type f | wc -l`;
    const { stdout } = await inside(['sh', '-c', script, world.root]);
    expect(stdout).toContain(`${world.project}/README`);
    for (const hidden of ['id_ed25519', '.bashrc', `${world.root}/hidden`, `${world.outside}`]) {
      expect(stdout).not.toContain(hidden);
    }
    expect(stdout).toMatch(/\n\d+\n$/);
  });

  test('there is nothing behind it, and it cannot be taken away', async () => {
    const acts: Act[] = [
      ['umount', dirOf(world.root)],
      ['read', '/dev/fuse'],
      ['mount_setattr', dirOf(world.root)],
      ['create', `${world.root}/new`],
      ['mkdir', `${world.root}/new`],
      ['chmod', `${world.root}`],
      ['setxattr', `${world.root}`],
      ['rename', world.project, `${world.root}/moved`],
      ['read', `/proc/self/root${world.home}/.bashrc`],
      ['read', `${world.project}/../home/.bashrc`],
      ['reopen-opath', `${world.project}/.env`],
    ];
    const words = acts.flatMap((act, index) => (index === 0 ? [...act] : ['--', ...act]));
    const { stdout } = await observe([world.probe, ...words]);
    const met = stdout.trimEnd().split('\n');
    expect(met).toEqual([
      ...['EPERM', 'ENOENT', 'ENOSYS', 'EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS'],
      ...['EACCES', 'EACCES', 'EROFS'],
    ]);
    expect(readdirSync(world.root)).not.toContain('new');
  });

  /** The launcher, its relay and its init, once the command runs. */
  async function family(node: number): Promise<{ launcher: number; relay: number; init: number }> {
    const launcherOf = () =>
      childrenOf(node).find((pid) =>
        readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('pinfold-launcher'),
      );
    await until(() => childrenOf(launcherOf() ?? 0).length === 2);
    const launcher = launcherOf()!;
    const inner = (pid: number) => /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    const children = childrenOf(launcher);
    return { launcher, init: children.find(inner)!, relay: children.find((pid) => !inner(pid))! };
  }

  const LOOP = 'echo ready; while :; do cat "$0" 2>&-; done';

  test.each(['node', 'launcher', 'relay'] as const)(
    'when the %s is killed nobody is left waiting',
    async (who) => {
      const child = start(['sh', '-c', LOOP, `${world.home}/.ssh/id_ed25519`]);
      const ended = finished(child);
      await new Promise((accept) => child.stdout?.once('data', accept));
      const all = { node: child.pid!, ...(await family(child.pid!)) };
      process.kill(all[who], 'SIGKILL');
      if (who === 'relay') {
        // The command goes on, and what is hidden stays shut: the kernel answers.
        await until(() => !alive(all.relay));
        expect(alive(all.init)).toBe(true);
        process.kill(all.node, 'SIGTERM');
      }
      await ended;
      await until(() => [all.launcher, all.relay, all.init].every((pid) => !alive(pid)));
    },
  );

  test('a relay that is gone opens nothing', async () => {
    const marker = `${world.project}/go`;
    const script = `echo ready; until [ -e go ]; do sleep 0.05; done; exec "$0" read "$1" -- read "$2" -- read "$3"`;
    const paths = [`${world.home}/.bashrc`, `${world.project}/.env`, `${world.project}/README`];
    const child = start(['sh', '-c', script, world.probe, ...paths]);
    const ended = finished(child);
    await new Promise((accept) => child.stdout?.once('data', accept));
    const { relay } = await family(child.pid!);
    process.kill(relay, 'SIGKILL');
    await until(() => !alive(relay));
    const sessions = `${world.home}/.local/state/pinfold/sessions`;
    const last = `${sessions}/${readdirSync(sessions).sort().at(-1)}`;
    const log = () => readFileSync(`${last}/events.jsonl`, 'utf8');
    await until(() => log().includes('"kind":"weakened"'));
    mkdirSync(marker);
    const { stdout, stderr } = await ended;
    expect(stdout).toBe('ready\nENOTCONN\nENOTCONN\nok:a project\n');
    // And the person is told what nobody saw.
    expect(stderr).toMatch(/^pinfold did not see looks at hidden names from \d\d:\d\d:\d\d UTC on: /m);
    const { enforcement } = JSON.parse(readFileSync(`${last}/session.json`, 'utf8')) as Outcome;
    expect(enforcement.find(({ mechanism }) => mechanism === 'tripwire')).toMatchObject({ state: 'partial' });
  });

  test('a run whose relay lasts says nothing of it', async () => {
    const { stdout, stderr } = await inside(['sh', '-c', 'sleep 0.2; echo done']);
    expect([stdout, stderr]).toEqual(['done\n', '']);
  });
});

function dirOf(path: string): string {
  return `/${path.split('/')[1]}`;
}

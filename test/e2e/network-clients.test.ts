/** Programs that nobody configured: with no proxy in the environment they reach allowed names and the host's loopback, and nothing else. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { compileFixture, makeWorld, people, type World } from '../fixtures/world.ts';

const FETCH = 'fetch(process.argv[1]).then((answer) => answer.text()).then(console.log)';
const HTTP =
  "require(process.argv[1].split(':')[0]).get(process.argv[1], (answer) => answer.pipe(process.stdout))";
const URLLIB = 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())';
const REQUESTS = 'import sys, requests; print(requests.get(sys.argv[1]).text)';
const JAVA = `import java.net.URI;
public class Fetch {
  public static void main(String[] words) throws Exception {
    System.out.println(new String(URI.create(words[0]).toURL().openStream().readAllBytes()));
  }
}`;

type Client = readonly [name: string, argv: (url: string, world: World) => readonly string[]];

/** Each fetches an address and prints what it got, or ends with a failure. */
const CLIENTS: readonly Client[] = [
  ['curl', (url) => ['curl', '-sS', url]],
  ['wget', (url) => ['wget', '-q', '-O-', '--tries=1', url]],
  ['Node’s fetch', (url, { node }) => [node, '-e', FETCH, url]],
  ['Node’s http', (url, { node }) => [node, '-e', HTTP, url]],
  ['Python’s urllib', (url) => ['/usr/bin/python3', '-c', URLLIB, url]],
  ['Python’s requests', (url) => ['/usr/bin/python3', '-c', REQUESTS, url]],
];

const ALLOWED = ['--net', 'filtered', '--allow-domain', 'allowed.test'];
const ALSO_DENIED = [...ALLOWED, '--allow-domain', 'denied.test'];

let net: NetworkWorld;
let keyFile: string;

/** A repository that git's dumb protocol and ssh can serve; the one file of its only commit is `fetched`. */
function makeRepository(): void {
  const bare = join(net.files, 'repo.git');
  const git = (...args: string[]) => execFileSync('git', args, { stdio: 'pipe' });
  const work = join(net.directory, 'work');
  git('init', '-q', '-b', 'main', work);
  copyFileSync('/etc/hostname', join(work, 'fetched'));
  git('-C', work, 'add', '.');
  git('-C', work, '-c', 'user.name=P', '-c', 'user.email=p@example.com', 'commit', '-qm', 'Begin');
  git('clone', '-q', '--bare', work, bare);
  git('-C', bare, 'update-server-info');
}

/** A real sshd on the outside, port 22, that lets one key in. */
async function startSshd(): Promise<void> {
  const at = (name: string) => join(net.directory, name);
  mkdirSync(at('ssh'), { mode: 0o700 });
  keyFile = at('ssh/client');
  for (const name of ['ssh/host', 'ssh/client'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
  const options = {
    ListenAddress: '93.184.216.34:22',
    HostKey: at('ssh/host'),
    AuthorizedKeysFile: `${keyFile}.pub`,
    PermitRootLogin: 'yes',
    StrictModes: 'no',
    UsePAM: 'no',
    PidFile: 'none',
  };
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  net.serve('outside', ['/usr/sbin/sshd', '-D', '-q', '-f', '/dev/null', ...words]);
}

/** A real PostgreSQL on a port of `address`, without a password, as somebody who may not be root. */
function startPostgres(where: 'host' | 'outside', address: string): void {
  const person = people.find(({ uid }) => uid !== 0)!;
  const data = join(net.directory, `postgres-${where}`);
  mkdirSync(data);
  execFileSync('chown', [`${person.uid}:${person.gid}`, data]);
  const [version = ''] = readdirSync('/usr/lib/postgresql').sort().reverse();
  const bin = `/usr/lib/postgresql/${version}/bin`;
  const as = { uid: person.uid, gid: person.gid };
  execFileSync(`${bin}/initdb`, ['-D', data, '-A', 'trust', '-U', 'postgres', '-N'], {
    ...as,
    cwd: data,
    stdio: 'pipe',
  });
  execFileSync('sh', ['-c', 'echo "host all all all trust" >> "$0/pg_hba.conf"', data]);
  net.serve(
    where,
    [
      `${bin}/postgres`,
      '-D',
      data,
      '-c',
      'logging_collector=on',
      '-c',
      'log_min_messages=fatal',
      '-k',
      data,
      '-h',
      address,
      '-F',
    ],
    as,
  );
}

function startRedis(where: 'host' | 'outside', address: string): void {
  net.serve(where, [
    'redis-server',
    '--bind',
    address,
    '--port',
    '6379',
    '--save',
    '',
    '--protected-mode',
    'no',
  ]);
}

beforeAll(async () => {
  net = await makeNetworkWorld();
  makeRepository();
  await startSshd();
  for (const [where, address] of [
    ['host', '127.0.0.1'],
    ['outside', '93.184.216.34'],
  ] as const) {
    startPostgres(where, address);
    startRedis(where, address);
  }
}, 120_000);
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  const open = (flags: readonly string[]) => [...flags, '--allow', `${net.directory}:ro`];
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    const key = world.put(join(world.project, 'key'), '', 0o600);
    execFileSync('cp', [keyFile, key]);
    chmodSync(key, 0o600);
    // What takes its time to start answers before anybody inside asks.
    for (const argv of [
      ['psql', '-h', '127.0.0.1', '-U', 'postgres', '-c', ''],
      ['redis-cli', '-h', '127.0.0.1', 'ping'],
      ['psql', '-h', 'allowed.test', '-U', 'postgres', '-c', ''],
      ['redis-cli', '-h', 'allowed.test', 'ping'],
      ['bash', '-c', 'exec 3<>/dev/tcp/allowed.test/22'],
    ])
      await vi.waitFor(async () => expect((await world.run(argv)).code).toBe(0), { timeout: 30_000 });
    await net.visits();
  }, 120_000);
  afterAll(() => world.dispose());

  const refusals = (ran: { stderr: string }) => ran.stderr.match(/denied\.test/g)?.length ?? 0;

  test.each(CLIENTS)('%s reaches an allowed name by http, and no other name', async (_name, argv) => {
    const reached = await world.inside(argv('http://allowed.test:8080/x', world), ALLOWED);
    expect(reached.stdout).toContain('CANARY allowed /x');
    await net.visits();
    const url = 'http://denied.test:8080/x';
    const refused = await world.inside(argv(url, world), ALLOWED);
    expect(refused.stdout).not.toContain('CANARY');
    expect(refused.code).not.toBe(0);
    expect(refusals(refused)).toBeGreaterThan(0);
    expect(await net.visits()).toEqual([]);
    // The control: the same act, allowed.
    expect((await world.inside(argv(url, world), ALSO_DENIED)).stdout).toContain('CANARY denied /x');
  });

  test.each(CLIENTS.slice(0, 5))(
    '%s reaches an allowed name by https, and no other name',
    async (_name, argv) => {
      const trust = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].flatMap((name) => [
        '--env',
        `${name}=${net.certificate}`,
      ]);
      const authority = (url: string) =>
        argv(url, world)[0] === 'wget' ? [`--ca-certificate=${net.certificate}`] : [];
      const inside = (url: string, flags: readonly string[]) =>
        world.inside([...argv(url, world), ...authority(url)], [...open(flags), ...trust]);
      expect((await inside('https://allowed.test/x', ALLOWED)).stdout).toContain('CANARY allowed /x');
      await net.visits();
      const refused = await inside('https://denied.test/x', ALLOWED);
      expect(refused.stdout).not.toContain('CANARY');
      expect(refused.code).not.toBe(0);
      expect(await net.visits()).toEqual([]);
      expect((await inside('https://denied.test/x', ALSO_DENIED)).stdout).toContain('CANARY denied /x');
    },
  );

  test('Java reaches an allowed name, and no other name', async () => {
    world.put(join(world.project, 'Fetch.java'), JAVA);
    const fetch = (url: string, flags: readonly string[]) => world.inside(['java', 'Fetch.java', url], flags);
    expect((await fetch('http://allowed.test:8080/x', ALLOWED)).stdout).toContain('CANARY allowed /x');
    await net.visits();
    const refused = await fetch('http://denied.test:8080/x', ALLOWED);
    expect(refused.stderr).toContain('UnknownHostException');
    expect(await net.visits()).toEqual([]);
    expect((await fetch('http://denied.test:8080/x', ALSO_DENIED)).stdout).toContain('CANARY denied');
  });

  test('headless Chromium loads a page of an allowed name, and of no other name', async () => {
    // Its own sandbox is made of namespaces, which nobody makes inside.
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'];
    const load = (url: string, settings: readonly string[]) =>
      world.inside(['chromium', ...flags, '--disable-component-update', '--dump-dom', url], settings);
    expect((await load('http://allowed.test:8080/x', ALLOWED)).stdout).toContain('CANARY allowed /x');
    await net.visits();
    const refused = await load('http://denied.test:8080/x', [...ALLOWED, '--json']);
    expect(refused.stdout).not.toContain('CANARY');
    // Among its own: it looks for its maker's servers, too.
    expect(refused.stderr.trimEnd().split('\n').at(-1)).toContain('"host":"denied.test"');
    expect(await net.visits()).toEqual([]);
    expect((await load('http://denied.test:8080/x', ALSO_DENIED)).stdout).toContain('CANARY denied /x');
  }, 180_000);

  const SSH = 'ssh -i key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes';
  const CLONE = 'git -c core.sshCommand="$0" clone -q "$1" "$TMPDIR/copy" && ls "$TMPDIR/copy"';
  test.each([
    ['http', 'http://allowed.test/files/repo.git'],
    ['ssh', 'ssh://root@allowed.test/FILES/repo.git'],
  ])('git clones over %s, and not from a name that is not allowed', async (_name, pattern) => {
    const url = pattern.replace('/FILES', net.files);
    const clone = (flags: readonly string[]) => world.inside(['sh', '-c', CLONE, SSH, url], flags);
    const cloned = await clone(ALLOWED);
    expect(cloned.stdout.trim(), cloned.stderr).toBe('fetched');
    await net.visits();
    const refused = await clone(['--net', 'filtered', '--allow-domain', 'a.wild.test']);
    expect(refused.code).toBe(128);
    expect(refused.stderr).toMatch(/Could not resolve host/);
    expect(await net.visits()).toEqual([]);
  });

  const query = (host: string) => ['psql', '-h', host, '-U', 'postgres', '-Atc', 'select 6*7'];
  const set = (host: string) => ['redis-cli', '-h', host, 'ping'];
  const LOCAL = ['--net', 'local'];

  test('psql queries the PostgreSQL of the host’s loopback and of an allowed name', async () => {
    expect((await world.inside(query('127.0.0.1'), LOCAL)).stdout).toBe('42\n');
    expect((await world.inside(query('localhost'), LOCAL)).stdout).toBe('42\n');
    expect((await world.inside(query('allowed.test'), ALLOWED)).stdout).toBe('42\n');
    expect((await world.inside(query('127.0.0.1'), ALLOWED)).stderr).toContain('Connection refused');
    expect((await world.inside(query('allowed.test'), LOCAL)).stderr).toContain(
      'could not translate host name',
    );
  });

  test('redis-cli speaks with the Redis of the host’s loopback and of an allowed name', async () => {
    expect((await world.inside(set('127.0.0.1'), LOCAL)).stdout).toBe('PONG\n');
    expect((await world.inside(set('allowed.test'), ALLOWED)).stdout).toBe('PONG\n');
    expect((await world.inside(set('127.0.0.1'), ALLOWED)).stderr).toContain('Connection refused');
    expect((await world.inside(set('allowed.test'), LOCAL)).code).toBe(1);
  });

  describe('where there are no namespaces', () => {
    let filter = '';
    beforeAll(async () => {
      filter = join(world.root, 'bin/refuse-namespaces');
      copyFileSync(await compileFixture('refuse-namespaces'), filter);
      chmodSync(filter, 0o755);
    });
    const inside = (argv: readonly string[], flags: readonly string[]) =>
      world.run([
        filter,
        '1',
        ...pinfold(),
        'run',
        '--accept-weaker',
        '--mode',
        'strict',
        ...flags,
        '--',
        ...argv,
      ]);

    test('git and Java reach an allowed name by the session’s proxy, and no other', async () => {
      // As the wiring has it, with a key of ours.
      const key = '-i key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes';
      // A clone is more than these hosts allow: it changes modes by path.
      const list = `GIT_SSH_COMMAND="$GIT_SSH_COMMAND ${key}" git ls-remote --heads "$0" | cut -f2`;
      const other = ['--net', 'filtered', '--allow-domain', 'a.wild.test'];
      for (const url of [
        'http://allowed.test/files/repo.git',
        `ssh://root@allowed.test${net.files}/repo.git`,
      ]) {
        const listed = await inside(['sh', '-c', list, url], ALLOWED);
        expect(listed.stdout, listed.stderr).toBe('refs/heads/main\n');
        await net.visits();
        expect((await inside(['sh', '-c', list, url], other)).stdout).toBe('');
        expect(await net.visits()).toEqual([]);
      }
      world.put(join(world.project, 'Fetch.java'), JAVA);
      const fetch = ['java', 'Fetch.java', 'http://allowed.test:8080/x'];
      const reached = await inside(fetch, ALLOWED);
      expect(reached.stdout, reached.stderr).toContain('CANARY allowed /x');
      await net.visits();
      expect((await inside(fetch, other)).stdout).not.toContain('CANARY');
      expect(await net.visits()).toEqual([]);
    });

    test('psql and redis-cli reach the host’s loopback with `local`, and without it do not', async () => {
      const asked = await inside(query('127.0.0.1'), LOCAL);
      expect(asked.stdout, asked.stderr).toBe('42\n');
      expect((await inside(set('127.0.0.1'), LOCAL)).stdout).toBe('PONG\n');
      expect((await inside(query('127.0.0.1'), ALLOWED)).stderr).toContain('Connection refused');
    });
  });
});

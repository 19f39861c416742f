/** Where there are no namespaces the network is the host's: nothing of it is reached but the session's proxy, and what that may. */
import { once } from 'node:events';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { library } from '../fixtures/library.ts';
import { ALLOWED, DENIED, makeNetworkWorld, type NetworkWorld, PRIVATE } from '../fixtures/network-world.ts';
import { compileFixture, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

const EPERM = '1';
/** A socket's own words, in order: what connect(2) of each place says, as an errno's name. */
const CONNECTS = `
import errno, socket, sys
for word in sys.argv[1:]:
    address, port = word.rsplit(':', 1)
    try:
        s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
        print(errno.errorcode.get(s.connect_ex((address, int(port))), 'ok'))
    except OSError as error: print('socket', errno.errorcode[error.errno])
`;
const LISTENER =
  "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('up', flush=True); sys.stdin.read()";
/** Ways past connect(2). */
const ROUNDABOUT = `
import errno, socket, sys
address, port = sys.argv[1], int(sys.argv[2])
def told(act):
    try: print(act() or 'ok')
    except OSError as error: print(errno.errorcode[error.errno])
def tcp(): return socket.socket(socket.AF_INET)
told(lambda: tcp().sendto(b'x', 0x20000000, (address, port)))
told(lambda: tcp().sendmsg([b'x'], [], 0x20000000, (address, port)))
told(lambda: tcp().setsockopt(socket.IPPROTO_TCP, 31, b'smc'))
told(lambda: tcp().listen())
told(lambda: tcp().bind(('127.0.0.1', 0)))
told(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) and 'made')
told(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) and 'made')
told(lambda: socket.socket(socket.AF_UNIX) and 'made')
told(lambda: socket.socketpair()[0].connect(sys.argv[3]))
`;

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  let filter = '';
  let race = '';
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    filter = join(world.root, 'bin/refuse-namespaces');
    copyFileSync(await compileFixture('refuse-namespaces'), filter);
    chmodSync(filter, 0o755);
    race = join(world.project, 'connect-race');
    copyFileSync(await compileFixture('connect-race'), race);
    chmodSync(race, 0o755);
    copyFileSync(net.certificate, join(world.project, 'ca.pem'));
    chmodSync(join(world.project, 'ca.pem'), 0o644);
  });
  afterAll(() => world.dispose());

  const words = (argv: readonly string[], flags: readonly string[]): string[] => [
    filter,
    EPERM,
    ...pinfold(),
    'run',
    '--accept-weaker',
    '--mode',
    'standard',
    ...flags,
    '--',
    ...argv,
  ];
  const inside = (argv: readonly string[], flags: readonly string[]): Promise<Ran> =>
    world.run(words(argv, flags));
  const connects = (places: readonly string[]): string[] => ['/usr/bin/python3', '-c', CONNECTS, ...places];
  const visitors = async () =>
    (await net.visits()).filter(({ kind }) => kind !== 'dns').map(({ name }) => name);
  /** Hosts that the last run of the project was refused, from its log. */
  const refusals = async (): Promise<string[]> => {
    const { stdout } = await world.pinfold(['violations', '--json']);
    const { violations } = JSON.parse(stdout) as { violations: { subject: { host?: string } }[] };
    return violations.map(({ subject }) => subject.host ?? '');
  };

  test('allowed hosts are reached by name through the proxy, plain and with TLS, and no others', async () => {
    await net.visits();
    const script = `curl -sS http://allowed.test:8080/; curl -sS --cacert ca.pem https://allowed.test/ ; wget -qO- http://allowed.test:8080/;
      python3 -c 'import urllib.request as u; print(u.urlopen("http://allowed.test:8080/").read().decode())'
      curl -sS -o /dev/null -w '%{http_code}\\n' http://denied.test:8080/; curl -sS https://denied.test/; curl -sS -o /dev/null -w '%{http_code}\\n' http://lo.wild.test:8080/; exit 0`;
    const ran = await inside(
      ['sh', '-c', script],
      ['--allow-domain', 'allowed.test', '--allow-domain', '*.wild.test'],
    );
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout.match(/CANARY allowed/g)).toHaveLength(4);
    expect(
      ran.stdout
        .trimEnd()
        .split('\n')
        .filter((line) => /^\d+$/.test(line)),
    ).toEqual(['403', '403']);
    expect(new Set(await visitors())).toEqual(new Set(['allowed']));
    expect(await refusals()).toEqual(['denied.test', 'denied.test', 'lo.wild.test']);
    expect((await world.run(['curl', '-sS', 'http://denied.test:8080/'])).stdout).toContain('CANARY denied');
  });

  test('no place is reached but the proxy: not by address, not on the loopback, and nothing gets out', async () => {
    await net.visits();
    const places = [
      `${ALLOWED}:8080`,
      `${DENIED}:53`,
      `${PRIVATE}:8080`,
      '127.0.0.1:8080',
      '127.0.0.53:53',
      '::1:8080',
      '2606:2800:220:1::34:8080',
    ];
    const ran = await inside(connects(places), ['--net', 'filtered', '--allow-domain', 'allowed.test']);
    expect(ran.stdout.trimEnd().split('\n')).toEqual([
      'EACCES',
      'EACCES',
      'EACCES',
      'ECONNREFUSED',
      'ECONNREFUSED',
      'ECONNREFUSED',
      'EACCES',
    ]);
    expect(ran.stderr).toContain("only by name through the session's proxy");
    expect(await visitors()).toEqual([]);
    expect((await world.run(connects(places))).stdout.trimEnd().split('\n')).toEqual(places.map(() => 'ok'));
  });

  test('there is no way around connect(2)', async () => {
    await net.visits();
    const path = join(world.outside, 'listening');
    const server = world.start(['/usr/bin/python3', '-c', LISTENER, path], { input: null });
    await once(server.stdout!, 'data');
    const ran = await inside(
      ['/usr/bin/python3', '-c', ROUNDABOUT, ALLOWED, '8080', path],
      ['--allow-domain', 'allowed.test'],
    );
    expect(ran.stdout.trimEnd().split('\n'), ran.stderr).toEqual([
      'ENOTSUP',
      'ENOTSUP',
      'ENOTSUP',
      'EPERM',
      'EPERM',
      'EPERM',
      'EPERM',
      'EPERM',
      'EISCONN',
    ]);
    expect(await visitors()).toEqual([]);
    const outside = await world.run(['/usr/bin/python3', '-c', ROUNDABOUT, ALLOWED, '8080', path]);
    server.stdin!.end();
    expect(outside.stdout.split('\n').slice(3, 8)).toEqual(['ok', 'ok', 'made', 'made', 'made']);
  });

  test('where it leads is what the supervisor read, whatever is rewritten or exchanged meanwhile', async () => {
    await net.visits();
    const program = `p=\${ALL_PROXY##*:}; exec ./connect-race 127.0.0.1 "$p" ${DENIED} 8080 400`;
    const ran = await inside(['sh', '-c', program], []);
    expect(ran.code, ran.stderr).toBe(0);
    const [, one, other, refused] = /^one (\d+) other (\d+) refused (\d+)$/m.exec(ran.stdout)!.map(Number);
    expect(other).toBe(0);
    expect(one! + refused!).toBe(400);
    expect([one! > 0, refused! > 0]).toEqual([true, true]);
    expect(await visitors()).toEqual([]);
    const control = await world.run([race, ALLOWED, '8080', DENIED, '80', '4000']);
    expect(Number(/other (\d+)/.exec(control.stdout)![1]), control.stdout).toBeGreaterThan(0);
    expect(await visitors()).toContain('denied');
  });

  test('the proxy wants the session’s password', async () => {
    const script = `p=\${ALL_PROXY##*:}; for who in '' pinfold:guess@; do
      curl -sS -o /dev/null -w '%{http_code}\\n' --proxy "http://\${who}127.0.0.1:$p" http://allowed.test:8080/; done
      curl -sS http://allowed.test:8080/`;
    const ran = await inside(['sh', '-c', script], ['--allow-domain', 'allowed.test']);
    expect(ran.stdout, ran.stderr).toMatch(/^407\n407\nCANARY allowed/);
  });

  test('with `local` the services of the host’s loopback are reached, but for those that lead out', async () => {
    await net.visits();
    const fetch =
      'curl -sS http://127.0.0.1:8080/ && curl -sS -g "http://[::1]:8080/" && curl -sS http://127.0.0.1:8080/';
    const ran = await inside(['sh', '-c', fetch], ['--net', 'local', '--json']);
    expect(ran.stdout.match(/CANARY loopback/g), ran.stderr).toHaveLength(3);
    const { traffic } = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!);
    expect(traffic).toMatchObject([
      {
        kind: 'host',
        host: '127.0.0.1',
        port: 8080,
        connections: 2,
        program: expect.stringMatching(/curl$/),
      },
      { kind: 'host', host: '::1', port: 8080, connections: 1 },
    ]);
    const refused = await inside(connects(['127.0.0.1:53', '127.0.0.1:9', `${DENIED}:8080`]), [
      '--net',
      'local',
    ]);
    expect(refused.stdout.trimEnd().split('\n')).toEqual(['EACCES', 'ECONNREFUSED', 'EACCES']);
    expect(refused.stderr).toContain('127.0.0.1:53');
  });

  test('what the program asked of its socket and its descriptor stays', async () => {
    const program = `
import os, socket
port = int(os.environ['ALL_PROXY'].rsplit(':', 1)[1])
for block in (True, False):
    s = socket.socket(); s.setblocking(block)
    if block: os.set_inheritable(s.fileno(), True)
    print(s.connect_ex(('127.0.0.1', port)), s.getpeername()[1] == port, os.get_blocking(s.fileno()), os.get_inheritable(s.fileno()))
`;
    const ran = await inside(['/usr/bin/python3', '-c', program], []);
    expect(ran.stdout, ran.stderr).toBe('0 True True True\n0 True False False\n');
  });

  test('a session that runs gets a host, and loses it with its connections', async () => {
    const program = `
      await using sandbox = await createSandbox({ mode: 'standard', unsafeAcceptWeaker: true });
      const fetch = async (...more) => (await sandbox.run('curl', ['-sS', ...more, 'http://allowed.test:8080/'])).stdout.split('\\n')[0];
      const before = await fetch();
      await sandbox.allow({ host: 'allowed.test' });
      const meanwhile = await fetch();
      await sandbox.revoke({ host: 'allowed.test' });
      report([before, meanwhile, await fetch()]);`;
    const said = await library<unknown>(world, program, { before: [filter, EPERM] });
    expect(said).toEqual([
      'Pinfold refused this connection.',
      expect.stringContaining('CANARY allowed'),
      'Pinfold refused this connection.',
    ]);
  });

  test('what was sent is accounted for by program and place', async () => {
    const ran = await inside(
      ['curl', '-sS', 'http://allowed.test:8080/'],
      ['--allow-domain', 'allowed.test', '--json'],
    );
    const { traffic } = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!);
    expect(traffic).toMatchObject([
      {
        kind: 'egress',
        host: 'allowed.test',
        port: 8080,
        connections: 1,
        program: expect.stringMatching(/curl$/),
      },
    ]);
  });
});

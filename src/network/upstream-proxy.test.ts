/** Claims about the corporate proxy: which destinations go through it, what it is told, and what happens when it fails. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ProxyUrl } from '../policy/proxy-url.ts';
import { ask, makeWorld, outcomeOf, PUBLIC, type World } from './canary.fixture.ts';
import { exceptionsOf } from './no-proxy.ts';
import { upstreamFrom } from './upstream-proxy.ts';

function proxyUrl(text: string): ProxyUrl {
  const result = ProxyUrl.parse(text);
  if (result.kind === 'bad') throw new Error(result.why);
  return result.proxy;
}

describe('NO_PROXY, as curl reads it,', () => {
  test.each([
    ['corp.test', 'corp.test a.corp.test', 'xcorp.test corp.test.evil.test'],
    ['.corp.test', 'corp.test a.corp.test', 'xcorp.test'],
    ['CORP.test.', 'corp.test', 'other.test'],
    ['a.test, b.test c.test', 'a.test b.test c.test', 'd.test'],
    ['*', 'any.test 1.1.1.1 ::1', ''],
    ['10.0.0.0/8 192.168.1.1', '10.1.2.3 192.168.1.1', '11.0.0.1 192.168.1.2 ten.test'],
    ['[2001:db8::]/32, ::1', '2001:db8::5 ::1', '2001:db9::1 ::2'],
    ['10.0.0.0/33 10.0.0.0/x a.test:80 *.b.test', '', '10.0.0.0 a.test x.b.test'],
    ['', '', 'a.test 1.1.1.1'],
  ])('%j covers %j and not %j', (text, covered, others) => {
    const covers = exceptionsOf(text);
    const hosts = `${covered} ${others}`.split(' ').filter(Boolean);
    expect(hosts.filter(covers).join(' ')).toBe(covered);
  });
});

describe('the proxy of a destination', () => {
  const chosen = (source: Parameters<typeof upstreamFrom>[0], host = 'a.test', port = 443) =>
    upstreamFrom(source)({ host, port })?.toString();
  const environment = {
    HTTPS_PROXY: 'http://upper.test:1',
    https_proxy: 'http://lower.test:1',
    HTTP_PROXY: 'plain.test:2',
    ALL_PROXY: 'http://all.test:3',
    no_proxy: 'near.test',
  };

  test('N-P52: is none unless the settings ask for one, whatever the variables say', () => {
    expect(chosen({ environment })).toBeUndefined();
    expect(chosen({ setting: 'environment', environment })).toBe('http://lower.test:1');
  });

  test('is that of the variable for its port, in lower case first', () => {
    const of = (port: number) => chosen({ setting: 'environment', environment }, 'a.test', port);
    expect([443, 80, 22].map(of)).toEqual([
      'http://lower.test:1',
      'http://plain.test:2',
      'http://lower.test:1',
    ]);
    const only = { ALL_PROXY: 'all.test:3', https_proxy: '' };
    expect(chosen({ setting: 'environment', environment: only })).toBe('http://all.test:3');
    expect(chosen({ setting: 'environment', environment: {} })).toBeUndefined();
  });

  test('is none for what NO_PROXY names, also where the settings name the proxy', () => {
    const setting = proxyUrl('http://set.test:4');
    const of = (host: string) => chosen({ setting, environment }, host);
    expect(['a.test', 'x.near.test'].map(of)).toEqual(['http://set.test:4', undefined]);
  });

  test('is an error where a variable names one that cannot be used, without its password', () => {
    const broken = { https_proxy: 'socks5://me:secret@proxy.test' };
    const act = () => upstreamFrom({ setting: 'environment', environment: broken });
    expect(act).toThrow(expect.objectContaining({ code: 'ERR_UPSTREAM_PROXY' }));
    expect(act).not.toThrow(/secret/);
    expect(upstreamFrom({ environment: broken })({ host: 'a.test', port: 443 })).toBeUndefined();
  });
});

describe('through a proxy', () => {
  let world: World;
  let server: Server;
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  /** Does with a client whose request was read what the test wants. */
  let behave: (socket: Socket) => void;

  function tunnel(socket: Socket): void {
    const upstream = connect(world.port, PUBLIC.allowed, () => {
      // In one piece with the server's first bytes: they must not be lost with the head.
      upstream.once('data', (data) => {
        socket.write(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nX: y\r\n\r\n'), data]));
      });
    });
    sockets.add(upstream);
  }
  const answering = (text: string) => (socket: Socket) => socket.end(text);

  beforeAll(async () => {
    world = await makeWorld();
    server = createServer((socket) => {
      sockets.add(socket);
      let head = '';
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        head += chunk;
        if (!head.endsWith('\r\n\r\n')) return;
        heads.push(head);
        behave(socket);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    for (const list of [heads, world.hits, world.refusals, world.resolved]) list.length = 0;
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await world[Symbol.asyncDispose]();
  });

  function gateBehind(rules: string, noProxy = '', timeoutMs = 5000) {
    const { port } = server.address() as AddressInfo;
    const setting = proxyUrl(`http://me:s%3Acret@127.0.0.1:${port}`);
    const upstream = upstreamFrom({ setting, environment: { no_proxy: noProxy } });
    return world.gate(rules, { upstream, dialling: { timeoutMs } });
  }

  test('an allowed name is connected to by name, with the credentials, and not resolved here', async () => {
    behave = tunnel;
    const connected = await gateBehind('+allowed.test').connect({ host: 'allowed.test', port: 8443 });
    expect(connected).toMatchObject({ kind: 'connected', via: 'upstream', address: '127.0.0.1' });
    expect(await outcomeOf(connected)).toBe(`CANARY ${PUBLIC.allowed}`);
    expect(heads).toEqual([
      `CONNECT allowed.test:8443 HTTP/1.1\r\nHost: allowed.test:8443\r\nProxy-Authorization: Basic ${btoa('me:s:cret')}\r\n\r\n`,
    ]);
    expect(world.resolved).toEqual([]);
  });

  test('a name that is not allowed is refused before the proxy hears of it', async () => {
    behave = tunnel;
    const gate = gateBehind('+allowed.test');
    expect(await ask(gate, 'denied.test:443')).toBe('not-allowed');
    expect(heads).toEqual([]);
    expect(await ask(gate, 'allowed.test:443')).toBe(`CANARY ${PUBLIC.allowed}`);
  });

  test('what NO_PROXY names is dialled from here, with every check of addresses', async () => {
    behave = tunnel;
    const gate = gateBehind(`+*.wild.test +${PUBLIC.wild}`, 'wild.test');
    expect(await ask(gate, `a.wild.test:${world.port}`)).toBe(`CANARY ${PUBLIC.wild}`);
    expect(await ask(gate, `lo.wild.test:${world.port}`)).toBe('address');
    expect(heads).toEqual([]);
  });

  test("a listed address of this host's loopback never goes through, where it would be the proxy's own", async () => {
    behave = tunnel;
    expect(await ask(gateBehind(`+${PUBLIC.wild} +10.0.0.1`), `${PUBLIC.wild}:${world.port}`)).toBe(
      `CANARY ${PUBLIC.wild}`,
    );
    expect(heads).toEqual([]);
    expect(await ask(gateBehind('+10.0.0.1'), '10.0.0.1:80')).toBe(`CANARY ${PUBLIC.allowed}`);
    expect(heads).toHaveLength(1);
  });

  test.each([
    ['refuses the credentials', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'answered 407'],
    ['sends somebody elsewhere', 'HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n', 'answered 302'],
    ['speaks something else', 'SSH-2.0-x\r\n\r\n', 'does not answer as an HTTP proxy'],
    ['hangs up', '', 'does not answer as an HTTP proxy'],
    [
      'never ends its headers',
      `HTTP/1.1 200 OK\r\n${'x'.repeat(40_000)}`,
      'does not answer as an HTTP proxy',
    ],
  ])('one that %s leads to a refusal that says so', async (_, text, why) => {
    behave = answering(text);
    const refused = await gateBehind('+allowed.test').connect({ host: 'allowed.test', port: 443 });
    const { port } = server.address() as AddressInfo;
    expect(refused).toMatchObject({
      reason: 'unreachable',
      detail: `the upstream proxy 127.0.0.1:${port} ${why}`,
    });
    expect(world.hits).toEqual([]);
  });

  test('one that is silent is given up, by the limit or by the client', async () => {
    behave = () => {};
    const refused = await gateBehind('+allowed.test', '', 50).connect({ host: 'allowed.test', port: 443 });
    expect(refused).toMatchObject({ reason: 'unreachable' });
    expect(refused.kind === 'refused' && refused.detail).toMatch(/did not answer within 0\.05 s$/);
    const gone = new AbortController();
    behave = () => gone.abort(new Error('the client has gone'));
    const pending = gateBehind('+allowed.test').connect({ host: 'allowed.test', port: 443 }, gone.signal);
    await expect(pending).rejects.toThrow('the client has gone');
  });
});

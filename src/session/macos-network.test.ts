/** Claims about the network of a run on macOS, with real clients, a real gate and the profile evaluated. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Profile } from '../../test/fixtures/sbpl.ts';
import { unconfinedMac } from '../../test/fixtures/unconfined-mac.ts';
import type { MacSystem } from '../platform/macos/sandbox-exec.ts';
import { mergePolicy } from '../policy/merge.ts';
import type { NetworkAccess, Policy, SettingsLayer } from '../policy/types.ts';
import { askSession } from './control-client.ts';
import type { SessionEvent } from './event-log.ts';
import { macFacts } from './macos-profile.ts';
import { loopbackReach } from './macos-reach.ts';
import { runOnMac } from './macos-run.ts';
import type { ListedSession } from './store.ts';
import type { LoadedPolicy } from './types.ts';

const origin = { scope: 'user', text: 'test' } as const;
let root = '';
let web: Server;
let port = 0;

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pinfold-mac-net-')));
  for (const name of ['home', 'project', 'private-home', 'session']) mkdirSync(join(root, name));
  web = createServer((request, response) => response.end(`CANARY ${request.url}\n`));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  port = (web.address() as AddressInfo).port;
});
afterEach(() => {
  web.close();
  rmSync(root, { recursive: true });
});

function load(said: Partial<SettingsLayer>): LoadedPolicy {
  const homeDir = join(root, 'home');
  const facts = {
    homeDir,
    projectDir: join(root, 'project'),
    privateHome: join(root, 'private-home'),
    runtime: [{ path: '/usr', why: 'programs' }],
    toolchains: [],
    gitConfig: [],
    macos: macFacts(join(root, 'temp')),
    pinfold: {
      configDir: join(homeDir, 'c'),
      stateDir: join(root, 'state'),
      dataDir: join(homeDir, 'd'),
      installDir: '/opt/p',
    },
  };
  const layers: SettingsLayer[] = [{ scope: 'user', trusted: true, ...said }];
  return { facts, layers, policy: mergePolicy({ layers, facts, now: new Date() }) };
}

function access(value: NetworkAccess): Partial<SettingsLayer> {
  return { networkAccess: { value, origin } };
}

function domains(...patterns: readonly string[]): Partial<SettingsLayer> {
  return { allowedDomains: patterns.map((value) => ({ value, origin })) };
}

interface Told {
  readonly events: SessionEvent[];
}

async function run(loaded: LoadedPolicy, system: MacSystem, script: string, told: Told = { events: [] }) {
  return await runOnMac(
    loaded,
    { argv: ['/bin/sh', '-c', script], cwd: join(root, 'project') },
    {
      launcherPath: '',
      environment: { PATH: '/usr/local/bin:/usr/bin:/bin', npm_config_proxy: 'http://elsewhere' },
    },
    {
      onPlanned: () => ({ id: 'x', directory: join(root, 'session') }),
      onEvent: (event) => told.events.push(event),
    },
    system,
  );
}

const output = () => readFileSync(join(root, 'project/out'), 'utf8');

describe.each(['none', 'local', 'filtered'] as const)('with network access %s', (value) => {
  test('what is allowed is reached through the gate and counted, and everything else is refused and told', async () => {
    const loaded = load({ ...access(value), ...domains(`127.0.0.1:${port}`) });
    const told: Told = { events: [] };
    const outcome = await run(
      loaded,
      unconfinedMac(),
      // The address is the loopback's, and so past every proxy unless curl is told otherwise.
      `curl -sS --noproxy "" http://127.0.0.1:${port}/x > out; curl -sS http://denied.test/ >> out`,
      told,
    );
    expect(output()).toContain('CANARY /x');
    const [violation] = outcome.violations;
    expect(violation?.denial).toMatchObject({
      act: 'connect',
      subject: { kind: 'host', host: 'denied.test', port: 80 },
      observer: 'gate',
    });
    expect(output()).toContain(violation!.id);
    expect(outcome.violations).toHaveLength(1);
    expect(outcome.traffic).toMatchObject([{ kind: 'egress', host: '127.0.0.1', port, connections: 1 }]);
    expect(told.events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['reached', 'traffic', 'violation']),
    );
  });

  test('the profile opens the port of the gate, which is gone afterwards, and no host', async () => {
    const system = unconfinedMac();
    await run(load({ ...access(value), ...domains('api.example.com') }), system, ':');
    const [{ profile, environment }] = system.started as [(typeof system.started)[0]];
    const gate = Number(new URL(environment.https_proxy!).port);
    const may = (remote: string) => new Profile(profile).allows({ operation: 'network-outbound', remote });
    expect(may(`localhost:${gate}`)).toBe(true);
    expect([may('*:443'), may('203.0.113.7:443'), may('localhost:2375')]).toEqual([false, false, false]);
    expect(may(`localhost:${gate === 65_535 ? 1024 : gate + 1}`)).toBe(value === 'local');
    const refused = await new Promise((resolve) => connect(gate, '127.0.0.1').on('error', resolve));
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    // What the host said of a proxy is not what holds inside.
    expect(environment.npm_config_proxy).toBe(environment.http_proxy);
    expect(environment).toMatchObject({ NODE_USE_ENV_PROXY: '1', PIP_PROXY: environment.http_proxy });
    expect(environment.JAVA_TOOL_OPTIONS).toContain(`-DsocksProxyPort=${gate}`);
  });
});

test.each([true, false])(
  'SOCKS takes an empty password where the socket is the session’s: %s',
  async (holds) => {
    // As java.net speaks, which reads no password from anywhere.
    await run(
      load(domains(`127.0.0.1:${port}`)),
      unconfinedMac({ holds }),
      `bare=\${http_proxy##*@}; curl -sS --noproxy "" -x "socks5h://ann:@$bare" http://127.0.0.1:${port}/x > out; true`,
    );
    expect(output().includes('CANARY /x')).toBe(holds);
  },
);

test('whoever has not the password of the session gets nothing from the gate', async () => {
  const loaded = load(domains(`127.0.0.1:${port}`));
  await run(
    loaded,
    unconfinedMac(),
    `bare=\${http_proxy##*@}; curl -sS --noproxy "" -x "http://$bare" http://127.0.0.1:${port}/x > out`,
  );
  expect(output()).not.toContain('CANARY');
  expect(output()).toContain('password');
});

test('services are closed, and a person opens a group by its name', async () => {
  const lookup = { operation: 'mach-lookup', name: 'com.apple.trustd.agent' } as const;
  for (const [said, allowed] of [
    [{}, false],
    [{ macServices: [{ value: 'tls', origin }] }, true],
  ] as const) {
    const system = unconfinedMac();
    await run(load(said), system, ':');
    expect(new Profile(system.started[0]!.profile).allows(lookup)).toBe(allowed);
  }
});

test('a variable that a person set by name stays as it is', async () => {
  const system = unconfinedMac();
  await run(load({ environment: { set: { HTTP_PROXY: { value: 'http://mine', origin } } } }), system, ':');
  expect(system.started[0]?.environment.HTTP_PROXY).toBe('http://mine');
});

test('where the administrator lets no host be named there is no gate', async () => {
  const loaded = load(access('none'));
  const closed: Policy = { ...loaded.policy, network: { ...loaded.policy.network, closed: origin } };
  const system = unconfinedMac();
  await run({ ...loaded, policy: closed }, system, ':');
  expect(system.started[0]?.environment).not.toHaveProperty('http_proxy');
  expect(system.started[0]?.profile).not.toContain('(remote tcp');
});

describe('a session that runs', () => {
  const session = (): ListedSession =>
    ({ id: 'x', directory: join(root, 'session'), state: 'live', pinfold: { pid: 1 } }) as ListedSession;

  test('is given a host and loses it again while the command runs', async () => {
    const host = `127.0.0.1:${port}`;
    const told: Told = { events: [] };
    const fetch = `curl -sS --noproxy "" http://${host}/`;
    const running = run(
      load(access('none')),
      unconfinedMac(),
      `${fetch}before > out; touch ready; until [ -e opened ]; do sleep .02; done; ${fetch}open >> out; touch used; ` +
        `until [ -e closed ]; do sleep .02; done; ${fetch}after >> out`,
      told,
    );
    const touch = promisify(execFile);
    const there = async (name: string) => {
      for (;;) {
        try {
          return readFileSync(join(root, 'project', name));
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    await there('ready');
    const granted = await askSession(session(), 'allow', { host, lasting: { kind: 'session' } });
    expect(granted).toMatchObject({ host, state: 'opened' });
    await touch('touch', [join(root, 'project/opened')]);
    await there('used');
    expect(await askSession(session(), 'revoke', { host })).toEqual({ host, closed: 0 });
    await touch('touch', [join(root, 'project/closed')]);
    const { violations } = await running;
    expect(output()).toContain('CANARY /open');
    expect(output()).not.toMatch(/CANARY \/(before|after)/);
    expect(violations).toMatchObject([{ count: 2, denial: { observer: 'gate' } }]);
    expect(told.events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['grant', 'grant-used', 'grant-ended']),
    );
  });

  test('takes no further command, and says what to do instead', async () => {
    const running = run(load({}), unconfinedMac(), 'until [ -e done ]; do sleep .02; done');
    const refused = askSession(session(), 'exec', { argv: ['/bin/true'] });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_PLATFORM_UNSUPPORTED' });
    await askSession(session(), 'stop', { graceMs: 0 });
    expect((await running).ending.kind).toBe('killed');
  });
});

describe('the loopback of the host', () => {
  const reach = (said: Partial<SettingsLayer>) => loopbackReach(load(said).policy.network);
  const ports = (...values: readonly number[]): Partial<SettingsLayer> => ({
    localPorts: values.map((value) => ({ value, origin })),
  });
  const deniedHosts = (...values: readonly string[]): Partial<SettingsLayer> => ({
    deniedDomains: values.map((value) => ({ value, origin })),
  });

  test('is closed with none and filtered, but for what is listed', () => {
    for (const value of ['none', 'filtered'] as const) {
      expect(reach(access(value))).toEqual({ loopback: false, ports: [], refusedPorts: [] });
      expect(reach({ ...access(value), ...domains('localhost:5432') }).ports).toEqual([5432]);
      expect(reach({ ...access(value), ...domains('127.0.0.1') })).toMatchObject({
        loopback: false,
        ports: 'any',
        refusedPorts: [],
      });
    }
  });

  test('is open with local, but for ports on which services run code', () => {
    const { loopback, ports: open, refusedPorts } = reach(access('local'));
    expect([loopback, open]).toEqual([true, 'any']);
    expect(refusedPorts).toContain(2375);
    expect(refusedPorts).not.toContain(5432);
  });

  test('has only the ports that localPorts lists, also one that runs code', () => {
    const open = reach({ ...access('local'), ...ports(5432, 9229) });
    expect(open).toEqual({ loopback: true, ports: [5432, 9229], refusedPorts: [] });
  });

  test('a denial holds against local and against a listed port', () => {
    expect(reach({ ...access('local'), ...deniedHosts('localhost:5432') }).refusedPorts).toContain(5432);
    expect(reach({ ...access('local'), ...ports(5432), ...deniedHosts('127.0.0.1:5432') }).ports).toEqual([]);
    expect(reach({ ...access('local'), ...deniedHosts('localhost') })).toMatchObject({ ports: [] });
  });
});

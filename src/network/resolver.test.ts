/** Claims about names asked inside: who gets an address, what it stands for, and that no bytes can upset the resolver. */
import { createSocket } from 'node:dgram';
import { Resolver as NodeResolver } from 'node:dns/promises';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normaliseHost } from '../policy/host-pattern.ts';
import { formatAddress } from '../policy/ip-address.ts';
import { type QueryParts, queryBytes, readReply, TYPE } from './dns.fixture.ts';
import { EgressRules } from './egress-rules.ts';
import { Resolver } from './resolver.ts';
import { rulesOf } from './rules.fixture.ts';

const RULES = '+allowed.test +*.wild.test -a.wild.test +port.test:22 -*.shut.test';
const resolver = (written = RULES) => new Resolver({ rules: new EgressRules(rulesOf(written)) });

function ask(parts: QueryParts, of = resolver()) {
  const { reply, refused, asked } = of.answer(queryBytes(parts));
  const read = readReply(reply!);
  return { code: read.code, records: read.records, reason: refused?.reason, refused, asked };
}

const addressText = (data: Buffer): string =>
  formatAddress({ family: data.length === 4 ? 4 : 6, value: BigInt(`0x${data.toString('hex')}`) });

describe('a name inside', () => {
  test.each([
    ['allowed.test', 'allowed.test'],
    ['ALLOWED.Test', 'allowed.test'],
    ['b.wild.test', 'b.wild.test'],
    ['port.test', 'port.test'],
  ])('%s gets an address that stands for %s, in both families', (name, host) => {
    const inner = resolver();
    for (const [type, pattern] of [
      [TYPE.A, /^198\.1[89]\./],
      [TYPE.AAAA, /^fd70:696e:666f:6c64:/],
    ] as const) {
      const { code, records, reason } = ask({ name, type }, inner);
      expect([code, records.length, reason]).toEqual([0, 1, undefined]);
      expect(records[0]).toMatchObject({ type, ttl: 30 });
      const address = addressText(records[0]!.data);
      expect(address).toMatch(pattern);
      expect(inner.destinationOf(address, 443)).toEqual({ host, port: 443 });
    }
  });

  test.each([
    ['denied.test', 'not-allowed', undefined],
    ['wild.test', 'not-allowed', undefined],
    ['xwild.test', 'not-allowed', undefined],
    ['sub.allowed.test', 'not-allowed', undefined],
    ['secret-data.exfil.test', 'not-allowed', undefined],
    ['metadata.google.internal', 'not-allowed', undefined],
    ['a.wild.test', 'denied', 'a.wild.test'],
    ['x.shut.test', 'denied', '*.shut.test'],
    ['', 'protocol', undefined],
    ['denied.test\0', 'protocol', undefined],
    ['exa mple.test', 'protocol', undefined],
    ['xn--a.wild.test', 'protocol', undefined],
    ['127.0.0.1', 'protocol', undefined],
    ['1.1.168.192.in-addr.arpa', 'not-allowed', undefined],
  ])('%j does not exist: %s', (name, reason, pattern) => {
    for (const type of [TYPE.A, TYPE.AAAA, TYPE.TXT, TYPE.ANY]) {
      const { code, records, refused } = ask({ name, type });
      expect([code, records, refused?.reason, refused?.rule?.pattern]).toEqual([3, [], reason, pattern]);
    }
  });

  test.each(['localhost', 'LocalHost', 'x.localhost'])('%s is the loopback, whatever is allowed', (name) => {
    const inner = resolver('');
    const answers = [TYPE.A, TYPE.AAAA].map((type) =>
      addressText(ask({ name, type }, inner).records[0]!.data),
    );
    expect(answers).toEqual(['127.0.0.1', '::1']);
    expect(ask({ name: 'other.test' }, inner)).toMatchObject({ code: 3, reason: 'not-allowed' });
  });

  test.each([TYPE.HTTPS, TYPE.MX, TYPE.TXT, TYPE.SRV, TYPE.ANY])(
    'has no record of type %i even when it is allowed',
    (type) => {
      expect(ask({ name: 'allowed.test', type })).toMatchObject({ code: 0, records: [], reason: undefined });
    },
  );

  test('has attributes that are absent and not refused, when it is allowed', () => {
    expect(ask({ name: '_8443._https.allowed.test', type: TYPE.HTTPS })).toMatchObject({
      code: 3,
      reason: undefined,
    });
    expect(ask({ name: '_8443._https.denied.test', type: TYPE.HTTPS })).toMatchObject({
      code: 3,
      reason: 'not-allowed',
    });
  });

  test('follows rules that change, at once', () => {
    const rules = new EgressRules([]);
    const inner = new Resolver({ rules });
    expect(ask({ name: 'allowed.test' }, inner).code).toBe(3);
    rules.add(rulesOf('+allowed.test')[0]!);
    expect(ask({ name: 'allowed.test' }, inner).code).toBe(0);
    rules.removeAllowances('allowed.test');
    expect(ask({ name: 'allowed.test' }, inner).code).toBe(3);
  });

  test('gets no IPv6 address where the namespace has no IPv6', () => {
    const inner = new Resolver({ rules: new EgressRules(rulesOf(RULES)), ipv6: false });
    expect(ask({ name: 'allowed.test', type: TYPE.AAAA }, inner)).toMatchObject({ code: 0, records: [] });
    expect(ask({ name: 'allowed.test' }, inner).records).toHaveLength(1);
  });

  test('is found again from its address', () => {
    const inner = resolver();
    const [record] = ask({ name: 'allowed.test' }, inner).records;
    const reversed = `${[...record!.data].reverse().join('.')}.in-addr.arpa`;
    const [pointer] = ask({ name: reversed, type: TYPE.PTR }, inner).records;
    expect(pointer!.data.toString('latin1')).toBe('\x07allowed\x04test\0');
  });
});

describe('a query', () => {
  test.each([
    ['of a class that is not the Internet', { name: 'allowed.test', class: 3 }, 5],
    ['of another operation', { name: 'allowed.test', flags: 0x2800 }, 4],
    ['with EDNS', { name: 'allowed.test', edns: 0 }, 0],
    ['with EDNS of a version to come', { name: 'allowed.test', edns: 1 }, 16],
    ['whose name is too long', { name: `${'a'.repeat(60)}.`.repeat(5) }, 1],
  ])('%s is answered with its code', (_, parts, code) => {
    expect(ask(parts).code).toBe(code);
  });

  test('that is an answer, or shorter than a header, gets no reply', () => {
    const inner = resolver();
    expect(inner.answer(queryBytes({ name: 'allowed.test', flags: 0x8180 }))).toEqual({});
    expect(inner.answer(new Uint8Array(11))).toEqual({});
    expect(inner.answer(queryBytes({ name: 'allowed.test' })).reply).toBeDefined();
  });

  test('with compression in its name is malformed, loops included', () => {
    const looping = queryBytes({ name: 'allowed.test' });
    looping.set([0xc0, 0x0c], 12);
    const { reply, asked } = resolver().answer(looping);
    expect([readReply(reply!).code, asked]).toEqual([1, undefined]);
  });

  test('keeps its id and the case of its letters', () => {
    const query = queryBytes({ name: 'aLLoWeD.tEsT', id: 0xbeef });
    const { reply } = resolver().answer(query);
    expect(readReply(reply!).id).toBe(0xbeef);
    expect(Buffer.from(reply!).subarray(12, query.length)).toEqual(Buffer.from(query).subarray(12));
  });
});

describe('whatever bytes come', () => {
  const valid = fc
    .record({
      name: fc.oneof(
        fc.domain(),
        fc.constantFrom('allowed.test', 'b.wild.test', 'a.wild.test', 'localhost', ''),
        fc
          .uint8Array({ minLength: 1, maxLength: 63 })
          .map((label) => `${Buffer.from(label).toString('latin1').replaceAll('.', '-')}.wild.test`),
      ),
      type: fc.constantFrom(...Object.values(TYPE)),
      id: fc.nat(0xffff),
    })
    .map(queryBytes);
  const mutated = fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 6 }), fc.nat(300))
    .map(([bytes, changes, length]) => {
      const copy = Uint8Array.from(bytes).subarray(0, Math.max(1, Math.min(bytes.length, length)));
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return copy;
    });
  const anything = fc.oneof(fc.uint8Array({ maxLength: 600 }), valid, mutated);

  test('the reply says what the verdict says, and what is answered is what the address stands for', () => {
    const rules = new EgressRules(rulesOf(RULES));
    const inner = new Resolver({ rules });
    fc.assert(
      fc.property(anything, (bytes) => {
        const { reply, asked, refused } = inner.answer(bytes);
        if (reply === undefined) {
          expect([asked, refused]).toEqual([undefined, undefined]);
          return;
        }
        expect(reply.length).toBeLessThan(512);
        const read = readReply(reply);
        expect([reply[0], reply[1]]).toEqual([bytes[0], bytes[1]]);
        if (refused !== undefined) expect([read.code, read.records]).toEqual([3, []]);
        for (const { data, type } of read.records) {
          if (type === TYPE.PTR) continue;
          const host = normaliseHost(asked!.name)!;
          const address = addressText(data);
          if (/(^|\.)localhost$/.test(host)) expect(['127.0.0.1', '::1']).toContain(address);
          else expect([inner.destinationOf(address, 1).host, rules.reaches(host)]).toEqual([host, true]);
        }
      }),
      { numRuns: 5000 },
    );
  });
});

test('an address that stands for no name is a destination by itself', () => {
  const of = (address: string) => resolver().destinationOf(address, 80);
  expect(['10.0.0.1', '::ffff:10.0.0.1', '2001:DB8::1', '198.18.1.0'].map((each) => of(each).host)).toEqual([
    '10.0.0.1',
    '10.0.0.1',
    '2001:db8::1',
    '198.18.1.0',
  ]);
});

test("Node's own DNS client understands the replies", async () => {
  const inner = resolver();
  const server = createSocket('udp4');
  server.on('message', (message, peer) => {
    const { reply } = inner.answer(message);
    if (reply !== undefined) server.send(reply, peer.port, peer.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new NodeResolver();
  client.setServers([`127.0.0.1:${(server.address() as AddressInfo).port}`]);
  try {
    expect(await client.resolve4('allowed.test')).toEqual(['198.18.1.0']);
    expect(await client.resolve6('allowed.test')).toEqual(['fd70:696e:666f:6c64::1']);
    await expect(client.resolve4('denied.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(client.resolveTxt('allowed.test')).rejects.toMatchObject({ code: 'ENODATA' });
  } finally {
    server.close();
  }
});

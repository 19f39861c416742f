/** Whatever the rules, names and answers are: what is dialled is what the verdict says. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatAddress, type IpAddress, parseAddress } from '../policy/ip-address.ts';
import { embeddedIpv4, kindOf } from './addresses.ts';
import { EgressRules } from './egress-rules.ts';
import { EgressGate } from './gate.ts';
import { HostLookup } from './host-lookup.ts';
import { rule } from './rules.fixture.ts';
import type { Connected, Refusal } from './types.ts';

const server = createServer((socket) => socket.on('error', () => {}).resume());
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

const wrapped = (ipv4: string) => [ipv4, `::ffff:${ipv4}`, `64:ff9b::${ipv4}`, `::${ipv4}`];
const address = fc.oneof(
  fc.constantFrom(...['127.0.0.1', '10.0.0.1', '1.1.1.1', '169.254.169.254'].flatMap(wrapped)),
  fc.constantFrom('2606:4700::1111', 'fd00::1', '::1', '2002:7f00:1::', '198.18.1.0'),
  fc.ipV4(),
  fc.ipV6(),
);
const name = fc.constantFrom('a.test', 'b.test', 'x.b.test', 'c.test');
const host = fc.oneof(
  name,
  fc.constantFrom('127.0.0.1', '10.0.0.1', '1.1.1.1', '::1', 'A.test', '*.b.test', 'a.test.', ''),
);
const pattern = fc.oneof(
  name,
  fc.constantFrom(
    '*.b.test',
    '*.test',
    'a.test:80',
    '10.0.0.1',
    '1.1.1.1',
    '1.1.1.1:443',
    '[::1]',
    '127.0.0.1:80',
  ),
);
const rules = fc.array(
  fc.tuple(fc.constantFrom('+', '+', '+', '-', '!'), pattern).map(([sign, text]) => rule(sign + text)),
  { maxLength: 8 },
);

interface Trial {
  readonly outcome: Connected | Refusal;
  readonly dialled: readonly string[];
}

async function attempt(
  egress: EgressRules,
  answers: readonly string[],
  destination: Connected['destination'],
): Promise<Trial> {
  const dialled: string[] = [];
  const gate = new EgressGate({
    rules: egress,
    lookup: new HostLookup({ resolve: async () => answers, keepMs: 0 }),
    ownAddresses: () => [],
    dialling: {
      attemptDelayMs: 1000,
      // Only loopback is ever touched, whatever address the gate has decided for.
      open: (to) => {
        dialled.push(to);
        return connect((server.address() as AddressInfo).port, '127.0.0.1');
      },
    },
  });
  const outcome = await gate.connect(destination);
  gate.close();
  return { outcome, dialled };
}

test('only an allowed destination is dialled, only at an address it has, and only at one that may be', async () => {
  let connected = 0;
  const run = fc.asyncProperty(
    rules,
    fc.array(address, { minLength: 1, maxLength: 4 }),
    host,
    fc.constantFrom(80, 443, 0),
    async (list, answers, to, port) => {
      const egress = new EgressRules(list);
      const { outcome, dialled } = await attempt(egress, answers, { host: to, port });
      if (outcome.kind === 'refused') {
        expect(dialled).toEqual([]);
        return;
      }
      connected += 1;
      const access = (each: IpAddress) => egress.decide({ host: formatAddress(each), port })?.access;
      const [chosen] = dialled.map((text) => parseAddress(text)!);
      const possible = (parseAddress(to) === undefined ? answers : [to]).map((text) => parseAddress(text)!);
      expect(dialled).toEqual([outcome.address]);
      expect(egress.decide({ host: to, port })).toEqual(outcome.rule);
      expect(outcome.rule.access).toBe('allow');
      expect(possible).toContainEqual(chosen);
      expect(kindOf(chosen!) === 'public' || access(chosen!) === 'allow').toBe(true);
      expect([chosen!, ...embeddedIpv4(chosen!)].map(access)).not.toContain('deny');
    },
  );
  await fc.assert(run, { numRuns: 1500 });
  // The other half of the claim: that something was let through.
  expect(connected).toBeGreaterThan(20);
});

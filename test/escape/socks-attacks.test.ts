/** Every row of the catalogue's requests to a SOCKS proxy, by its id: to the proxy that a session has where there are no namespaces. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hindered } from '../fixtures/hindered.ts';
import { type Actor, actor } from '../fixtures/network-acts.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { lastSession, recordsOf } from '../fixtures/session-events.ts';
import { EVERY_PLACE, GREETING, PORT, RULES, SOCKS_ROWS, type SocksRow } from '../fixtures/socks-attacks.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

const matching = (answer: string | RegExp) =>
  typeof answer === 'string' ? answer : expect.stringMatching(answer);

/** What is allowed, and what a row then meets. */
interface Setting {
  readonly what: string;
  readonly flags: readonly string[];
  readonly answer: (row: SocksRow) => string | RegExp;
}

const allowing = (places: readonly string[]) => places.flatMap((place) => ['--allow-domain', place]);
const withRules = (row: SocksRow) => row.answer;
const withoutRules = (row: SocksRow) => row.answerWithoutRules ?? row.answer;
const whenListed = (row: SocksRow) => row.answerWhenListed ?? row.answer;
const none = ['--mode', 'strict', '--net', 'none'];
const local = ['--mode', 'standard', '--net', 'local'];
const filtered = ['--mode', 'standard', '--net', 'filtered'];

const SETTINGS: readonly Setting[] = [
  { what: '--net none', flags: none, answer: withoutRules },
  { what: '--net local', flags: local, answer: withoutRules },
  { what: '--net none and rules', flags: [...none, ...allowing(RULES)], answer: withRules },
  { what: '--net local and rules', flags: [...local, ...allowing(RULES)], answer: withRules },
  { what: '--net filtered and rules', flags: [...filtered, ...allowing(RULES)], answer: withRules },
  // The control.
  { what: 'every place listed', flags: [...filtered, ...allowing(EVERY_PLACE)], answer: whenListed },
];

describe.each(people)('as $label', (person) => {
  let world: World;
  let command: Awaited<ReturnType<typeof hindered>>;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    command = await hindered(world);
    const source = new URL('../fixtures/socks-client.py', import.meta.url);
    world.put(join(world.project, 'client.py'), readFileSync(source, 'utf8'));
  });
  afterAll(() => world.dispose());

  describe.each(SETTINGS)('with $what', ({ flags, answer }) => {
    let client: Actor;
    let session = '';
    const places = new Set<string>();
    beforeAll(() => {
      client = actor(world.start(command(['/usr/bin/python3', 'client.py'], flags), { input: null }));
    });
    afterAll(() => client.end());

    test.each(SOCKS_ROWS)('$id: $what', async (row) => {
      const { greeting = GREETING, request, how = 'whole', record: host, port = PORT } = row;
      await net.visits();
      const met = await client.ask(`${greeting} ${request} ${how}`);
      session ||= lastSession(world);
      expect(met).toEqual(matching(answer(row)));
      const [, canary] = /^CANARY (\w+)/.exec(met) ?? [];
      const seen = new Set((await net.visits()).map(({ name }) => name));
      seen.delete('dns');
      expect([...seen]).toEqual(canary === undefined ? [] : [canary]);
      if (host === undefined || canary !== undefined) return;
      const record = { act: 'connect', host, port, program: 'python', count: 1 };
      places.add(`${host}:${port}`);
      await expect.poll(() => recordsOf(session), { timeout: 60_000 }).toContainEqual(record);
    });

    test('afterwards each place that was refused stands in the log once, and nothing else', () => {
      expect(recordsOf(session).map(({ host, port }) => `${host}:${port}`)).toEqual([...places]);
    });
  });
});

/** The rows of network-attacks.test.ts, which has their controls, where there are no namespaces and the network is the host's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hindered } from '../fixtures/hindered.ts';
import { type Actor, actor, type NetworkActs, networkActs } from '../fixtures/network-acts.ts';
import { ATTACK_PORTS, answerIn, DIRECT_ROWS, MODES, whole } from '../fixtures/network-attacks.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { lastSession, recordsOf } from '../fixtures/session-events.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld({ ports: ATTACK_PORTS });
});
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  let acts: NetworkActs;
  let command: Awaited<ReturnType<typeof hindered>>;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    acts = networkActs(world);
    command = await hindered(world);
  });
  afterAll(() => world.dispose());

  describe.each(MODES)('with --net %s', (mode) => {
    let inside: Actor;
    let session = '';
    beforeAll(async () => {
      await net.visits();
      const flags = ['--net', mode, '--allow-domain', 'allowed.test', '--allow-domain', '*.wild.test'];
      inside = actor(world.start(command(acts.command, flags), { input: null }));
      await inside.ask('interfaces');
      session = lastSession(world);
    });
    afterAll(() => inside.end());

    const visitors = async () => [...new Set((await net.visits()).map(({ name }) => name))];

    test.each(DIRECT_ROWS)('$id: $what', async ({ attempts }) => {
      for (const attempt of attempts) {
        const { act, outside, seenBy, record, tier } = attempt;
        const before = recordsOf(session).length;
        const wanted = tier ?? answerIn(mode, attempt);
        expect([act, await inside.ask(act)]).toEqual([act, wanted]);
        expect(await visitors()).toEqual(wanted === outside && seenBy !== undefined ? [seenBy] : []);
        const told = record === undefined || tier !== undefined ? [] : [whole(record)];
        await expect.poll(() => recordsOf(session).slice(before), { timeout: 60_000 }).toEqual(told);
      }
    });

    test.each([
      ['N-D19', 'a server on every address', 'serve:0.0.0.0'],
      ['N-D20', 'a server that is not bound', 'serve'],
    ])('%s: %s is none', async (_id, _what, act) => {
      expect(await inside.ask(act)).toBe('EPERM');
    });

    test('afterwards nothing else was recorded, and nobody came late', async () => {
      const rows = DIRECT_ROWS.flatMap(({ attempts }) =>
        attempts.flatMap(({ record, tier }) => (tier === undefined ? (record ?? []) : [])),
      );
      expect(recordsOf(session)).toEqual(rows.map(whole));
      expect(await visitors()).toEqual([]);
    });
  });

  test('N-D34: a proxy that is configured is no way out for a run that nothing is allowed', async () => {
    const proxy = 'http://127.0.0.1:8080';
    const settings = world.put(
      `${world.root}/proxied.json`,
      JSON.stringify({ sandbox: { upstreamProxy: proxy } }),
    );
    const heads = async () => (await net.visits()).map(({ head }) => head?.split('\r\n')[0]);
    const fetch = ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', 'http://allowed.test:8080/'];
    const flags = ['--settings', settings, '--net', 'none'];
    await net.visits();
    expect((await world.run(command(fetch, flags))).stdout).toBe('403');
    expect(await heads()).toEqual([]);
    // The control: the proxy is asked for what is allowed; what it is there to say to that is no matter here.
    await world.run(command(fetch, [...flags, '--allow-domain', 'allowed.test']));
    expect(await heads()).toContain('CONNECT allowed.test:8080 HTTP/1.1');
  });
});

/** Every row of the catalogue's direct ways out, by its id: what it meets in each mode, who sees it, and what is recorded. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Actor, type NetworkActs, networkActs } from '../fixtures/network-acts.ts';
import {
  ATTACK_PORTS,
  answerIn,
  DIRECT_ROWS,
  FLAGS,
  MODES,
  type Mode,
  type Recorded,
  whole,
} from '../fixtures/network-attacks.ts';
import { networkProcessOf } from '../fixtures/network-process.ts';
import { DENIED, makeNetworkWorld, type NetworkWorld, OWN } from '../fixtures/network-world.ts';
import { lastSession, recordsOf } from '../fixtures/session-events.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

/** Says what a server on the place greets with, or why it cannot. */
const VISIT = `
import errno, socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 60) as s: print(s.recv(64).decode())
except OSError as failure: print(errno.errorcode.get(failure.errno, failure))`;

const LISTENERS = [
  ['N-D19', 'a server on every address', 'serve:0.0.0.0'],
  ['N-D20', 'a server that is not bound', 'serve'],
] as const;

/** By mode: an act that was not tried before, and what it meets when nobody can be asked. */
const FRESH: Readonly<Record<Mode, readonly [act: string, refusal: string]>> = {
  none: ['tcp:127.0.0.1:8081', 'ECONNREFUSED'],
  local: ['tcp:127.0.0.1:8081', 'EACCES'],
  filtered: ['named:a.wild.test:9000', 'EACCES'],
};

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld({ ports: ATTACK_PORTS });
});
afterAll(() => net.dispose());

const visit = async (from: 'host' | 'outside', address: string, port: string) =>
  (await finished(net.serve(from, ['python3', '-c', VISIT, address, port]))).stdout.trim();

describe.each(people)('as $label', (person) => {
  let world: World;
  let acts: NetworkActs;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    acts = networkActs(world);
  });
  afterAll(() => world.dispose());

  describe('on the host, without a boundary', () => {
    let actor: Actor;
    beforeAll(() => {
      actor = acts.startOutside();
    });
    afterAll(() => actor.end());

    test.each(DIRECT_ROWS)('$id: $what arrives', async ({ attempts }) => {
      for (const { act, outside, seenBy, control } of attempts) {
        await net.visits();
        const answer =
          control === undefined
            ? await actor.ask(act)
            : (await world.run(['unshare', '-Urn', ...acts.command, act])).stdout.trim();
        expect([act, answer]).toEqual([
          act,
          typeof outside === 'string' ? outside : expect.stringMatching(outside),
        ]);
        const seen = new Set<string>();
        const look = async () => {
          for (const { name } of await net.visits()) seen.add(name);
          return [...seen];
        };
        // A connection may be seen a moment after it was made.
        await expect.poll(look, { timeout: 60_000 }).toEqual(seenBy === undefined ? [] : [seenBy]);
      }
    });

    test.each(LISTENERS)('%s: %s is reached from outside', async (_id, _what, act) => {
      const port = await actor.ask(act);
      expect(await visit('outside', OWN, port)).toBe('INSIDE');
      expect(await visit('host', '127.0.0.1', port)).toBe('INSIDE');
    });
  });

  describe.each(MODES)('with --net %s', (mode) => {
    let actor: Actor;
    let session = '';
    beforeAll(async () => {
      await net.visits();
      actor = acts.startInside(FLAGS[mode]);
      await actor.ask('interfaces');
      session = lastSession(world);
    });
    afterAll(() => actor.end());

    /** Whom the canaries saw since the last call. */
    const visitors = async () => [...new Set((await net.visits()).map(({ name }) => name))];

    test.each(DIRECT_ROWS)('$id: $what', async ({ attempts }) => {
      for (const attempt of attempts) {
        const { act, outside, seenBy, record } = attempt;
        const before = recordsOf(session).length;
        const wanted = answerIn(mode, attempt);
        expect([act, await actor.ask(act)]).toEqual([act, wanted]);
        expect(await visitors()).toEqual(wanted === outside && seenBy !== undefined ? [seenBy] : []);
        const told = record === undefined ? [] : [whole(record)];
        await expect.poll(() => recordsOf(session).slice(before), { timeout: 60_000 }).toEqual(told);
      }
    });

    test.each(LISTENERS)('%s: %s is not reached from outside', async (_id, _what, act) => {
      const port = await actor.ask(act);
      const published = mode === 'local' ? 'INSIDE' : 'ECONNREFUSED';
      await expect.poll(() => visit('host', '127.0.0.1', port), { timeout: 60_000 }).toBe(published);
      expect(await visit('host', OWN, port)).toBe('ECONNREFUSED');
      expect(await visit('outside', OWN, port)).toBe('ECONNREFUSED');
    });

    test('afterwards nothing else was recorded, and what is allowed is reached', async () => {
      const allowed = mode === 'filtered';
      expect(await actor.ask('named:allowed.test:8080')).toBe(allowed ? 'CANARY allowed /' : 'EAI_NONAME');
      expect(await actor.ask('resolve:denied.test')).toBe('EAI_NONAME');
      const refused: Recorded[] = ['allowed.test', 'denied.test']
        .slice(allowed ? 1 : 0)
        .map((host) => ({ act: 'resolve', host }));
      const rows = DIRECT_ROWS.flatMap(({ attempts }) => attempts.flatMap(({ record }) => record ?? []));
      await expect
        .poll(() => recordsOf(session), { timeout: 60_000 })
        .toEqual([...rows, ...refused].map(whole));
      expect(await visitors()).toEqual(allowed ? ['dns', 'allowed'] : []);
    });

    test('N-D35: with the process of the network killed every row fails as before, and no other way opens', async () => {
      process.kill(networkProcessOf(actor.child.pid!, net.host), 'SIGKILL');
      // Nobody is left to say whose the port is.
      const unanswered = mode === 'local' ? { 'python-server:8099': '000' } : {};
      const attempts = DIRECT_ROWS.flatMap((row) => row.attempts);
      const wanted = {
        ...Object.fromEntries(attempts.map((each) => [each.act, answerIn(mode, each)])),
        ...unanswered,
      };
      const met: Record<string, string> = {};
      for (const { act } of attempts) met[act] = await actor.ask(act);
      expect(met).toEqual(wanted);
      const reached = mode === 'local' ? ['loopback'] : [];
      expect(await visitors()).toEqual(reached);
      // Open to this mode, and not asked for while the process lived.
      const [fresh, refusal] = FRESH[mode];
      expect(await actor.ask(fresh)).toBe(refusal);
      expect((await visitors()).filter((name) => name !== 'dns')).toEqual([]);
      expect(await acts.outside([fresh])).toEqual([expect.stringMatching(/^CANARY/)]);
    });
  });

  test('N-D34: a proxy that is configured is no way out for a run without network', async () => {
    const proxy = `${DENIED}:${ATTACK_PORTS[0]}`;
    const settings = world.put(
      `${world.root}/proxied.json`,
      JSON.stringify({ sandbox: { upstreamProxy: `http://${proxy}` } }),
    );
    const flags = ['--mode', 'permissive', '--settings', settings];
    const ways = ['named:allowed.test:8080', `tcp:${proxy}`];
    await net.visits();
    const without = await acts.inside(ways, [...flags, '--net', 'none']);
    expect(without.answers).toEqual(['EAI_NONAME', 'EACCES']);
    expect(without.violations.map(({ host }) => host)).toEqual(['allowed.test', DENIED]);
    expect(await net.visits()).toEqual([]);
    // The control: the proxy is asked for what is allowed, and is itself no place to go to.
    const allowed = await acts.inside(ways, [...flags, '--allow-domain', 'allowed.test']);
    expect(allowed.answers).toEqual([expect.stringMatching(/^CANARY denied /), 'EACCES']);
    expect((await net.visits()).map(({ head }) => head?.split('\r\n')[0])).toContain(
      'CONNECT allowed.test:8080 HTTP/1.1',
    );
  });
});

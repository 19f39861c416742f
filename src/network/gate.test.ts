/** Claims about a gate that is running: live changes, falling back between addresses, time limits. */
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../policy/ip-address.ts';
import type { DomainRule } from '../policy/types.ts';
import { ask, makeWorld, outcomeOf, PUBLIC, type World } from './canary.fixture.ts';
import { interleave } from './dial.ts';
import { EgressRules } from './egress-rules.ts';
import { EgressGate } from './gate.ts';
import { HostLookup } from './host-lookup.ts';
import { rule, rulesOf } from './rules.fixture.ts';

let world: World;

beforeAll(async () => {
  world = await makeWorld();
});
afterAll(async () => world[Symbol.asyncDispose]());
beforeEach(() => {
  for (const list of [world.hits, world.refusals, world.withdrawn, world.resolved]) list.length = 0;
});

const allow = (pattern: string) => rule(`+${pattern}`, 'flag') as DomainRule & { access: 'allow' };
const deny = (pattern: string) => rule(`-${pattern}`, 'flag') as DomainRule & { access: 'deny' };

async function open(gate: EgressGate, host: string) {
  const connected = await gate.connect({ host, port: world.port });
  if (connected.kind === 'refused') throw new Error(connected.detail);
  return connected;
}

describe('a rule that changes while connections are open', () => {
  test('a grant opens at once, and its end closes what it opened and nothing else', async () => {
    const gate = world.gate(`+a.wild.test +${PUBLIC.wild} +${PUBLIC.allowed}`);
    expect(await ask(gate, `allowed.test:${world.port}`)).toBe('not-allowed');
    gate.grant(allow('allowed.test'));
    const [granted, other] = [await open(gate, 'allowed.test'), await open(gate, 'a.wild.test')];
    const closed = once(granted.socket, 'close');
    expect(gate.revoke('ALLOWED.test').map(({ pattern }) => pattern)).toEqual(['allowed.test']);
    await closed;
    expect(world.withdrawn.map(({ destination, reason }) => [destination.host, reason])).toEqual([
      ['allowed.test', 'not-allowed'],
    ]);
    expect(await ask(gate, `allowed.test:${world.port}`)).toBe('not-allowed');
    expect(other.socket.destroyed).toBe(false);
    expect(await outcomeOf(other)).toBe(`CANARY ${PUBLIC.wild}`);
  });

  test('a connection that another rule allows too stays open', async () => {
    const gate = world.gate(`+*.wild.test +a.wild.test +${PUBLIC.wild}`);
    const { socket } = await open(gate, 'a.wild.test');
    gate.revoke('a.wild.test');
    expect([socket.destroyed, world.withdrawn]).toEqual([false, []]);
    gate.revoke('*.wild.test');
    expect([socket.destroyed, world.withdrawn.length]).toEqual([true, 1]);
  });

  test('a denial closes what it covers, also by the address that was dialled', async () => {
    const gate = world.gate(`+*.wild.test +allowed.test +${PUBLIC.wild} +${PUBLIC.allowed}`);
    const [wild, allowed] = [await open(gate, 'a.wild.test'), await open(gate, 'allowed.test')];
    gate.deny(deny('*.wild.test'));
    expect([wild.socket.destroyed, allowed.socket.destroyed]).toEqual([true, false]);
    gate.deny(deny(PUBLIC.allowed));
    expect(allowed.socket.destroyed).toBe(true);
    expect(world.withdrawn.map(({ reason, rule: by }) => [reason, by?.pattern])).toEqual([
      ['denied', '*.wild.test'],
      ['denied', PUBLIC.allowed],
    ]);
  });

  test('a ceiling denial is not opened by a grant', async () => {
    const gate = world.gate('!*.wild.test');
    gate.grant(allow('a.wild.test'));
    expect(await ask(gate, `a.wild.test:${world.port}`)).toBe('denied');
  });

  test('a grant that ends while its name is being resolved opens nothing', async () => {
    let answer = (_: string[]) => {};
    const resolve = () => new Promise<string[]>((done) => (answer = done));
    const gate = new EgressGate({
      rules: new EgressRules(rulesOf(`+allowed.test +${PUBLIC.allowed}`)),
      lookup: new HostLookup({ resolve }),
    });
    const pending = gate.connect({ host: 'allowed.test', port: world.port });
    gate.revoke('allowed.test');
    answer([PUBLIC.allowed]);
    expect(await pending).toMatchObject({ kind: 'refused', reason: 'not-allowed' });
  });
});

describe('of several addresses', () => {
  test('one that refuses is followed by the next, of the other family first', async () => {
    const names = { 'two.test': ['::1', '127.0.0.13', PUBLIC.wild] };
    const closed = world.gate('+two.test +[::1] +127.0.0.13', { names });
    const fallback = await closed.connect({ host: 'two.test', port: world.port });
    expect(await outcomeOf(fallback)).toBe('CANARY ::1');
    // A port that nobody listens on at either: the refusal tells all that was tried.
    const port = await unusedPort();
    const refused = await closed.connect({ host: 'two.test', port });
    expect(refused).toMatchObject({
      reason: 'unreachable',
      detail: `two.test:${port} cannot be reached: ::1 ECONNREFUSED, 127.0.0.13 ECONNREFUSED`,
    });
  });

  test('one that does not answer is overtaken by the next, and the limit names the host', async () => {
    const names = { 'slow.test': ['10.0.0.1', PUBLIC.wild], 'dead.test': ['10.0.0.1'] };
    // A socket that nobody connects answers as little as a host that drops every packet.
    const silent: Socket[] = [];
    const open = (host: string, port: number) => {
      if (host === PUBLIC.wild) return connect({ host, port });
      silent.push(new Socket());
      return silent.at(-1)!;
    };
    const gate = world.gate(`+slow.test +dead.test +10.0.0.1 +${PUBLIC.wild}`, {
      names,
      dialling: { attemptDelayMs: 1, timeoutMs: 200, open },
    });
    expect(await ask(gate, `slow.test:${world.port}`)).toBe(`CANARY ${PUBLIC.wild}`);
    expect(await gate.connect({ host: 'dead.test', port: 80 })).toMatchObject({
      reason: 'unreachable',
      detail: 'dead.test:80 cannot be reached: no answer within 0.2 s',
    });
    expect(silent.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  test('the families take turns, and the order within one is kept', () => {
    const order = (texts: string) =>
      interleave(texts.split(' ').map((each) => parseAddress(each)!)).map(formatAddress);
    expect(order('::1 ::2 ::3 1.1.1.1')).toEqual(['::1', '1.1.1.1', '::2', '::3']);
    expect(order('1.1.1.1 2.2.2.2 ::1')).toEqual(['1.1.1.1', '::1', '2.2.2.2']);
  });
});

async function unusedPort(): Promise<number> {
  const other = await makeWorld();
  await other[Symbol.asyncDispose]();
  return other.port;
}

describe('a connection that cannot be made', () => {
  test('because the name is unknown is refused by name', async () => {
    const gate = world.gate('+unknown.test');
    expect(await gate.connect({ host: 'unknown.test', port: 80 })).toMatchObject({
      reason: 'unresolvable',
      detail: 'unknown.test cannot be resolved: the host does not know the name',
    });
  });

  test('because the name server is silent is refused after the limit', async () => {
    const lookup = new HostLookup({ resolve: () => new Promise(() => {}), timeoutMs: 10 });
    const gate = world.gate('+silent.test', { lookup });
    expect(await gate.connect({ host: 'silent.test', port: 80 })).toMatchObject({
      reason: 'unresolvable',
      detail: 'silent.test cannot be resolved: no answer within 0.01 s',
    });
  });

  test('because nobody waits for it any more is given up', async () => {
    const gate = world.gate('+allowed.test');
    const reason = new Error('the client has gone');
    await expect(gate.connect({ host: 'allowed.test', port: 80 }, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
  });
});

test('without anything injected, names are resolved as the host does, and its loopback is refused', async () => {
  const port = world.port;
  const gateOf = (written: string) => new EgressGate({ rules: new EgressRules(rulesOf(written)) });
  const refused = await gateOf('+localhost').connect({ host: 'localhost', port });
  expect(refused).toMatchObject({ kind: 'refused', reason: 'address', address: expect.any(String) });
  expect(refused.kind === 'refused' && refused.detail).toMatch(/^localhost leads to \S+ \(loopback\)/);
  const listed = await gateOf('+localhost +127.0.0.1 +[::1]').connect({ host: 'localhost', port });
  expect(await outcomeOf(listed)).toMatch(/^CANARY (127\.0\.0\.1|::1)$/);
});

describe('look-ups', () => {
  test('of one name at one time are one, and its answer serves for a while', async () => {
    let [asked, now] = [0, 0];
    const resolve = async () => [`10.0.0.${++asked}`];
    const lookup = new HostLookup({ resolve, keepMs: 100, now: () => now });
    const together = await Promise.all([lookup.addressesOf('a.test'), lookup.addressesOf('a.test')]);
    expect([asked, together[0] === together[1]]).toEqual([1, true]);
    now = 99;
    await lookup.addressesOf('a.test');
    expect(asked).toBe(1);
    now = 100;
    await lookup.addressesOf('a.test');
    expect(asked).toBe(2);
  });

  test('of many names run a few at a time, and too many are turned away', async () => {
    const running: ((addresses: string[]) => void)[] = [];
    let most = 0;
    const resolve = () =>
      new Promise<string[]>((done) => {
        running.push(done);
        most = Math.max(most, running.length);
      });
    const lookup = new HostLookup({ resolve });
    const asked = Array.from({ length: 600 }, (_, index) => lookup.addressesOf(`${index}.test`));
    expect(await asked.at(-1)).toEqual({ kind: 'failed', why: 'too many names are being looked up' });
    let answered = 0;
    while (answered < 3 + 512) {
      const done = running.shift();
      if (done === undefined) await Promise.resolve();
      else {
        answered += 1;
        done(['10.0.0.1']);
      }
    }
    const found = (await Promise.all(asked)).filter(({ kind }) => kind === 'found');
    expect([found.length, most]).toEqual([3 + 512, 3]);
  });
});

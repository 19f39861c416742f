import { describe, expect, test } from 'vitest';
import { CallQueue } from './call-queue.ts';
import type { AskedCall } from './sandbox-sockets.ts';

function call(pid: number, port = 443): AskedCall {
  return { id: 1n, pid, act: 'connect', transport: 'tcp', address: '198.18.1.0', port };
}

describe('the calls that were let pass', () => {
  const at = { address: '198.18.1.0', port: 443 };

  test('come out in the order of their arrival, each place by itself', () => {
    const calls = new CallQueue(() => 0);
    for (const each of [call(1), call(2), call(3, 80)]) calls.expect(each);
    expect([calls.take(at), calls.take({ ...at, port: 80 }), calls.take(at), calls.take(at)]).toEqual([
      1, 3, 2, 0,
    ]);
  });

  test('are forgotten when no connection came of them', () => {
    let now = 0;
    const calls = new CallQueue(() => now);
    calls.expect(call(1));
    now = 20_000;
    calls.expect(call(2));
    expect(calls.take(at)).toBe(2);
  });

  test('are bounded', () => {
    const calls = new CallQueue(() => 0);
    for (let pid = 1; pid <= 5000; pid++) calls.expect(call(pid));
    let taken = 0;
    while (calls.take(at) !== 0) taken += 1;
    expect(taken).toBe(1024);
  });
});

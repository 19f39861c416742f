/** Claims about what a connect(2) that the supervisor makes is answered. */
import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Settlement } from '../platform/linux/network-codec.ts';
import type { AskedRecord } from '../platform/linux/plan.ts';
import { TierSockets } from './tier-sockets.ts';

async function answerTo(calls: () => Promise<void>): Promise<Settlement[]> {
  const answers: Settlement[] = [];
  const sockets = new TierSockets({ calls, settle: (answer) => answers.push(answer) }, 'x64');
  const descriptor = openSync('/dev/null', 'r');
  const call = { id: 7n, pid: process.pid, descriptor } as AskedRecord;
  await sockets.connect(call, { address: '127.0.0.1', port: 80 });
  closeSync(descriptor);
  return answers;
}

test('a connect is answered with what the kernel said, whichever bundle the error comes from', async () => {
  expect(await answerTo(async () => {})).toEqual([{ id: 7n, errno: 'done' }]);
  const unreachable = () => Promise.reject(Object.assign(new Error('of another copy'), { errno: 101 }));
  expect(await answerTo(unreachable)).toEqual([{ id: 7n, errno: 101 }]);
  expect(await answerTo(() => Promise.reject(new Error('no launcher')))).toEqual([{ id: 7n, errno: 111 }]);
});

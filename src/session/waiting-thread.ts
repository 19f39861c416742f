/** Notices that a thread of the sandbox which waits for an answer has been killed: the kernel cannot wake it from such a wait. */
import { readFileSync } from 'node:fs';
import { LightWaiter, type Waiter } from '../network/waiter.ts';

/** Milliseconds between two looks. */
const BETWEEN = 200;
const SIGKILL = 1n << 8n;

/** SIGKILL is pending for each thread of a process that is to end, whatever ends it (complete_signal). */
function isEnding(thread: number): boolean {
  try {
    const status = readFileSync(`/proc/${thread}/status`, 'latin1');
    const pending = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)];
    return pending.some(([, mask]) => (BigInt(`0x${mask}`) & SIGKILL) !== 0n);
  } catch {
    // It has gone.
    return true;
  }
}

/** Aborts when the thread is about to end. Call `stop` once it waits no more. */
export function watchThread(thread: number): { readonly waiter: Waiter; stop(): void } {
  const waiter = new LightWaiter();
  const timer = setInterval(() => {
    if (!isEnding(thread)) return;
    clearInterval(timer);
    waiter.giveUp();
  }, BETWEEN);
  timer.unref();
  return { waiter, stop: () => clearInterval(timer) };
}

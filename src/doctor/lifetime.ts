/** Whether what runs inside ends with the program that holds it, however that ends: seen in the host's own list of processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { packed } from './acts.ts';
import type { Enclosure, Tools } from './enclosure.ts';
import type { Finding, Guarantee } from './guarantee.ts';
import { actWords, call } from './system-call.ts';
import { type GuaranteeReport, reportOf } from './verdict.ts';

/** A launch takes seconds on a slow machine; whoever does not start in this time is not judged. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 10;
const HOLD_SECONDS = 60;

/** Processes of the host whose words are exactly these. */
function running(words: readonly string[]): number[] {
  const wanted = `${words.join('\0')}\0`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'latin1') === wanted;
      } catch {
        // It ended between the two looks, or is not ours to look at.
        return false;
      }
    })
    .map(Number);
}

async function until(holds: () => boolean, signal: AbortSignal | undefined): Promise<boolean> {
  const end = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > end) return false;
    await pause(LOOK_MS, undefined, signal && { signal });
  }
  return true;
}

function end(words: readonly string[]): void {
  for (const pid of running(words)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It ended by itself between the look and the signal.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

const GUARANTEE: Guarantee = {
  id: 'lifetime',
  group: 'processes',
  claim: 'Everything inside ends when the program that holds it is killed',
  short: 'ends with its holder',
  attempts: [
    {
      act: 'outlive the killing of its holder',
      // Judged below: no system call shows it.
      calls: () => [],
      evidence: { kind: 'answer', refused: [] },
    },
  ],
};

/** Ends `holder` by SIGKILL once `words` run, and looks whether they still do. */
async function outlives(
  words: readonly string[],
  holder: { pid?: number | undefined; ended?: boolean },
  expected: 'gone' | 'there',
  signal: AbortSignal | undefined,
): Promise<Finding> {
  const runs = () => holder.pid !== undefined && running(words).length > 0;
  await until(() => holder.ended === true || runs(), signal);
  if (!runs()) return { kind: 'unclear', how: 'it was not seen to run' };
  process.kill(holder.pid!, 'SIGKILL');
  const gone = () => running(words).length === 0;
  // On the host nothing ends it, so there is nothing to wait for but the holder's own end.
  if (expected === 'there') return gone() ? { kind: 'refused', how: 'gone' } : { kind: 'reached' };
  return (await until(gone, signal)) ? { kind: 'refused', how: 'gone' } : { kind: 'reached' };
}

async function inside(enclosure: Enclosure, tools: Tools, words: readonly string[]): Promise<Finding> {
  const holder: { pid?: number | undefined; ended?: boolean } = {};
  let stop = (): void => {};
  // It fails when its holder is killed, as is meant; any other end is noticed by the probe not being there.
  const settled = enclosure
    .start(words, ['ignore', 'ignore', 'ignore'], {
      onStarted: (control, pid) => {
        holder.pid = pid;
        stop = () => control.signal('SIGKILL');
      },
    })
    .catch(() => {})
    .finally(() => {
      holder.ended = true;
    });
  const all = [tools.probePath, ...words];
  try {
    return await outlives(all, holder, 'gone', tools.signal);
  } finally {
    end(all);
    if (!holder.ended) stop();
    await settled;
  }
}

/** A shell that waits for the probe is killed; the probe stays. */
async function outside(tools: Tools, words: readonly string[]): Promise<Finding> {
  const all = [tools.probePath, ...words];
  const shell = spawn('/bin/sh', ['-c', '"$@" & wait', 'sh', ...all], { stdio: 'ignore' });
  const ended = once(shell, 'close');
  try {
    return await outlives(all, shell, 'there', tools.signal);
  } finally {
    end(all);
    shell.kill('SIGKILL');
    await ended;
  }
}

export async function proveLifetime(
  enclosure: Enclosure,
  tools: Tools,
  token: string,
  numbers: Readonly<Record<string, number>>,
): Promise<GuaranteeReport> {
  // It waits for a time that is never reached unless doctor itself is killed. The sixth argument is ignored; it tells this
  // process from every other.
  const wait = (side: string) =>
    call('ppoll', 0, 0, packed([8, HOLD_SECONDS], [8, 0]), 0, 0, { text: `${token}${side}` });
  const words = (side: string) => ['here', ...actWords([wait(side)], numbers)];
  const attempt = GUARANTEE.attempts[0]!;
  return reportOf(GUARANTEE, [
    {
      attempt,
      inside: await inside(enclosure, tools, words('inside')),
      outside: await outside(tools, words('outside')),
    },
  ]);
}

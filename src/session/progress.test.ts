/** What the records of a run come to, in whichever order they come. */
import { describe, expect, test } from 'vitest';
import type { Plan } from '../platform/linux/plan.ts';
import type { WireRecord } from '../platform/linux/plan-codec.ts';
import { endingOf, Progress } from './progress.ts';

const EINTR = 4;
const EBADF = 9;
const TARGET = { argv: ['true'], cwd: '/' } as const;
const LIVE = { argv: [], cwd: '/' } as const;

const failed = (step: string, errno: number): WireRecord => ({
  kind: 'failure',
  step,
  errno,
  detail: 'install filter',
});
/** What init says, and what the supervisor says of an init that has given up: either may be first, or alone. */
const CUT_SHORT: readonly (readonly WireRecord[])[] = [
  [failed('seccomp', EINTR)],
  [failed('mounts', EINTR)],
  [failed('supervisor', EBADF), { kind: 'killed', signal: 9 }],
  [failed('seccomp', EINTR), failed('supervisor', EBADF)],
  [failed('supervisor', EBADF), failed('seccomp', EINTR)],
];

function taken(
  records: readonly WireRecord[],
  { argv, cwd }: Pick<Plan, 'argv' | 'cwd'>,
  signal?: NodeJS.Signals,
) {
  const progress = new Progress({ argv, cwd } as Plan, () => signal);
  for (const record of records) progress.take(record);
  return progress;
}

describe.each(CUT_SHORT.map((records) => [records]))('%j', (records) => {
  test('before the start is the end by the signal that was sent', () => {
    expect(endingOf(taken(records, TARGET, 'SIGINT'))).toEqual({ kind: 'killed', signal: 2 });
  });

  test('without a signal, in a session without a target, or once it has started is a failure', () => {
    const started: WireRecord = { kind: 'started', pid: 2 };
    for (const progress of [
      taken(records, TARGET),
      taken(records, LIVE, 'SIGTERM'),
      taken([started, ...records], TARGET, 'SIGTERM'),
    ])
      expect(() => endingOf(progress)).toThrow(expect.objectContaining({ code: 'ERR_SETUP_FAILED' }));
  });
});

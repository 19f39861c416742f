/** Claims about the reports of the probe, and about the guarantees that only a Mac can break. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Attempt, type Finding, judge } from '../guarantee.ts';
import { type MacGround, macGuarantees } from './guarantees.ts';
import { readSteps, type Step } from './steps.ts';

const ground = { scratch: { outside: '/world/outside', token: 'doctor0123' } } as unknown as MacGround;
const attempts = new Map(
  macGuarantees(ground)
    .flatMap((guarantee) => guarantee.attempts)
    .map((attempt) => [attempt.act, attempt]),
);

function finding(attempt: Attempt<Step>, said: object): Finding {
  const [answer] = readSteps(JSON.stringify([{ step: 0, bytes: '', ...said }]), 1);
  return judge(attempt, { answer: answer!, side: 'inside', visited: new Set() });
}

const output = (text: string) => ({ bytes: Buffer.from(text).toString('hex') });

const CASES: readonly (readonly [act: string, refused: object, reached: object])[] = [
  ['find a route to 192.0.2.1', { errno: 'EPERM' }, {}],
  ['connect to the resolver of the system', { errno: 'EPERM' }, {}],
  ['start a set-user-ID program', { errno: 'EPERM' }, output('Sudo version 1.9.17p2\n')],
  ['ask LaunchServices, which starts programs', output(''), output(' 1) "Finder" ASN:0x0-0x5005:\n')],
  ['ask the service of the system configuration', output(''), output('adas-mac\n')],
  ['read a file outside under a profile that allows everything', output(''), output('doctor0123\n')],
  ['type into the controlling terminal (TIOCSTI)', output('refused'), output('typed')],
];

describe('of the guarantees of a Mac', () => {
  test.each(CASES)('%s is told refused from done', (act, refused, reached) => {
    const attempt = attempts.get(act);
    expect(attempt).toBeDefined();
    expect(finding(attempt!, refused).kind).toBe('refused');
    expect(finding(attempt!, reached)).toEqual({ kind: 'reached' });
  });

  test('all have an attempt, and each attempt a case here or a device that this host has not', () => {
    for (const { id, attempts: own } of macGuarantees(ground)) {
      if (id !== 'kernel-files') expect([id, own.length > 0]).toEqual([id, true]);
    }
    const told = new Set(CASES.map(([act]) => act));
    expect([...attempts.keys()].filter((act) => !told.has(act) && !act.startsWith('open /dev/'))).toEqual([]);
  });

  test('a terminal of which nothing is heard proves nothing', () => {
    const attempt = attempts.get('type into the controlling terminal (TIOCSTI)')!;
    expect(finding(attempt, output('script: no such program')).kind).toBe('unclear');
  });
});

describe('a report', () => {
  test('is read only as a whole, and only if it is about so many acts', () => {
    const whole = JSON.stringify([{ step: 1, errno: 'EPERM', bytes: '6869' }]);
    expect(readSteps(whole, 1)).toEqual([
      { kind: 'answered', call: 1, errno: 'EPERM', bytes: Buffer.from('hi') },
    ]);
    for (const [text, count] of [
      [whole, 2],
      [whole.slice(0, -1), 1],
      ['', 1],
      ['null', 1],
      ['[null]', 1],
      ['[{"step":"0","bytes":""}]', 1],
    ] as const) {
      expect(readSteps(text, count)).toEqual(Array.from({ length: count }, () => ({ kind: 'silent' })));
    }
  });

  test('may say anything: as many answers come back as there were acts', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), fc.nat({ max: 5 }), (text, count) => {
        expect(readSteps(text, count)).toHaveLength(count);
      }),
    );
  });
});

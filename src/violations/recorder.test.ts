import { describe, expect, test } from 'vitest';
import { denialOf, HOME, HOOKS, makePolicy } from './cases.fixture.ts';
import { historyOf } from './history.ts';
import { Recorder, type RecorderEvent, type RecorderOptions } from './recorder.ts';
import type { Actor, Denial } from './types.ts';

const policy = makePolicy();

function makeRecorder(options: Partial<RecorderOptions> = {}) {
  const events: RecorderEvent[] = [];
  let time = 1000;
  const recorder = new Recorder({
    policy,
    now: () => time,
    write: (event) => events.push(event),
    ...options,
  });
  return { recorder, events, passTime: (ms: number) => (time += ms) };
}

const by = (program: string): { actor: Actor } => ({ actor: { pid: 7, program } });

describe('identical denials', () => {
  test('are one violation with a count, its first and last time', () => {
    const { recorder, passTime } = makeRecorder();
    expect(recorder.record(denialOf('/x'))).toBe('b1');
    passTime(50);
    expect(recorder.record(denialOf('/x'))).toBe('b1');
    expect(recorder.violations).toMatchObject([{ id: 'b1', first: 1000, last: 1050, count: 2 }]);
  });

  test.each<[string, Denial]>([
    ['another act of the class', denialOf('/x', { act: 'list' })],
    ['another process of the program', denialOf('/x', { actor: { pid: 8 } })],
    ['another errno', denialOf('/x', { errno: 2 })],
  ])('%s is the same one', (_what, denial) => {
    const { recorder } = makeRecorder();
    recorder.record(denialOf('/x'));
    expect(recorder.record(denial)).toBe('b1');
  });

  test.each<[string, Denial]>([
    ['an act of another class', denialOf('/x', { act: 'write' })],
    ['another path', denialOf('/y')],
    ['another program', denialOf('/x', by('/bin/cat'))],
    ['another rule', denialOf('/x', { rule: HOOKS })],
    ['one that was quarantined', denialOf('/x', { outcome: 'quarantined' })],
    ['a socket of the same path', denialOf('/x', { subject: { kind: 'socket', path: '/x' } })],
    ['a host', denialOf('', { act: 'connect', subject: { kind: 'host', host: 'a.test', port: 443 } })],
  ])('%s is another one', (_what, denial) => {
    const { recorder } = makeRecorder();
    recorder.record(denialOf('/x'));
    expect(recorder.record(denial)).toBe('b2');
  });

  test('to two ports of one host are two', () => {
    const { recorder } = makeRecorder();
    const ports = [80, 443].map((port) =>
      recorder.record(denialOf('', { act: 'connect', subject: { kind: 'host', host: 'a.test', port } })),
    );
    expect(ports).toEqual(['b1', 'b2']);
  });
});

describe('who did it', () => {
  const known: Actor = {
    pid: 7,
    program: '/usr/bin/python3',
    command: ['python3', '-m', 'pip'],
    parents: [{ pid: 6, program: '/usr/bin/dash' }],
  };

  test('is looked up once where the observer names the program', () => {
    let looked = 0;
    const identify = () => {
      looked += 1;
      return known;
    };
    const { recorder } = makeRecorder({ identify });
    for (let at = 0; at < 5; at += 1) recorder.record(denialOf('/x', by('/usr/bin/python3')));
    expect(looked).toBe(1);
    expect(recorder.violations[0]?.denial.actor).toEqual(known);
  });

  test('is what the observer saw when the process has become another program since', () => {
    const { recorder } = makeRecorder({ identify: () => known });
    recorder.record(denialOf('/x', by('/usr/bin/wget')));
    expect(recorder.violations[0]?.denial.actor).toEqual({ pid: 7, program: '/usr/bin/wget' });
  });

  test('tells programs apart where the observer knows only a number', () => {
    const programs = ['/bin/a', '/bin/b'];
    const { recorder } = makeRecorder({ identify: (pid) => ({ pid, program: programs[pid]! }) });
    for (const pid of [0, 1, 1]) recorder.record(denialOf('/x', { actor: { pid: pid + 0 } }));
    expect(recorder.violations.length).toBe(2);
  });

  test('is not looked up more than 500 times in a second', () => {
    let looked = 0;
    const identify = (pid: number): Actor => {
      looked += 1;
      return { pid, program: `/bin/${pid}` };
    };
    const { recorder, passTime } = makeRecorder({ identify });
    for (let pid = 1; pid <= 2000; pid += 1) recorder.record(denialOf('/x', { actor: { pid } }));
    expect(looked).toBe(500);
    passTime(1000);
    recorder.record(denialOf('/x', { actor: { pid: 3000 } }));
    expect(looked).toBe(501);
  });

  test('is, where it cannot be looked up any more, who it was in the same second', () => {
    const { recorder } = makeRecorder({ identify: (pid) => ({ pid, program: `/bin/${pid}` }) });
    for (let at = 0; at < 2000; at += 1) recorder.record(denialOf('/x', { actor: { pid: 1 + (at % 2) } }));
    expect(recorder.violations).toMatchObject([
      { count: 1000, denial: { actor: { program: '/bin/1' } } },
      { count: 1000, denial: { actor: { program: '/bin/2' } } },
    ]);
  });
});

describe('a flood', () => {
  test('of a million identical denials is six lines of the log', () => {
    const { recorder, events } = makeRecorder();
    const denial = denialOf('/x', by('/bin/cat'));
    for (let at = 0; at < 1_000_000; at += 1) recorder.record(denial);
    recorder.close();
    expect(recorder.violations).toMatchObject([{ count: 1_000_000 }]);
    expect(events.map(({ kind }) => kind)).toEqual(['violation', ...Array(6).fill('violation-count')]);
  });

  test('of a million different denials stays within memory and log, and the rest is counted', () => {
    const { recorder, events } = makeRecorder();
    const long = 'x'.repeat(2000);
    for (let at = 0; at < 1_000_000; at += 1) recorder.record(denialOf(`/${at}/${long}`));
    recorder.close();
    const { violations, dropped } = recorder;
    expect(violations.length).toBeLessThanOrEqual(500);
    expect(violations.length + dropped).toBe(1_000_000);
    expect(JSON.stringify(events).length).toBeLessThan(3 * 1024 * 1024);
    expect(events.at(-1)).toEqual({ kind: 'violations-dropped', count: dropped });
  });

  test('of short ones ends at 500 violations; those that are known are still counted', () => {
    const { recorder } = makeRecorder();
    for (let at = 0; at < 600; at += 1) recorder.record(denialOf(`/${at}`));
    expect(recorder.record(denialOf('/new'))).toBeUndefined();
    expect(recorder.record(denialOf('/3'))).toBe('b4');
    expect([recorder.violations.length, recorder.dropped]).toEqual([500, 101]);
  });

  test('of long words in one denial is cut', () => {
    const { recorder } = makeRecorder();
    const long = 'y'.repeat(100_000);
    const parents = Array.from({ length: 50 }, (_, pid) => ({ pid, program: long }));
    recorder.record(
      denialOf(`/${long}`, {
        actor: { pid: 1, program: long, command: Array(50).fill(long), parents },
        detail: long,
      }),
    );
    expect(JSON.stringify(recorder.violations).length).toBeLessThan(50_000);
  });
});

test('the log gives back what was recorded', () => {
  const { recorder, events, passTime } = makeRecorder();
  for (let at = 0; at < 700; at += 1) recorder.record(denialOf(`/${at}`));
  passTime(5);
  for (let at = 0; at < 37; at += 1) recorder.record(denialOf(`${HOME}/.ssh/id`));
  for (let at = 0; at < 37; at += 1) recorder.record(denialOf('/5'));
  recorder.close();
  const lines = events.map((event) => JSON.parse(JSON.stringify(event)));
  const { violations, dropped } = historyOf([{ kind: 'started' }, ...lines]);
  expect({ violations, dropped }).toEqual({ violations: recorder.violations, dropped: recorder.dropped });
});

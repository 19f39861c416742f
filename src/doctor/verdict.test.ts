import { describe, expect, test } from 'vitest';
import { type Attempt, type Finding, type Guarantee, judge } from './guarantee.ts';
import type { Answer } from './system-call.ts';
import { call } from './system-call.ts';
import { layersReport, reportOf, worst } from './verdict.ts';

function attempt(more: Partial<Attempt> = {}): Attempt {
  return {
    act: 'mount',
    calls: () => [call('socket'), call('mount')],
    evidence: { kind: 'answer', refused: ['EPERM'], reached: ['EINVAL'] },
    ...more,
  };
}

function answered(errno: string | undefined, more: Partial<Answer & { kind: 'answered' }> = {}): Answer {
  return { kind: 'answered', call: 1, errno, bytes: Buffer.alloc(0), ...more };
}

function found(one: Attempt, answer: Answer, visited: readonly string[] = []): Finding['kind'] {
  return judge(one, { answer, side: 'inside', visited: new Set(visited) }).kind;
}

describe('an act that is known by its answer', () => {
  test('is reached by success and by errors that come after permission, and refused by the expected ones', () => {
    expect(found(attempt(), answered(undefined))).toBe('reached');
    expect(found(attempt(), answered('EINVAL'))).toBe('reached');
    expect(found(attempt(), answered('EPERM'))).toBe('refused');
  });

  test('is unclear when another error comes, another call fails, a signal ends it or nothing is heard', () => {
    expect(found(attempt(), answered('EMFILE'))).toBe('unclear');
    expect(found(attempt(), answered('EPERM', { call: 0 }))).toBe('unclear');
    expect(found(attempt(), { kind: 'killed', signal: 14 })).toBe('unclear');
    expect(found(attempt(), { kind: 'silent' })).toBe('unclear');
  });
});

describe('an act that is known by what it reads', () => {
  const one = attempt({
    evidence: {
      kind: 'content',
      shows: (bytes) => bytes.includes('secret'),
      legible: (bytes) => bytes.includes('HOME='),
    },
  });

  test('is reached where the bytes show it, refused where they do not, unclear where they are something else', () => {
    expect(found(one, answered(undefined, { bytes: Buffer.from('HOME=/ secret') }))).toBe('reached');
    expect(found(one, answered(undefined, { bytes: Buffer.from('HOME=/') }))).toBe('refused');
    expect(found(one, answered(undefined, { bytes: Buffer.from('') }))).toBe('unclear');
    expect(found(one, answered('ENOENT'))).toBe('refused');
    expect(found(one, answered('EMFILE'))).toBe('unclear');
  });
});

describe('an act that is known by a visit', () => {
  const one = attempt({ evidence: { kind: 'visit', listener: 'stream' } });

  test('is reached by the visit alone, whatever was answered', () => {
    expect(found(one, answered('ECONNRESET'), ['stream'])).toBe('reached');
    expect(found(one, answered(undefined), ['datagram'])).toBe('refused');
    expect(found(one, answered('ECONNREFUSED'))).toBe('refused');
    expect(found(one, answered('EMFILE'))).toBe('unclear');
  });
});

describe('a guarantee', () => {
  const guarantee: Guarantee = { id: 'x', group: 'kernel', claim: 'X holds', short: 'x', attempts: [] };
  const refused: Finding = { kind: 'refused', how: 'EPERM' };
  const reached: Finding = { kind: 'reached' };
  const state = (inside: Finding, outside: Finding, hostRefuses: readonly string[] = []) =>
    reportOf(guarantee, [{ attempt: attempt({ hostRefuses }), inside, outside }]).state;

  test('is proven only by a refusal inside and success outside', () => {
    expect(state(refused, reached)).toBe('proven');
    expect(state(reached, reached)).toBe('not enforced');
    expect(state(reached, refused)).toBe('not enforced');
    expect(state({ kind: 'undone' }, reached)).toBe('weaker');
    expect(state({ kind: 'unclear', how: 'EMFILE' }, reached)).toBe('unproven');
    expect(state(refused, { kind: 'unclear', how: 'EMFILE' })).toBe('unproven');
  });

  test('is proven where the host is known to refuse the act itself, and unproven where it does so unexpectedly', () => {
    expect(state(refused, refused, ['EPERM'])).toBe('proven');
    expect(state(refused, refused)).toBe('unproven');
    expect(state(reached, refused, ['EPERM'])).toBe('not enforced');
  });

  test('for which nothing was attempted is unproven', () => {
    expect(reportOf(guarantee, [])).toMatchObject({
      state: 'unproven',
      reasons: ['nothing could be attempted'],
    });
  });

  test('is as good as its worst act', () => {
    expect(worst(['proven', 'weaker', 'unproven'])).toBe('unproven');
    expect(worst(['not enforced', 'unproven'])).toBe('not enforced');
    expect(worst([])).toBe('proven');
  });
});

test('the layers are unproven unless the launcher confirmed some, and the name guard’s nature is no gap', () => {
  expect(layersReport([]).state).toBe('unproven');
  expect(
    layersReport([
      { mechanism: 'seccomp', state: 'full' },
      { mechanism: 'name-guard', state: 'partial', missing: ['a race'] },
    ]),
  ).toMatchObject({ state: 'proven', reasons: [] });
  expect(layersReport([{ mechanism: 'seccomp', state: 'none', reason: 'no filter' }])).toMatchObject({
    state: 'not enforced',
    reasons: ['seccomp: no filter'],
  });
});

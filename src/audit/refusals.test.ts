import { expect, test } from 'vitest';
import { makePolicy } from '../violations/cases.fixture.ts';
import { refusedSubjects } from './refusals.ts';
import type { RecordedSession } from './types.ts';

const PATH = { kind: 'path', path: '/home/ann/.npmrc' } as const;
const HOST = { kind: 'host', host: 'a.test', port: 443 } as const;

function session(
  id: string,
  ...refused: readonly (readonly [id: string, subject: unknown])[]
): RecordedSession {
  const events = refused.map(([of, subject]) => ({
    kind: 'violation',
    violation: { id: of, count: 1, denial: { act: 'read', subject } },
  }));
  return { id, project: '/p', started: '', whole: true, policy: makePolicy(), events } as RecordedSession;
}

test('attempts of all sessions are added up, the most tried first', () => {
  const counted = { kind: 'violation-count', id: 'b1', count: 9, last: 0 };
  const first = session('one', ['b1', HOST], ['b2', PATH]);
  const sessions = [first, session('two', ['b1', PATH]), session('three')];
  expect(refusedSubjects(sessions)).toEqual([
    { subject: PATH, attempts: 2, sessions: 2 },
    { subject: HOST, attempts: 1, sessions: 1 },
  ]);
  const more = [{ ...first, events: [...first.events, counted] }, ...sessions.slice(1)];
  expect(refusedSubjects(more)[0]).toEqual({ subject: HOST, attempts: 9, sessions: 1 });
});

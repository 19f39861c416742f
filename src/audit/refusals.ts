/** What was refused over many sessions, the most tried first: what stays closed is a part of what the settings do. */
import { historyOf } from '../violations/history.ts';
import type { Subject } from '../violations/types.ts';
import type { RecordedSession } from './types.ts';

export interface RefusedSubject {
  readonly subject: Subject;
  readonly attempts: number;
  readonly sessions: number;
}

export function refusedSubjects(sessions: readonly RecordedSession[]): RefusedSubject[] {
  const found = new Map<string, { subject: Subject; attempts: number; within: Set<string> }>();
  for (const { id, events } of sessions) {
    for (const { count, denial } of historyOf(events).violations) {
      const { subject } = denial;
      const key = JSON.stringify(subject);
      const known = found.get(key) ?? { subject, attempts: 0, within: new Set<string>() };
      known.attempts += count;
      known.within.add(id);
      found.set(key, known);
    }
  }
  return [...found.values()]
    .map(({ subject, attempts, within }) => ({ subject, attempts, sessions: within.size }))
    .toSorted((a, b) => b.attempts - a.attempts);
}

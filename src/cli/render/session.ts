/** Small phrases about a session: how long ago, how it ended. */
import type { ListedSession } from '../../session/store.ts';
import { duration } from './words.ts';

export function ageOf(started: string, now: number): string {
  return duration(Math.max(0, Math.floor((now - Date.parse(started)) / 1000)));
}

export function howItEnded({ state, ending }: ListedSession): string {
  if (state === 'lost') return 'lost: killed before it could say how it ended';
  if (ending === undefined) return state;
  switch (ending.kind) {
    case 'exited':
      return `exit ${ending.code}`;
    case 'killed':
      return `signal ${ending.signal}`;
    case 'failed':
      return ending.code;
    case 'not-found':
    case 'not-executable':
    case 'closed':
      return ending.kind;
  }
}

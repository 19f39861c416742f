/** The part of a session's directory that its inside may read: one stream of what was refused, written from here. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../platform/linux/plan.ts';
import { GIT_TEMPLATE, withSessionDirectory } from '../platform/linux/session-directory.ts';

export interface Shown {
  readonly plan: Plan;
  /** Undefined where the plan has no place for it. */
  readonly eventsFile: string | undefined;
}

/** Made anew for each run, empty. Beside the log and not the log itself: that holds what the inside must not learn. */
export function showInside(plan: Plan, sessionDirectory: string): Shown {
  const directory = join(realpathSync(sessionDirectory), 'inside');
  const shown = withSessionDirectory(plan, directory);
  if (shown === undefined) return { plan, eventsFile: undefined };
  mkdirSync(join(directory, GIT_TEMPLATE), { recursive: true, mode: 0o700 });
  const eventsFile = join(directory, 'events.jsonl');
  writeFileSync(eventsFile, '', { mode: 0o600 });
  return { plan: shown, eventsFile };
}

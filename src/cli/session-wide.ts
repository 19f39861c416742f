/** Carries a change of the settings into the sessions that run under them. */
import { isSandboxError } from '../errors.ts';
import type { ListedSession } from '../session/store.ts';
import type { Context } from './command.ts';
import type { Applied } from './render/grants.ts';
import { openStore } from './session-choice.ts';

/** `projectDir` undefined: every live session. A session that refuses is told of, and does not undo the change. */
export async function applyLive(
  context: Context,
  projectDir: string | undefined,
  change: (session: ListedSession) => Promise<unknown>,
): Promise<Applied[]> {
  const live = (await openStore(context)).liveSessions();
  const applied: Applied[] = [];
  for (const session of live) {
    if (projectDir !== undefined && session.project !== projectDir) continue;
    try {
      await change(session);
      applied.push({ session: session.id, state: 'applied' });
    } catch (error) {
      if (!isSandboxError(error)) throw error;
      applied.push({ session: session.id, state: 'refused', why: error.why });
    }
  }
  return applied;
}

/** Which running session a command is about. */
import { SandboxError } from '../errors.ts';
import { findSession } from '../session/recorded.ts';
import type { ListedSession } from '../session/store.ts';
import type { Context } from './command.ts';
import { openStore } from './session-choice.ts';
import { findPlaces } from './settings-places.ts';

/** Throws ERR_SESSION_UNKNOWN: also for a session of this id that is over. */
export async function chooseLive(context: Context, id: string | undefined): Promise<ListedSession> {
  const store = await openStore(context);
  if (id !== undefined) {
    const session = findSession(store, { id, projectDir: undefined });
    if (session.state === 'live') return session;
    throw notLive(
      `Session ${session.id} is not live`,
      session.state === 'lost' ? 'it was killed' : 'it has ended',
    );
  }
  const { projectDir } = await findPlaces(context, { project: undefined });
  const session = await latestLive(context, projectDir);
  if (session !== undefined) return session;
  const others = store.liveSessions().length;
  const where = projectDir === undefined ? 'here is no project' : `nothing runs in ${projectDir}`;
  throw notLive(
    'There is no live session',
    others === 0 ? where : `${where}; ${others} elsewhere: name one with --session ID`,
  );
}

export async function latestLive(
  context: Context,
  projectDir: string | undefined,
): Promise<ListedSession | undefined> {
  const live = (await openStore(context)).liveSessions();
  return live.filter(({ project }) => projectDir === undefined || project === projectDir).at(-1);
}

function notLive(what: string, why: string): SandboxError {
  return new SandboxError('ERR_SESSION_UNKNOWN', { what, why, fix: 'pinfold sessions lists what is live' });
}

/** Which running session a command is about. */
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxError } from '../errors.ts';
import { findSession } from '../session/recorded.ts';
import type { ListedSession, SessionStore } from '../session/store.ts';
import type { Context } from './command.ts';
import { openStore } from './session-choice.ts';
import { findPlaces } from './settings-places.ts';

/** How long a session may take to say how it ended, once it has nothing inside any more. Milliseconds. */
const PATIENCE = 10_000;

/** The session once it is over: its last record is written after its socket has gone. Undefined: it is not, after ten seconds. */
export async function awaitEnd(
  store: SessionStore,
  { id }: Pick<ListedSession, 'id'>,
): Promise<ListedSession | undefined> {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const now = findSession(store, { id, projectDir: undefined });
    if (now.state !== 'live') return now;
    if (Date.now() > until) return undefined;
    await delay(20);
  }
}

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
  suits: (session: ListedSession) => boolean = () => true,
): Promise<ListedSession | undefined> {
  const live = (await openStore(context)).liveSessions().filter(suits);
  return live.filter(({ project }) => projectDir === undefined || project === projectDir).at(-1);
}

function notLive(what: string, why: string): SandboxError {
  return new SandboxError('ERR_SESSION_UNKNOWN', { what, why, fix: 'pinfold sessions lists what is live' });
}

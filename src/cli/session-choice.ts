/** Which session a command that looks back is about. */
import { stateDirOf } from '../config/discover.ts';
import { findHome } from '../host/host-facts.ts';
import { findSession } from '../session/recorded.ts';
import { type ListedSession, SessionStore } from '../session/store.ts';
import type { Context, OptionTable } from './command.ts';
import { findPlaces, PROJECT_OPTION } from './settings-places.ts';

export const SESSION_OPTIONS = {
  session: {
    type: 'value',
    short: 's',
    placeholder: 'ID',
    completion: 'session',
    summary: 'the session, by its id or the beginning of it',
    default: 'the latest of this project',
  },
  ...PROJECT_OPTION,
} as const satisfies OptionTable;

export async function openStore({ environment }: Context): Promise<SessionStore> {
  return new SessionStore(stateDirOf(await findHome(environment), environment));
}

/** Throws ERR_SESSION_UNKNOWN. */
export async function chooseSession(
  context: Context,
  { session: id, project }: { readonly session: string | undefined; readonly project: string | undefined },
): Promise<ListedSession> {
  const store = await openStore(context);
  if (id !== undefined) return findSession(store, { id, projectDir: undefined });
  const { projectDir } = await findPlaces(context, { project });
  return findSession(store, { id, projectDir });
}

/** Gathers what looking back is about: the grants that stand in the settings here, and the sessions that are recorded. */
import { statSync } from 'node:fs';
import type { AuditedGrant, GrantEntry, RecordedSession } from '../audit/types.ts';
import { type AuditInput, auditGrants, hostKey } from '../audit/use.ts';
import { isProjectScope } from '../config/discover.ts';
import type { EditableScope } from '../config/edit.ts';
import { type LoadedFile, type LoadedLayers, loadLayers } from '../config/load.ts';
import { isSandboxError } from '../errors.ts';
import { EgressRules } from '../network/egress-rules.ts';
import { type Finding, lintPolicy } from '../policy/lint.ts';
import { isExpired } from '../policy/merge-paths.ts';
import { expandPath } from '../policy/paths.ts';
import type { SettingsLayer } from '../policy/types.ts';
import { loadPolicy } from '../session/prepare.ts';
import { readEvents, readSessionPolicy } from '../session/recorded.ts';
import { type ListedSession, SessionStore } from '../session/store.ts';
import type { Context } from './command.ts';
import type { SettingsPlaces } from './settings-places.ts';

export const makeHostRules: AuditInput['makeRules'] = (domains) => new EgressRules(domains);

function isEditable(scope: SettingsLayer['scope']): scope is EditableScope {
  return scope === 'user' || isProjectScope(scope);
}

/** Only where the kernel says that nothing is there: what may not be looked at is not gone. */
function placeOf(path: string): NonNullable<GrantEntry['place']> {
  try {
    statSync(path);
    return 'there';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'gone' : 'unclear';
  }
}

function entriesOf(layer: SettingsLayer, trusted: boolean, places: SettingsPlaces, now: Date): GrantEntry[] {
  const { homeDir, projectDir = homeDir } = places;
  const paths = (layer.allowedPaths ?? []).map(({ value, origin }, index): GrantEntry => {
    const pattern = expandPath(value.path, { homeDir, projectDir });
    return {
      key: 'allowedPaths',
      text: value.path,
      pattern,
      mode: value.mode,
      ...(value.expires !== undefined && { expires: value.expires }),
      ...(value.reason !== undefined && { reason: value.reason }),
      origin,
      index,
      trusted,
      expired: isExpired(value, now),
      place: placeOf(pattern),
    };
  });
  const sockets = (layer.allowedSockets ?? []).map(({ value, origin }, index): GrantEntry => {
    const pattern = expandPath(value.path, { homeDir, projectDir });
    return {
      key: 'allowedSockets',
      text: value.path,
      pattern,
      ...(value.expires !== undefined && { expires: value.expires }),
      ...(value.reason !== undefined && { reason: value.reason }),
      origin,
      index,
      trusted,
      expired: isExpired(value, now),
      // A service that does not run now has no socket: that its name is gone says nothing of the grant.
    };
  });
  const hosts = (layer.allowedDomains ?? []).map(
    ({ value, origin }, index): GrantEntry => ({
      key: 'allowedDomains',
      text: value,
      pattern: hostKey(value),
      origin,
      index,
      trusted,
      expired: false,
    }),
  );
  const inProfiles = Object.values(layer.profiles ?? {}).flatMap((profile) =>
    entriesOf(profile, trusted, places, now),
  );
  return [...paths, ...sockets, ...hosts, ...inProfiles];
}

/** Undefined where its log or its policy cannot be read. */
export function recordedSession(session: ListedSession): RecordedSession | undefined {
  const { id, project, started, ended, state, log } = session;
  try {
    const events = readEvents(session);
    return {
      id,
      project,
      started,
      ...(ended !== undefined && { ended }),
      // A log that is cut off says nothing of what came after.
      whole: state === 'ended' && log?.records === events.length,
      policy: readSessionPolicy(session),
      events,
    };
  } catch {
    // Its log or its policy cannot be read (`pinfold log verify` says why): nothing is known of what it used.
    return undefined;
  }
}

async function findingsOf(context: Context, places: SettingsPlaces): Promise<readonly Finding[]> {
  try {
    const { projectDir } = places;
    const { cwd, environment } = context;
    const request = { cwd, environment, ...(projectDir !== undefined && { projectDir }) };
    const { policy } = await loadPolicy(request);
    return lintPolicy(policy, (environment.PATH ?? '').split(':'));
  } catch (error) {
    if (!isSandboxError(error) || error.code !== 'ERR_PROJECT_INVALID') throw error;
    // In the home directory there is no project to make a policy for; use and age of the entries can be told all the same.
    return [];
  }
}

export interface GrantAudit {
  readonly grants: readonly AuditedGrant[];
  readonly files: readonly LoadedFile[];
  /** Of this project, oldest first. */
  readonly sessions: readonly RecordedSession[];
  /** Sessions of this project whose record cannot be read. */
  readonly unreadable: number;
}

export async function auditSettings(context: Context, places: SettingsPlaces): Promise<GrantAudit> {
  const { layers, files }: LoadedLayers = await loadLayers(places);
  const now = new Date();
  const entries = layers.flatMap((layer) =>
    isEditable(layer.scope) ? entriesOf(layer, layer.trusted, places, now) : [],
  );
  const listed = new SessionStore(places.stateDir).list();
  const sessions = listed.flatMap((session) => recordedSession(session) ?? []);
  const { projectDir } = places;
  const findings = await findingsOf(context, places);
  const isMine = ({ project }: { project: string }) => project === projectDir;
  const mine = sessions.filter(isMine);
  return {
    grants: auditGrants({ projectDir, entries, sessions, findings, makeRules: makeHostRules }),
    files,
    sessions: mine,
    unreadable: listed.filter(isMine).length - mine.length,
  };
}

/** `pinfold revoke`: closes a host in a running session, or takes a host or path out of the settings. */

import { SandboxError } from '../../errors.ts';
import { findHome } from '../../host/host-facts.ts';
import { formatHostPattern, parseHostPattern } from '../../policy/host-pattern.ts';
import { expandPath } from '../../policy/paths.ts';
import { printableJson } from '../../policy/printable.ts';
import { askSession } from '../../session/control-client.ts';
import { type Context, defineCommand } from '../command.ts';
import { PLACE_OPTIONS, readPlace, readWanted, type Wanted } from '../grant-words.ts';
import { chooseLive } from '../live-session.ts';
import { escapeText } from '../render/escape.ts';
import { appliedLines, writtenLines } from '../render/grants.ts';
import { plural } from '../render/words.ts';
import { applyLive } from '../session-wide.ts';
import { type ListPlace, removeEntries } from '../settings-lists.ts';
import { findPlaces, type SettingsPlaces } from '../settings-places.ts';

function spelled(host: string): string {
  const pattern = parseHostPattern(host);
  return pattern === undefined ? host : formatHostPattern(pattern);
}

function isAbout(entry: unknown, wanted: Wanted, { projectDir, homeDir }: SettingsPlaces): boolean {
  if (wanted.kind === 'host') return typeof entry === 'string' && spelled(entry) === spelled(wanted.host);
  const written = typeof entry === 'string' ? entry : (entry as { path?: unknown } | null)?.path;
  return (
    typeof written === 'string' &&
    expandPath(written, { projectDir: projectDir ?? homeDir, homeDir }) === wanted.path
  );
}

async function revokeLive(
  context: Context,
  host: string,
  id: string | undefined,
  json: boolean,
): Promise<void> {
  const session = await chooseLive(context, id);
  const revoked = await askSession(session, 'revoke', { host });
  context.out.write(
    json
      ? `${printableJson({ session: session.id, ...revoked }, 2)}\n`
      : `Closed ${escapeText(revoked.host)} in session ${session.id}; ${plural(revoked.closed, 'connection')} ended\n`,
  );
}

async function revokePathLive(
  context: Context,
  path: string,
  id: string | undefined,
  json: boolean,
): Promise<void> {
  const session = await chooseLive(context, id);
  const revoked = await askSession(session, 'revoke-path', { path });
  context.out.write(
    json
      ? `${printableJson({ session: session.id, ...revoked }, 2)}\n`
      : `Closed ${escapeText(revoked.path)} in session ${session.id}; what is open stays open\n`,
  );
}

async function revokeForGood(
  context: Context,
  wanted: Wanted,
  scope: 'project' | 'user',
  json: boolean,
): Promise<void> {
  const places = await findPlaces(context, { project: undefined });
  const remove = (key: ListPlace['key']) =>
    removeEntries({ context, places, scope, key }, (entry) => isAbout(entry, wanted, places));
  let key: ListPlace['key'] = wanted.kind === 'host' ? 'allowedDomains' : 'allowedPaths';
  let outcome = await remove(key);
  if (wanted.kind === 'path' && outcome.change === 'unchanged') {
    // What is a socket on the host now need not have been one when it was allowed, nor the other way round.
    key = 'allowedSockets';
    outcome = await remove(key);
  }
  const shown = wanted.kind === 'host' ? spelled(wanted.host) : wanted.path;
  if (outcome.change === 'unchanged') {
    throw new SandboxError('ERR_GRANT_UNKNOWN', {
      what: `Cannot take ${shown} out of the settings`,
      why:
        wanted.kind === 'host'
          ? `${key} of ${outcome.file} does not have it`
          : `neither allowedPaths nor allowedSockets of ${outcome.file} has it`,
      fix: `pinfold config get ${key} shows what is there`,
    });
  }
  const applied = await applyLive(context, scope === 'user' ? undefined : places.projectDir, (session) =>
    wanted.kind === 'host'
      ? askSession(session, 'revoke', { host: wanted.host })
      : askSession(session, 'revoke-path', { path: wanted.path }),
  );
  const { out } = context;
  if (json) {
    out.write(`${printableJson({ entry: shown, scope, ...outcome, sessions: applied }, 2)}\n`);
    return;
  }
  out.write(writtenLines(outcome, scope, shown, 'no longer has'));
  out.write(appliedLines(applied, 'closed'));
}

export const revokeCommand = defineCommand({
  name: 'revoke',
  summary: 'close a host in a running session, or in the settings',
  description:
    'Connections that nothing else allows are closed. In a session also a host that the settings opened is closed, for that session. What another rule opens as well, such as a wildcard, stays open.',
  arguments: [{ name: 'WHAT', summary: 'the host or path, as it was allowed', required: true }],
  options: PLACE_OPTIONS,
  examples: [
    { line: 'pinfold revoke registry.example.com', does: 'in the running session of this project' },
    { line: 'pinfold revoke registry.example.com --project', does: 'in the settings, and in what runs' },
  ],
  async run({ options, arguments: [word = ''], context }) {
    const wanted = readWanted(word, { cwd: context.cwd, homeDir: findHome(context.environment) });
    const place = readPlace(options);
    if (place.kind === 'settings') {
      await revokeForGood(context, wanted, place.scope, options.json);
      return 0;
    }
    if (wanted.kind === 'path') {
      await revokePathLive(context, wanted.path, place.id, options.json);
      return 0;
    }
    await revokeLive(context, wanted.host, place.id, options.json);
    return 0;
  },
});

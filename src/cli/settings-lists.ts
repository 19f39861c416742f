/** Adds and removes single entries of the lists of a settings file, as `pinfold config` would: comments stay, and it counts as trusted. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isProjectScope, locateSettings } from '../config/discover.ts';
import { type EditableScope, type EditOutcome, editSettings } from '../config/edit.ts';
import { readSettingsFile } from '../config/settings-file.ts';
import { valueInText } from '../config/text-edit.ts';
import { SandboxError } from '../errors.ts';
import type { Context } from './command.ts';
import { latestLive } from './live-session.ts';
import { requireProject, type SettingsPlaces } from './settings-places.ts';

export interface ListPlace {
  readonly context: Context;
  readonly places: SettingsPlaces;
  readonly scope: EditableScope;
  readonly key: 'allowedPaths' | 'allowedSockets' | 'allowedDomains';
}

/**
 * While a session runs nobody may make names from which the host would take orders, the person neither: its watch could not tell
 * them from the inside, would take the new file away and end the session.
 */
async function refuseWatchedName(context: Context, file: string, projectDir: string): Promise<void> {
  const directory = dirname(file);
  if (existsSync(directory)) return;
  const running = await latestLive(context, projectDir);
  if (running === undefined) return;
  throw new SandboxError('ERR_GRANT_REFUSED', {
    what: `Cannot make ${directory} now`,
    why: `session ${running.id} runs in this project and takes away whatever appears under that name`,
    fix: 'Open the host in the session (without --project), or keep it in your own settings: --user',
  });
}

/** Replaces the list by what `change` makes of it. */
async function editList(
  { context, places, scope, key }: ListPlace,
  change: (list: readonly unknown[]) => readonly unknown[],
): Promise<EditOutcome> {
  const projectDir = isProjectScope(scope) ? requireProject(places) : places.homeDir;
  const file = locateSettings({ ...places, projectDir }).find((location) => location.scope === scope)!.path;
  if (isProjectScope(scope)) await refuseWatchedName(context, file, projectDir);
  const reading = await readSettingsFile(file);
  const found = reading.kind === 'read' ? valueInText(reading.text, ['sandbox', key]) : undefined;
  const list = Array.isArray(found) ? found : [];
  const value = change(list);
  const { homeDir, stateDir } = places;
  const path = [key];
  const edit =
    value.length === 0 ? ({ kind: 'unset', path } as const) : ({ kind: 'set', path, value } as const);
  return await editSettings({ scope, file, projectDir, homeDir, stateDir, change: edit });
}

/** `same`: entries that the new one takes the place of. */
export function addEntry(
  place: ListPlace,
  entry: unknown,
  same: (entry: unknown) => boolean,
): Promise<EditOutcome> {
  return editList(place, (list) =>
    list.some((each) => isDeepStrictEqual(each, entry))
      ? list
      : [...list.filter((each) => !same(each)), entry],
  );
}

export function removeEntries(place: ListPlace, goes: (entry: unknown) => boolean): Promise<EditOutcome> {
  return editList(place, (list) => list.filter((each) => !goes(each)));
}

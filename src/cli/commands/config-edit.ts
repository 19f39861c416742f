/** `pinfold config set` and `unset`: one value of one file, and whether it then holds. */
import { isProjectScope, locateSettings } from '../../config/discover.ts';
import { findProperty } from '../../config/document.ts';
import { type Change, type EditableScope, type EditOutcome, editSettings } from '../../config/edit.ts';
import { interpretSettings } from '../../config/interpretation.ts';
import { type KeyReport, reportKeys } from '../../config/key-report.ts';
import { checkValue, parseKey, parseValue, type SettingsKey } from '../../config/keys.ts';
import { loadLayers } from '../../config/load.ts';
import { readSettingsFile } from '../../config/settings-file.ts';
import { isSandboxError, type SandboxError } from '../../errors.ts';
import { printableJson } from '../../policy/printable.ts';
import { type Context, defineCommand } from '../command.ts';
import { escapeText } from '../render/escape.ts';
import { shownPlace } from '../render/settings.ts';
import { plural, shownOrigin, shownPath } from '../render/words.ts';
import {
  findPlaces,
  JSON_OPTION,
  KEY_ARGUMENT,
  PROJECT_OPTION,
  requireProject,
  SCOPE_OPTION,
  type SettingsPlaces,
} from '../settings-places.ts';

/** Where the project keeps its settings: its own file, else Claude Code's if that has a `sandbox`; else the person's. */
async function chooseScope(places: SettingsPlaces): Promise<EditableScope> {
  const { projectDir, homeDir } = places;
  if (projectDir === undefined) return 'user';
  const pathOf = (scope: EditableScope) =>
    locateSettings(places).find((location) => location.scope === scope)!.path;
  if ((await readSettingsFile(pathOf('project'))).kind !== 'absent') return 'project';
  const file = pathOf('claude');
  const reading = await readSettingsFile(file);
  if (reading.kind !== 'read') return 'user';
  const { text } = reading;
  const meaning = interpretSettings({
    scope: 'claude',
    file,
    text,
    trusted: false,
    places: { projectDir, homeDir },
  });
  // One that is not valid is the one to be mended; the edit says what is wrong with it.
  const keepsSettings =
    meaning.kind === 'invalid' || findProperty(meaning.document.root, 'sandbox') !== undefined;
  return keepsSettings ? 'claude' : 'user';
}

interface Edited {
  readonly outcome: EditOutcome;
  readonly scope: EditableScope;
  /** What holds now; undefined when the settings as a whole are not valid. */
  readonly report: KeyReport | undefined;
  readonly complaint: SandboxError | undefined;
}

async function applyChange(
  places: SettingsPlaces,
  scope: EditableScope,
  key: SettingsKey,
  change: Change,
): Promise<Edited> {
  const projectDir = isProjectScope(scope) ? requireProject(places) : places.homeDir;
  const file = locateSettings({ ...places, projectDir }).find((location) => location.scope === scope)!.path;
  const { homeDir, stateDir } = places;
  const outcome = await editSettings({ scope, file, projectDir, homeDir, stateDir, change });
  try {
    const { layers } = await loadLayers(places);
    return { outcome, scope, report: reportKeys(layers, key.path, key.shape)[0], complaint: undefined };
  } catch (error) {
    if (!isSandboxError(error)) throw error;
    // The edit is done and its file is valid; another file is not, which is told and stops the next run.
    return { outcome, scope, report: undefined, complaint: error };
  }
}

/** What a person would else wonder about: the value is written and does not hold. */
function warnings({ outcome, report, complaint }: Edited, homeDir: string): string[] {
  const lines: string[] = [];
  if (outcome.pending.length > 0) {
    const places = outcome.pending
      .slice(0, 5)
      .map(({ key, origin }) => `  ${shownOrigin(origin, homeDir)}  ${escapeText(key)}`);
    lines.push(
      `This file is not trusted and holds ${plural(outcome.pending.length, 'entry', 'entries')} that could widen the boundary; none of them is in force until pinfold trust:`,
      ...places,
    );
  }
  const mine = report?.statements.find(({ origin }) => origin.file === outcome.file);
  if (mine?.outdone === 'overridden' || mine?.outdone === 'ceiling') {
    const winner = report!.statements.findLast(({ outdone }) => outdone === undefined);
    lines.push(
      `It does not hold: ${winner === undefined ? 'another file' : shownOrigin(winner.origin, homeDir)} is stronger`,
    );
  }
  if (complaint !== undefined) lines.push(`${escapeText(complaint.what)}: ${escapeText(complaint.why)}`);
  return lines;
}

function showEdit(
  context: Context,
  key: SettingsKey,
  edited: Edited,
  places: SettingsPlaces,
  json: boolean,
): void {
  const { outcome, scope, report } = edited;
  const lines = warnings(edited, places.homeDir);
  if (json) {
    const data = { key: key.name, scope, ...outcome, value: report?.value ?? null };
    context.out.write(`${printableJson(data, 2)}\n`);
    return;
  }
  const file = shownPath(outcome.file, places.homeDir);
  const done = { created: 'Created', changed: 'Changed', unchanged: 'Unchanged:' }[outcome.change];
  context.out.write(`${done} ${file} (${scope})\n`);
  for (const line of lines) context.err.write(`${line}\n`);
}

export const setCommand = defineCommand({
  name: 'set',
  summary: 'set a value; comments and layout of the file stay',
  description:
    'A value is JSON where it is JSON, and a plain word else. "sandbox" alone is the switch, sandbox.enabled. What is set in a project’s file counts as trusted, unless that file holds entries that you have not agreed to.',
  options: { ...SCOPE_OPTION, ...PROJECT_OPTION, ...JSON_OPTION },
  arguments: [KEY_ARGUMENT, { name: 'VALUE', summary: 'strict, 4GiB, \'["~/data"]\' …', required: true }],
  examples: [
    { line: 'pinfold config set sandbox true', does: 'on' },
    { line: 'pinfold config set mode strict --scope project', does: 'for everybody who works here' },
    { line: 'pinfold config set allowedPaths \'["~/data"]\'', does: 'a list is given whole' },
  ],
  async run({ options, arguments: words, context }) {
    const key = parseKey(words[0]!);
    const value = parseValue(key, words[1]!);
    checkValue(key, value);
    const places = await findPlaces(context, options);
    const scope = options.scope ?? (await chooseScope(places));
    const edited = await applyChange(places, scope, key, { kind: 'set', path: key.path, value });
    showEdit(context, key, edited, places, options.json);
    return 0;
  },
});

export const unsetCommand = defineCommand({
  name: 'unset',
  summary: 'remove a value from one file',
  options: { ...SCOPE_OPTION, ...PROJECT_OPTION, ...JSON_OPTION },
  arguments: [KEY_ARGUMENT],
  async run({ options, arguments: words, context }) {
    const key = parseKey(words[0]!);
    const places = await findPlaces(context, options);
    const scope = options.scope ?? (await chooseScope(places));
    const edited = await applyChange(places, scope, key, { kind: 'unset', path: key.path });
    showEdit(context, key, edited, places, options.json);
    const elsewhere =
      edited.report?.statements.filter(({ origin }) => origin.file !== edited.outcome.file) ?? [];
    if (edited.outcome.change === 'unchanged' && !options.json) {
      const found = elsewhere.map(
        (statement) => `${shownPlace(statement, places.homeDir)} (--scope ${statement.origin.scope})`,
      );
      context.err.write(
        `${escapeText(key.name)} is not set there${found.length === 0 ? '' : `; it is set in ${found.join(', ')}`}\n`,
      );
    }
    return 0;
  },
});

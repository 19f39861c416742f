/** `pinfold config get` and `list`: what the settings files say, each value with the file that it comes from. */
import { type KeyReport, reportAll, reportKeys } from '../../config/key-report.ts';
import { parseKey, type SettingsKey } from '../../config/keys.ts';
import { type LoadedLayers, loadLayers } from '../../config/load.ts';
import { printableJson } from '../../policy/printable.ts';
import { defineCommand, defineGroup } from '../command.ts';
import { escapeText } from '../render/escape.ts';
import { reportLines } from '../render/settings.ts';
import { paint } from '../render/style.ts';
import { noticeLine, shownPath } from '../render/words.ts';
import { findPlaces, JSON_OPTION, KEY_ARGUMENT, PROJECT_OPTION, SCOPE_OPTION } from '../settings-places.ts';
import { setCommand, unsetCommand } from './config-edit.ts';

function asData({ key, value, origin, statements }: KeyReport): Record<string, unknown> {
  return { key, value: value ?? null, origin: origin ?? null, statements };
}

/** Of a section or of everything: what is said or has a default; of one key: that key, said or not. */
function pickReports(loaded: LoadedLayers, key: SettingsKey): KeyReport[] {
  const reports = reportKeys(loaded.layers, key.path, key.shape);
  const isSection = key.shape.kind === 'object' || key.shape.kind === 'record';
  return isSection ? reports.filter(({ statements }) => statements.length > 0) : reports;
}

function onlyScope(loaded: LoadedLayers, scope: string | undefined): LoadedLayers {
  return scope === undefined
    ? loaded
    : { ...loaded, layers: loaded.layers.filter((layer) => layer.scope === scope) };
}

const getCommand = defineCommand({
  name: 'get',
  summary: 'show a value and which file it comes from',
  options: { ...SCOPE_OPTION, ...PROJECT_OPTION, ...JSON_OPTION },
  arguments: [KEY_ARGUMENT],
  examples: [
    { line: 'pinfold config get sandbox', does: 'is it on, and who says so' },
    { line: 'pinfold config get limits --json', does: 'every limit, for machines' },
  ],
  async run({ options, arguments: words, context }) {
    const key = parseKey(words[0]!);
    const places = await findPlaces(context, options);
    const reports = pickReports(onlyScope(await loadLayers(places), options.scope), key);
    if (options.json) {
      const data = reports.map(asData);
      const one = key.shape.kind !== 'object' && key.shape.kind !== 'record';
      context.out.write(`${printableJson(one ? data[0] : { key: key.name, values: data }, 2)}\n`);
      return 0;
    }
    const lines = reports.flatMap((report) => reportLines(context.out, report, places.homeDir));
    const none = `${escapeText(key.name)} = (nothing)  ${paint(context.out, 'dim', 'not set')}`;
    context.out.write(`${(lines.length === 0 ? [none] : lines).join('\n')}\n`);
    return 0;
  },
});

const listCommand = defineCommand({
  name: 'list',
  summary: 'show every value that is set, and the defaults',
  options: {
    ...SCOPE_OPTION,
    ...PROJECT_OPTION,
    ...JSON_OPTION,
    all: { type: 'flag', short: 'a', summary: 'also keys of which nothing is said' },
  },
  async run({ options, context }) {
    const { out } = context;
    const places = await findPlaces(context, options);
    const loaded = onlyScope(await loadLayers(places), options.scope);
    const said = (report: KeyReport) =>
      report.statements.length > 0 || (report.value !== undefined && options.scope === undefined);
    const reports = reportAll(loaded.layers).filter((report) => options.all || said(report));
    if (options.json) {
      const { files, notices } = loaded;
      const shown = files.map(({ scope, path, state, trusted }) => ({
        scope,
        path,
        state,
        ...(trusted !== undefined && { trusted }),
      }));
      out.write(`${printableJson({ values: reports.map(asData), files: shown, notices }, 2)}\n`);
      return 0;
    }
    const lines = [
      ...reports.flatMap((report) => reportLines(out, report, places.homeDir)),
      '',
      ...loaded.files.map(({ scope, path, state, trusted }) => {
        const detail = state === 'absent' ? 'absent' : trusted ? 'read' : 'read, not trusted';
        return paint(out, 'dim', `${scope.padEnd(8)} ${shownPath(path, places.homeDir)}  ${detail}`);
      }),
      ...loaded.notices.map((notice) => noticeLine(notice, places.homeDir)),
    ];
    out.write(`${lines.join('\n')}\n`);
    return 0;
  },
});

export const command = defineGroup({
  name: 'config',
  summary: 'read and change settings',
  subcommands: [getCommand, setCommand, unsetCommand, listCommand],
  examples: [
    { line: 'pinfold config get sandbox', does: 'is it on, and which file says so' },
    { line: 'pinfold config set mode strict', does: 'prints which file was changed' },
    { line: 'pinfold config list', does: 'every value with its origin' },
  ],
});

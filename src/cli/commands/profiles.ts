/** `pinfold profiles`: the named variants that the settings hold, each with its origin. */
import { type ProfileReport, reportProfiles } from '../../config/key-report.ts';
import { loadLayers } from '../../config/load.ts';
import { printableJson } from '../../policy/printable.ts';
import { defineCommand, type Output } from '../command.ts';
import { escapeText } from '../render/escape.ts';
import { renderTable } from '../render/table.ts';
import { shownPath } from '../render/words.ts';
import { findPlaces, PROJECT_OPTION } from '../settings-places.ts';

function renderProfiles(output: Output, profiles: readonly ProfileReport[], homeDir: string): string {
  if (profiles.length === 0) return 'The settings have no profiles.\n';
  const rows = profiles.map(({ name, mode, keys, file, line, trusted }) => [
    escapeText(name),
    mode ?? '',
    keys.join(', '),
    `${file === undefined ? '' : shownPath(file, homeDir)}${line === undefined ? '' : `:${line}`}${trusted ? '' : ' (not trusted: its grants are not in force)'}`,
  ]);
  return renderTable(output, ['PROFILE', 'MODE', 'SAYS', 'FROM'], rows);
}

export const command = defineCommand({
  name: 'profiles',
  summary: 'list the profiles that --profile can name',
  options: {
    ...PROJECT_OPTION,
    settings: {
      type: 'value',
      placeholder: 'FILE',
      completion: 'path',
      summary: 'read one more settings file',
    },
    json: { type: 'flag', summary: 'for machines, on stdout' },
  },
  examples: [{ line: 'pinfold run --profile research -- CMD', does: 'use one of them' }],
  async run({ options, context }) {
    const places = await findPlaces(context, options);
    const profiles = reportProfiles((await loadLayers(places)).layers);
    context.out.write(
      options.json
        ? `${printableJson({ profiles }, 2)}\n`
        : renderProfiles(context.out, profiles, places.homeDir),
    );
    return 0;
  },
});

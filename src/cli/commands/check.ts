/** `pinfold check`: what is wrong with the settings as they hold here. */
import { type Finding, lintPolicy } from '../../policy/lint.ts';
import { printableJson } from '../../policy/printable.ts';
import { loadPolicy } from '../../session/prepare.ts';
import { defineCommand, type Output } from '../command.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';
import { paint } from '../render/style.ts';
import { plural, shownClause, shownOrigin } from '../render/words.ts';
import { JSON_OPTION } from '../settings-places.ts';

function render(output: Output, { severity, message, origin, fix }: Finding, homeDir: string): string {
  const mark = severity === 'danger' ? paint(output, 'bad', '✗') : paint(output, 'warning', '!');
  const advice = fix === undefined ? '' : `; ${fix}`;
  const where = paint(output, 'dim', `${shownOrigin(origin, homeDir)}${advice}`);
  return `${mark} ${shownClause(message, homeDir)}\n    ${where}\n`;
}

export const checkCommand = defineCommand({
  name: 'check',
  summary: 'look for mistakes in the settings: too wide, useless, out of date',
  description:
    'Judges what would hold for a run started here: grants that open the home directory, credentials or what the host runs; directories on your PATH that could be written; wildcards over hosts that anyone can have; metadata services, which hand out this machine’s credentials; entries that are overruled, add nothing, lead nowhere or have expired. Exit code 0: nothing found, 1: something. Files that cannot be read as settings are an error, 125.',
  options: { ...POLICY_FLAGS, ...JSON_OPTION },
  examples: [
    { line: 'pinfold check', does: 'the settings of this project and your own' },
    { line: 'pinfold check --profile research --json', does: 'with a profile, for machines' },
  ],
  async run({ options, context }) {
    const { policy } = await loadPolicy(policyRequest(options, context));
    const findings = lintPolicy(policy, (context.environment.PATH ?? '').split(':'));
    const { out } = context;
    if (options.json) out.write(`${printableJson(findings, 2)}\n`);
    else {
      for (const finding of findings) out.write(render(out, finding, policy.homeDir));
      out.write(findings.length === 0 ? 'Nothing found.\n' : `${plural(findings.length, 'finding')}\n`);
    }
    return findings.length === 0 ? 0 : 1;
  },
});

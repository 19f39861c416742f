/** `pinfold export`: the policy in the words of another enforcer. */
import { exportSbpl } from '../../session/macos-export.ts';
import { defineCommand, defineGroup } from '../command.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';

const sbplCommand = defineCommand({
  name: 'sbpl',
  summary: 'print the sandbox profile that macOS would enforce',
  description:
    'The text for sandbox-exec, on any host. Home, project and settings are those of this host; on another system than macOS ' +
    'the places of the system (/System, /Library, the temporary directory …) are the documented ones, since there is no Mac ' +
    'to look at. Directories that hold protected names now are kept in place by name.',
  options: POLICY_FLAGS,
  examples: [
    { line: 'pinfold export sbpl', does: 'the policy that holds here' },
    { line: 'pinfold export sbpl --mode strict > strict.sb', does: 'another mode, to a file' },
  ],
  async run({ options, context }) {
    context.out.write(await exportSbpl(policyRequest(options, context)));
    return 0;
  },
});

export const exportCommand = defineGroup({
  name: 'export',
  summary: 'write the policy down for another enforcer',
  subcommands: [sbplCommand],
});

/** `pinfold shell`: an interactive shell inside. */

import type { Policy } from '../../policy/types.ts';
import { loadPolicy, refuseDisabled } from '../../session/prepare.ts';
import { defineCommand } from '../command.ts';
import { findHostCommand, hidingRule } from '../command-search.ts';
import { runEnclosed } from '../enclosed-run.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';
import { detach, isToDetach, RUN_FLAGS, showPlan } from './run.ts';

/** The person's own shell if it can be seen inside, else bash, else sh, which is everywhere. */
export function chooseShell(
  policy: Policy,
  cwd: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const wanted = [environment.SHELL, '/bin/bash', '/usr/bin/bash'];
  const visible = wanted.find((shell) => {
    const found =
      shell === undefined || shell === '' ? undefined : findHostCommand(shell, cwd, environment.PATH);
    return found?.executable === true && hidingRule(policy, found) === undefined;
  });
  return visible ?? '/bin/sh';
}

export const shellCommand = defineCommand({
  name: 'shell',
  summary: 'open an interactive shell inside the boundary',
  description:
    'Your own shell ($SHELL) where it is visible inside, else bash, else sh. It reads its start-up files from the private home.',
  options: { ...POLICY_FLAGS, ...RUN_FLAGS },
  examples: [
    { line: 'pinfold shell', does: 'look around inside' },
    { line: 'pinfold shell --mode strict', does: 'see what sensitive code would see' },
  ],
  async run({ options, context }) {
    if (isToDetach(options, context)) return await detach(context, options);
    const loaded = await loadPolicy(policyRequest(options, context));
    if (!options.sandbox) refuseDisabled(loaded);
    const { environment, cwd } = context;
    const target = { argv: [chooseShell(loaded.policy, cwd, environment), '-i'], cwd };
    return options['dry-run']
      ? await showPlan(loaded, target, context, options)
      : await runEnclosed(loaded, target, context, options);
  },
});

/** `pinfold learn`: runs a command inside, and proposes the settings that would let what was refused pass. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { type HostView, type Proposal, proposeGrants, type Withheld } from '../../audit/proposals.ts';
import { isProjectScope, locateSettings } from '../../config/discover.ts';
import { type EditableScope, type EditOutcome, editSettings } from '../../config/edit.ts';
import { loadPolicy, refuseDisabled } from '../../session/prepare.ts';
import { readEvents, readSessionPolicy } from '../../session/recorded.ts';
import { historyOf } from '../../violations/history.ts';
import { type Context, defineCommand } from '../command.ts';
import { runEnclosed } from '../enclosed-run.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';
import { escapeText } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { shownSubject } from '../render/violation-line.ts';
import { plural, shownPath } from '../render/words.ts';
import { openStore } from '../session-choice.ts';
import { findPlaces, requireProject, SCOPE_OPTION } from '../settings-places.ts';
import { askOnTerminal } from '../terminal-question.ts';

const HOST: HostView = {
  exists: existsSync,
  resolve(path) {
    try {
      return realpathSync.native(path);
    } catch {
      // Nothing is there, or not for this person to see: then it leads nowhere else.
      return path;
    }
  },
  isDirectory(path) {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  },
};

function shown({ text, mode }: Proposal, homeDir: string): string {
  return mode === undefined ? escapeText(text) : `${shownPath(text, homeDir)} (${mode})`;
}

const LOOK = { low: 'good', medium: 'warning', high: 'bad' } as const;

function describe({ err }: Context, proposal: Proposal, homeDir: string): string {
  const { key, risk, answers, merged, instead } = proposal;
  const [reason = '', ...more] = risk.reasons;
  const lines = [
    `+ ${key} ${paint(err, 'strong', shown(proposal, homeDir))}  ${paint(err, 'dim', `[${answers.join(' ')}]`)}`,
    `    risk ${paint(err, LOOK[risk.level], risk.level)}: ${[reason, ...more].map(escapeText).join('; ')}`,
    ...(merged === undefined ? [] : [`    for ${plural(merged, 'path')} in it`]),
    ...(instead === undefined ? [] : [`    without a grant: ${escapeText(instead)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function describeWithheld({ id, denial, why }: Withheld, homeDir: string): string {
  return `- ${denial.act} ${shownSubject(denial.subject, homeDir)}  [${id}]\n    not proposed: ${escapeText(why)}\n`;
}

/** Only what is of low risk is taken without a person's word. */
function choose(context: Context, proposals: readonly Proposal[], yes: boolean, homeDir: string): Proposal[] {
  return proposals.filter((proposal) => {
    context.err.write(describe(context, proposal, homeDir));
    if (yes) {
      if (proposal.risk.level !== 'low')
        context.err.write('    left: --yes takes only what is of low risk\n');
      return proposal.risk.level === 'low';
    }
    const fix = 'Run it in a terminal, or take what is of low risk with --yes';
    return askOnTerminal(context, '    allow this? [y/N] ', { what: 'Cannot ask what to allow', fix });
  });
}

async function write(
  context: Context,
  project: string | undefined,
  scope: EditableScope,
  taken: readonly Proposal[],
): Promise<EditOutcome> {
  const places = await findPlaces(context, { project });
  const projectDir = isProjectScope(scope) ? requireProject(places) : places.homeDir;
  const file = locateSettings({ ...places, projectDir }).find((location) => location.scope === scope)!.path;
  const items = taken.map(({ key, text, mode }) => ({
    path: [key],
    value: mode === 'read' ? { path: text, mode } : text,
  }));
  const { homeDir, stateDir } = places;
  return await editSettings({ scope, file, projectDir, homeDir, stateDir, change: { kind: 'add', items } });
}

export const learnCommand = defineCommand({
  name: 'learn',
  summary: 'run a command inside, and propose settings for what was refused',
  description:
    'COMMAND runs inside the boundary as with pinfold run: what is refused stays refused. Afterwards each entry that would let it pass is shown with its risk, and you accept or leave it, line by line. Credentials, what the host runs by itself, services of the host and the whole home directory are never proposed. What comes after a refusal may show only in the next run. Exit code: the command’s own.',
  passThrough: true,
  arguments: [
    {
      name: 'COMMAND',
      summary: 'what to run, with its arguments',
      required: true,
      many: true,
      completion: 'command',
    },
  ],
  options: {
    ...POLICY_FLAGS,
    yes: { type: 'flag', short: 'y', summary: 'do not ask: take what is of low risk, leave the rest' },
    'dry-run': { type: 'flag', short: 'n', summary: 'show the proposals, and ask and write nothing' },
    scope: { ...SCOPE_OPTION.scope, default: 'local: .pinfold/settings.local.json' },
  },
  examples: [{ line: 'pinfold learn -- npm test', does: 'what the tests need, for you to accept' }],
  async run({ options, arguments: argv, context }) {
    const loaded = await loadPolicy(policyRequest(options, context));
    refuseDisabled(loaded);
    const manner = { quiet: true, verbose: false, json: false };
    const code = await runEnclosed(loaded, { argv, cwd: context.cwd }, context, manner);
    const session = (await openStore(context)).list().findLast(({ pinfold }) => pinfold.pid === context.pid);
    if (session === undefined) return code;
    const policy = readSessionPolicy(session);
    const { violations, dropped } = historyOf(readEvents(session));
    const { err } = context;
    const { proposals, withheld } = proposeGrants({ violations, policy, host: HOST, merge: !options.yes });
    const { homeDir } = policy;
    for (const each of withheld) err.write(describeWithheld(each, homeDir));
    if (dropped > 0) err.write(`${plural(dropped, 'refusal')} were too many to be told apart\n`);
    if (proposals.length === 0) {
      err.write(violations.length === 0 ? 'Nothing was refused.\n' : 'Nothing is proposed.\n');
      return code;
    }
    if (options['dry-run']) {
      for (const proposal of proposals) err.write(describe(context, proposal, homeDir));
      return code;
    }
    const taken = choose(context, proposals, options.yes, homeDir);
    if (taken.length === 0) {
      err.write('Nothing was written.\n');
      return code;
    }
    const scope = (options.scope ?? 'local') as EditableScope;
    const { file, trust } = await write(context, options.project, scope, taken);
    const pending = trust === 'trusted' ? '' : '; none of it is in force until pinfold trust';
    err.write(
      `${plural(taken.length, 'entry', 'entries')} written to ${shownPath(file, homeDir)}${pending}\n`,
    );
    return code;
  },
});

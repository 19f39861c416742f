/** `pinfold replay`: what a recorded session would have met under another policy. */
import type { Narrowed, Replay, ReplayedAct } from '../../audit/replay.ts';
import { replaySession } from '../../audit/replay.ts';
import { SandboxError } from '../../errors.ts';
import { printableJson } from '../../policy/printable.ts';
import type { Access } from '../../policy/types.ts';
import { loadPolicy } from '../../session/prepare.ts';
import { defineCommand, type Output } from '../command.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';
import { escapeText, quoteCommand } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { shownSubject } from '../render/violation-line.ts';
import { plural, shownOrigin, shownPath } from '../render/words.ts';
import { chooseSession } from '../session-choice.ts';
import { makeHostRules, recordedSession } from '../settings-grants.ts';
import { JSON_OPTION } from '../settings-places.ts';

const ACCESS: Readonly<Record<Access, string>> = { none: 'hidden', read: 'read', write: 'written' };

function actLine(output: Output, { act, subject, count, why, rule }: ReplayedAct, homeDir: string): string {
  const times = count === 1 ? '' : `  ${count.toLocaleString('en')}×`;
  const what = `${act} ${paint(output, 'strong', shownSubject(subject, homeDir))}${times}`;
  const by = rule === undefined ? '' : ` (${shownOrigin(rule.origin, homeDir)})`;
  return `  ${what}: ${escapeText(why)}${paint(output, 'dim', by)}\n`;
}

function narrowedLine({ path, was, becomes, seen }: Narrowed, homeDir: string): string {
  const how =
    seen === undefined
      ? ''
      : `, ${seen.map((each) => (each === 'open' ? 'seen open' : 'changed')).join(' and ')}`;
  return `  ${shownPath(path, homeDir)} could be ${ACCESS[was]}${how}; would be ${becomes === 'read' ? 'read only' : ACCESS[becomes]}\n`;
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.join('')}`;
}

function isNewlyRefused({ before, after }: ReplayedAct): boolean {
  return before === 'passed' && after === 'refused';
}

function render(output: Output, replay: Replay, homeDir: string): string {
  const { acts, narrowed, dropped, grantedLive } = replay;
  const of = (wanted: (act: ReplayedAct) => boolean) =>
    acts.filter(wanted).map((act) => actLine(output, act, homeDir));
  const same = acts.filter(
    ({ before, after }) => (before === 'passed') === (after === 'passes') && after !== 'unknown',
  ).length;
  const unknown: string[] = [
    'what was read and written where it was allowed: only refusals and connections are recorded',
    'what the command would have done after another answer',
    ...(dropped > 0 ? [`${dropped.toLocaleString('en')} refusals that were too many to be recorded`] : []),
  ];
  return [
    section('Passed, and would be refused:', of(isNewlyRefused)),
    section(
      'Was refused, and would pass:',
      of(({ before, after }) => before === 'refused' && after === 'passes'),
    ),
    section(
      'Cannot be told:',
      of(({ after }) => after === 'unknown'),
    ),
    section(
      'Was open, and would be less so:',
      narrowed.map((each) => narrowedLine(each, homeDir)),
    ),
    section(
      'Opened while it ran, which no replay repeats:',
      grantedLive.map((host) => `  ${escapeText(host)}\n`),
    ),
    `${plural(same, 'act')} would meet the same.\n`,
    section(
      'Not known:',
      unknown.map((line) => `  ${line}\n`),
    ),
  ].join('');
}

export const replayCommand = defineCommand({
  name: 'replay',
  summary: 'say what a recorded session would have met under another policy',
  description:
    'Takes the refusals and connections that the session recorded and asks the rules of another policy about each: that of the settings as they are now, with the flags given here. Nothing is run. Allowed reads and writes were not recorded; places that would be narrower are named instead. Flags that the session itself was started with do not count. Exit code 0: nothing that passed would be refused, 1: something would.',
  arguments: [
    { name: 'ID', summary: 'the session; default: the latest of this project', completion: 'session' },
  ],
  options: { ...POLICY_FLAGS, ...JSON_OPTION },
  examples: [
    { line: 'pinfold replay --mode strict', does: 'the latest session, had it been strict' },
    {
      line: 'pinfold replay 0mp2 --settings new.json',
      does: 'another one, under settings that are not in force yet',
    },
  ],
  async run({ options, arguments: [id], context }) {
    const chosen = await chooseSession(context, { session: id, project: options.project });
    const session = recordedSession(chosen);
    if (session === undefined) {
      throw new SandboxError('ERR_LOG_BROKEN', {
        what: `Cannot replay the session ${chosen.id}`,
        why: 'its log or its policy cannot be read',
        fix: `pinfold log verify ${chosen.id} says what is wrong`,
      });
    }
    const request = { ...policyRequest(options, context), projectDir: session.project };
    const { policy } = await loadPolicy(request);
    const replay = replaySession(session, policy, makeHostRules);
    const { out } = context;
    if (options.json) {
      const data = { session: session.id, mode: policy.mode.value, ...replay };
      out.write(`${printableJson(data, 2)}\n`);
    } else {
      const head = [
        `session ${paint(out, 'strong', session.id)}`,
        quoteCommand(chosen.argv),
        `${chosen.mode} → ${policy.mode.value}`,
      ];
      out.write(`${head.join(paint(out, 'dim', ' · '))}\n${render(out, replay, policy.homeDir)}`);
    }
    return replay.acts.some(isNewlyRefused) ? 1 : 0;
  },
});

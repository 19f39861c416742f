/** One refusal whole, for people: what, who, which rule, how risky a grant is, and what to do. */
import { decide } from '../../policy/decide.ts';
import type { Policy } from '../../policy/types.ts';
import { alternativesTo } from '../../violations/alternatives.ts';
import { type Grant, grantCommand, grantFor, keepCommand } from '../../violations/grant.ts';
import type { AccessRequest } from '../../violations/requests.ts';
import { riskOf } from '../../violations/risk.ts';
import { causeOf, isPathRule } from '../../violations/rules.ts';
import type { Denial, Violation } from '../../violations/types.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { type Look, paint } from './style.ts';
import { commandOf, renderHead, shownActor, shownSubject } from './violation-line.ts';
import { shownOrigin, shownPath } from './words.ts';

const RISK_LOOK: Readonly<Record<Violation['risk']['level'], Look>> = {
  low: 'good',
  medium: 'warning',
  high: 'bad',
};

export interface Explained {
  readonly violation: Violation;
  readonly cause: string;
  /** None needs a grant. */
  readonly instead: readonly string[];
  readonly grant: Grant;
  readonly session: SessionNow;
  /** A single open can be granted. */
  readonly once: boolean;
}

/** Asks the host, for people: what is absent is granted through the directory that is there. */
export interface HostLook {
  readonly exists: (path: string) => boolean;
  readonly isFile: (path: string) => boolean;
}

/** Of the refusal. */
export interface SessionNow {
  readonly running: boolean;
  /** With which its command ended by itself. */
  readonly exitCode?: number;
}

export function explain(
  violation: Violation,
  policy: Policy,
  { exists, isFile }: HostLook,
  session: SessionNow,
): Explained {
  const { denial, risk } = violation;
  const { subject, observer, act } = denial;
  // The tripwire gives away what no mount covers, whose look-up it saw; what is harmless need not be asked for each time.
  const isLent = observer === 'tripwire' && act === 'look-up' && risk.level === 'high';
  return {
    violation,
    cause: causeOf(denial),
    instead: alternativesTo(denial, policy).map(({ text }) => text),
    grant: grantFor(denial, policy, exists),
    session,
    once: session.running && isLent && subject.kind === 'path' && isFile(subject.path),
  };
}

function ruleLine({ violation, cause }: Explained, policy: Policy): string {
  const { rule } = violation.denial;
  const mode = policy.mode.value;
  if (rule === undefined) return `${escapeText(cause)} (${mode})`;
  const pattern = isPathRule(rule) ? shownPath(rule.pattern, policy.homeDir) : escapeText(rule.pattern);
  return `${pattern}: ${escapeText(cause)} (${shownOrigin(rule.origin, policy.homeDir)})`;
}

function clock(time: number): string {
  return new Date(time).toLocaleTimeString('en-GB');
}

/** A refusal never changes how a command ends. */
const WENT_ON = 'perhaps not: the command ended with 0 all the same';

type Row = readonly [label: string, text: string];

function layOut(output: Output, head: string, rows: readonly Row[]): string {
  const lines = rows.map(([label, text]) => `  ${paint(output, 'dim', label.padEnd(5))} ${text}\n`);
  return head + lines.join('');
}

function riskWord(output: Output, { risk }: Violation): string {
  return `risk ${paint(output, RISK_LOOK[risk.level], risk.level.toUpperCase())}`;
}

/** What to do, the way without a grant first. */
function wayRows(
  output: Output,
  { violation, instead, grant, session: { running }, once }: Explained,
  homeDir: string,
): Row[] {
  const ways = instead.map((text): Row => ['do', `${escapeText(text)}   no grant needed`]);
  if (grant.kind === 'none') return [...ways, ['grant', `none: ${grant.why}`]];
  const label = instead.length === 0 ? 'do' : 'or';
  const command = grantCommand(grant, { running, homeDir, once });
  return [...ways, [label, `${command}   ${riskWord(output, violation)}`]];
}

function whoRows({ denial }: Violation): Row[] {
  return denial.actor === undefined ? [] : [['who', shownActor(denial.actor)]];
}

/** Who, which rule, what to do: enough to go on with. */
export function renderBlock(output: Output, explained: Explained, policy: Policy): string {
  const { violation } = explained;
  return layOut(output, renderHead(output, violation, policy.homeDir), [
    ...whoRows(violation),
    ['rule', ruleLine(explained, policy)],
    ...wayRows(output, explained, policy.homeDir),
  ]);
}

/** The same with everything else that is known: when, the command line, each reason of the risk, and how to keep a grant. */
export function renderExplained(output: Output, explained: Explained, policy: Policy): string {
  const { violation, grant, session } = explained;
  const { denial, risk, count, first, last } = violation;
  const command = denial.actor && commandOf(denial.actor);
  const rows: Row[] = [
    ['when', count === 1 ? clock(first) : `${clock(first)} to ${clock(last)}`],
    ...whoRows(violation),
    ...(command === undefined || denial.actor?.command === undefined ? [] : [['as', command] as const]),
    ['rule', ruleLine(explained, policy)],
    ...risk.reasons.map(
      (reason, at): Row => [
        at === 0 ? 'risk' : '',
        `${at === 0 ? `${paint(output, RISK_LOOK[risk.level], risk.level.toUpperCase())}: ` : ''}${escapeText(reason)}`,
      ],
    ),
    ...(session.exitCode === 0 ? [['need?', WENT_ON] as const] : []),
    ...wayRows(output, explained, policy.homeDir),
    ...(grant.kind === 'grant' ? [['keep', keepCommand(grant, policy.homeDir)] as const] : []),
  ];
  return layOut(output, renderHead(output, violation, policy.homeDir), rows);
}

/** What was asked for, why, and the grant that would answer it; asking has opened nothing. */
export function renderRequest(
  output: Output,
  request: AccessRequest,
  policy: Policy,
  exists: (path: string) => boolean,
  running: boolean,
): string {
  const { id, want, subject, reason } = request;
  const decision =
    subject.kind === 'path' ? decide(policy, subject.path, want === 'read' ? want : 'write') : undefined;
  const rule = decision?.rule;
  const denial: Denial = {
    act: want,
    subject,
    observer: 'supervisor',
    outcome: 'refused',
    ...(rule && { rule }),
  };
  const risk = riskOf(denial, policy);
  const grant: Grant = decision?.allowed
    ? { kind: 'none', why: 'it is open already' }
    : grantFor(denial, policy, exists);
  const level = `risk ${paint(output, RISK_LOOK[risk.level], risk.level.toUpperCase())}: ${risk.reasons.map(escapeText).join('; ')}`;
  const head = `${paint(output, 'warning', '?')} ${paint(output, 'accent', 'pinfold')} was asked for ${want} ${paint(output, 'strong', shownSubject(subject, policy.homeDir))}${paint(output, 'dim', `  [${id}]`)}\n`;
  return layOut(output, head, [
    ...(reason === undefined ? [] : [['says', escapeText(reason)] as const]),
    grant.kind === 'none'
      ? ['grant', `none: ${grant.why}`]
      : ['do', `${grantCommand(grant, { running, homeDir: policy.homeDir })}   ${level}`],
  ]);
}

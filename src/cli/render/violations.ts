/** One refusal whole, for people: what, who, which rule, how risky a grant is, and what to do. */
import type { Policy } from '../../policy/types.ts';
import { alternativesTo } from '../../violations/alternatives.ts';
import { type Grant, grantCommand, grantFor } from '../../violations/grant.ts';
import { causeOf, isPathRule } from '../../violations/rules.ts';
import type { Violation } from '../../violations/types.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { type Look, paint } from './style.ts';
import { commandOf, renderLine, shownActor } from './violation-line.ts';
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
}

/** `exists` asks the host, for people: what is absent is granted through the directory that is there. */
export function explain(violation: Violation, policy: Policy, exists: (path: string) => boolean): Explained {
  const { denial } = violation;
  return {
    violation,
    cause: causeOf(denial),
    instead: alternativesTo(denial, policy).map(({ text }) => text),
    grant: grantFor(denial, policy, exists),
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

/** The whole of one: what, who, rule, risk, what to do, or what to grant. */
export function renderExplained(output: Output, explained: Explained, policy: Policy): string {
  const { violation, instead, grant } = explained;
  const { denial, risk, count, first, last } = violation;
  const label = (text: string) => paint(output, 'dim', text.padEnd(6));
  const when = count === 1 ? clock(first) : `${clock(first)} to ${clock(last)}`;
  const level = paint(output, RISK_LOOK[risk.level], risk.level.toUpperCase());
  const rows: [string, string][] = [['when', when]];
  if (denial.actor) rows.push(['who', shownActor(denial.actor)]);
  const command = denial.actor && commandOf(denial.actor);
  if (command !== undefined && denial.actor?.command !== undefined) rows.push(['as', command]);
  rows.push(['rule', ruleLine(explained, policy)]);
  for (const text of instead) rows.push(['do', `${escapeText(text)}  (no grant needed)`]);
  if (grant.kind === 'grant') {
    rows.push([instead.length === 0 ? 'do' : 'or', grantCommand(grant)]);
    rows.push(['keep', `${grant.setting.key}: add ${escapeText(JSON.stringify(grant.setting.value))}`]);
  } else rows.push(['grant', `none: ${grant.why}`]);
  rows.push(['risk', `${level}  ${risk.reasons.map(escapeText).join('; ')}`]);
  const lines = rows.map(([name, text]) => `  ${label(name)}${text}\n`);
  return renderLine(output, violation, policy.homeDir) + lines.join('');
}

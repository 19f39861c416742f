/** The lines around a run: one before it starts, notices, and what was refused at its end. */
import type { Weaker } from '../../platform/backend.ts';
import { serviceOf } from '../../policy/hazards.ts';
import type { Policy } from '../../policy/types.ts';
import type { PublishedPort, RunOutcome } from '../../session/types.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { exceededPhrases } from './limits.ts';
import { paint } from './style.ts';
import { renderLine, violationAsData } from './violation-line.ts';
import {
  byteCount,
  groupLines,
  isUrgent,
  limitPhrases,
  networkWord,
  plural,
  shownOrigin,
  shownPath,
} from './words.ts';

const MAX_NOTICES = 8;
const MAX_REFUSALS = 10;

/** Places of the person's own that can be written; the session's private ones are none of theirs. */
function writablePlaces(policy: Policy): number {
  const places = policy.rules.filter(({ access, category }) => access === 'write' && category !== 'private');
  return new Set(places.map(({ pattern, resolved }) => resolved ?? pattern)).size;
}

/** `pinfold standard · write 2 · net none · home hidden`. */
export function renderBanner(output: Output, policy: Policy): string {
  const mode = policy.mode.value;
  const denied = policy.rules.filter(({ access, origin }) => access === 'none' && origin.scope !== 'builtin');
  const parts = [
    `${paint(output, 'accent', 'pinfold')} ${paint(output, 'strong', mode)}`,
    ...(policy.agent === undefined ? [] : [`preset ${escapeText(policy.agent)}`]),
    ...(policy.context === undefined ? [] : [`context ${escapeText(policy.context)}`]),
    ...(policy.profile === undefined ? [] : [`profile ${escapeText(policy.profile)}`]),
    `write ${writablePlaces(policy)}`,
    ...(denied.length === 0 ? [] : [`denied ${denied.length}`]),
    networkWord(policy),
    mode === 'permissive' ? 'home open, credentials hidden' : 'home hidden',
    ...limitPhrases(policy),
  ];
  return `${parts.join(paint(output, 'dim', ' · '))}\n${openedLines(output, policy)}`;
}

/** How to come back to a session that goes on, and how to end it. */
export function renderDetached(output: Output, id: string): string {
  const line = `goes on: pinfold attach --session ${id}, pinfold stop ${id}`;
  return `${paint(output, 'accent', 'pinfold')} ${line}\n`;
}

/** What a person should see of what is opened beyond the first line; of hosts of groups as many as fit. */
function openedLines(output: Output, policy: Policy): string {
  const hosts = groupLines(policy);
  const more = hosts.length - MAX_NOTICES;
  const shown = [
    ...hosts.slice(0, MAX_NOTICES),
    ...(more > 0 ? [`and ${plural(more, 'more host')}: pinfold policy`] : []),
  ];
  return `${shown.map((line) => `${paint(output, 'dim', line)}\n`).join('')}${socketLines(output, policy)}`;
}

/** One line for each socket of the host that is opened, with what its service does for whoever asks. */
function socketLines(output: Output, { rules, homeDir }: Policy): string {
  const lines = rules.flatMap((rule) => {
    if (!rule.socket) return [];
    const service = serviceOf(rule.resolved ?? rule.pattern) ?? 'a service of the host answers there';
    const look = serviceOf(rule.resolved ?? rule.pattern) === undefined ? 'warning' : 'bad';
    const where = paint(output, 'dim', ` (${shownOrigin(rule.origin, homeDir)})`);
    return [`${paint(output, look, 'socket')} ${shownPath(rule.pattern, homeDir)}: ${service}${where}\n`];
  });
  return lines.join('');
}

/** What is missing is said always; what does not work only to who watches. */
export function renderWeaker(
  output: Output,
  { why, fix, guarantees, losses }: Weaker,
  { all }: { readonly all: boolean },
): string {
  const dim = (text: string) => paint(output, 'dim', text);
  const lines = [
    `${paint(output, 'accent', 'pinfold')} ${paint(output, 'bad', 'weaker')}: no namespaces, Landlock and seccomp hold the boundary alone`,
    ...guarantees.map(({ claim }) => `  ${paint(output, 'bad', 'not given:')} ${escapeText(claim)}`),
    ...(all
      ? losses.map((loss) => `  ${paint(output, 'warning', 'does not work:')} ${escapeText(loss)}`)
      : []),
    `  ${dim('why')}  ${escapeText(why)}`,
    ...(fix === undefined ? [] : [`  ${dim('fix')}  ${escapeText(fix)}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Without `all`, only those that a person must not miss. */
export function renderNotices(output: Output, policy: Policy, { all }: { readonly all: boolean }): string {
  const wanted = policy.notices.filter((notice) => all || isUrgent(notice) || notice.kind === 'missing');
  const lines = wanted.slice(0, MAX_NOTICES).map((notice) => {
    const where = notice.origin.scope === 'builtin' ? '' : ` (${shownOrigin(notice.origin, policy.homeDir)})`;
    return `${paint(output, 'warning', 'notice:')} ${escapeText(notice.message)}${paint(output, 'dim', where)}`;
  });
  const more = wanted.length - lines.length;
  if (more > 0) lines.push(paint(output, 'dim', `and ${plural(more, 'more notice')}: pinfold policy`));
  return lines.map((line) => `${line}\n`).join('');
}

/** What a person should know of how a run went; empty when nothing happened. */
export function renderSummary(output: Output, policy: Policy, outcome: RunOutcome): string {
  const lines: string[] = [];
  const name = paint(output, 'accent', 'pinfold');
  if (outcome.breached) {
    lines.push(
      `${name} ${paint(output, 'bad', 'ended the session')}: a file that the host would run appeared in spite of its refusal`,
    );
  }
  lines.push(
    ...exceededPhrases(policy, outcome.exceeded).map((phrase) => `${name} ${paint(output, 'bad', phrase)}`),
  );
  const unwatched = outcome.enforcement.find(({ mechanism }) => mechanism === 'tripwire');
  if (unwatched?.state === 'partial') {
    lines.push(`${name} ${paint(output, 'warning', 'did not see')} ${unwatched.missing.join('; ')}`);
  }
  lines.push(...refusalLines(output, policy, outcome));
  if (output.isTerminal) lines.push(...trafficLines(output, outcome), ...publishedLines(output, outcome));
  if (outcome.requests.length > 0) {
    lines.push(
      `${name} was asked for ${plural(outcome.requests.length, 'grant')} from inside: pinfold violations`,
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}

function refusalLines(output: Output, { homeDir }: Policy, { violations, dropped }: RunOutcome): string[] {
  if (violations.length === 0) return [];
  const shown = violations.slice(0, MAX_REFUSALS);
  const lines = shown.map((violation) => renderLine(output, violation, homeDir).trimEnd());
  const total = violations.reduce((sum, { count }) => sum + count, dropped);
  const more = violations.length - shown.length;
  const parts = [
    `${plural(violations.length, 'refusal')}${total > violations.length ? `, ${total.toLocaleString('en')} attempts` : ''}`,
    ...(more > 0 ? [`${more} not shown here`] : []),
    ...(dropped > 0 ? [`${dropped.toLocaleString('en')} attempts not told apart`] : []),
    more > 0 ? 'all: pinfold violations' : `why: pinfold why ${violations[0]!.id}`,
  ];
  lines.push(`${paint(output, 'accent', 'pinfold')} ${parts.join(paint(output, 'dim', ' · '))}`);
  return lines;
}

/** Most lines about the network; the log has the rest. */
const MAX_PLACES = 10;

/** One line for each place that was reached, the programs taken together. */
function trafficLines(output: Output, { traffic }: RunOutcome): string[] {
  const places = new Map<string, { connections: number; up: number; down: number }>();
  for (const { kind, host, port, connections, up, down } of traffic) {
    const name = kind !== 'socket' && host.includes(':') ? `[${host}]` : host;
    const place = `${name}${kind === 'socket' ? '' : `:${port}`}${kind === 'published' ? ' (a server inside)' : ''}`;
    const sum = places.get(place) ?? { connections: 0, up: 0, down: 0 };
    places.set(place, {
      connections: sum.connections + connections,
      up: sum.up + up,
      down: sum.down + down,
    });
  }
  const shown = [...places].slice(0, MAX_PLACES).map(([place, { connections, up, down }]) => {
    const amount = `${plural(connections, 'connection')}, ${byteCount(up)} up, ${byteCount(down)} down`;
    return `${paint(output, 'accent', 'pinfold')} net ${escapeText(place)}${paint(output, 'dim', ` · ${amount}`)}`;
  });
  const more = places.size - shown.length;
  return more > 0
    ? [...shown, paint(output, 'dim', `and ${plural(more, 'more place')}: pinfold log`)]
    : shown;
}

/** One line for all servers inside that were reached from outside, and one for each port that was not given to the host. */
function publishedLines(output: Output, { published }: RunOutcome): string[] {
  const name = `${paint(output, 'accent', 'pinfold')} net`;
  const place = ({ address, port }: PublishedPort) =>
    `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const reached = published.filter(({ why }) => why === undefined).map(place);
  const more = reached.length - MAX_PLACES;
  const shown = [...reached.slice(0, MAX_PLACES), ...(more > 0 ? [`${more} more`] : [])];
  const unreached = new Map(published.flatMap(({ port, why }) => (why === undefined ? [] : [[port, why]])));
  return [
    ...(shown.length === 0 ? [] : [`${name} servers inside were reached at ${shown.join(', ')}`]),
    ...[...unreached]
      .slice(0, MAX_PLACES)
      .map(([port, why]) => `${name} port ${port} ${escapeText(clause(why))}`),
  ];
}

const TAKEN = 'it is taken outside';

function clause(why: string): string {
  return why === TAKEN ? 'is taken outside; reachable only inside' : `is reachable only inside: ${why}`;
}

export function outcomeAsData(outcome: RunOutcome, exitCode: number): Record<string, unknown> {
  return {
    session: outcome.sessionId,
    exitCode,
    ending: outcome.ending,
    breached: outcome.breached,
    exceeded: outcome.exceeded,
    enforcement: outcome.enforcement,
    violations: outcome.violations.map(violationAsData),
    dropped: outcome.dropped,
    traffic: outcome.traffic,
    published: outcome.published,
    requests: outcome.requests,
    ...(outcome.weaker && { weaker: outcome.weaker }),
  };
}

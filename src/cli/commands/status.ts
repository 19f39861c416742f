/** `pinfold status`: what is live now, and what holds each of it. */

import type { Enforcement } from '../../platform/backend.ts';
import { printableJson } from '../../policy/printable.ts';
import type { ListedSession } from '../../session/store.ts';
import { defineCommand, type Output } from '../command.ts';
import { escapeText, quoteCommand } from '../render/escape.ts';
import { ageOf, howItEnded } from '../render/session.ts';
import { paint } from '../render/style.ts';
import { renderTable } from '../render/table.ts';
import { shownPath } from '../render/words.ts';
import { openStore } from '../session-choice.ts';

const MAX_RECENT = 5;

function enforcementLine(output: Output, status: Enforcement): string {
  const look = status.state === 'full' ? 'good' : status.state === 'partial' ? 'warning' : 'bad';
  const detail =
    status.state === 'full'
      ? (status.note ?? '')
      : status.state === 'partial'
        ? `without: ${status.missing.join('; ')}`
        : status.reason;
  return `    ${status.mechanism.padEnd(18)} ${paint(output, look, status.state)}${detail === '' ? '' : `  ${escapeText(detail)}`}`;
}

function renderLive(output: Output, session: ListedSession, now: number): string {
  const command = quoteCommand(session.argv);
  const lines = [
    `${paint(output, 'strong', session.id)}  ${session.mode}  for ${ageOf(session.started, now)}  ${shownPath(session.project)}`,
    `    ${command}`,
    ...(session.enforcement ?? []).map((status) => enforcementLine(output, status)),
    ...(session.weaker?.guarantees ?? []).map(
      ({ claim }) => `    ${paint(output, 'bad', 'not given:')} ${escapeText(claim)}`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function renderRecent(output: Output, sessions: readonly ListedSession[], now: number): string {
  const rows = sessions.map((session) => [
    session.id,
    session.mode,
    `${ageOf(session.started, now)} ago`,
    howItEnded(session),
    quoteCommand(session.argv),
  ]);
  return renderTable(output, ['SESSION', 'MODE', 'STARTED', 'ENDED', 'COMMAND'], rows);
}

export const statusCommand = defineCommand({
  name: 'status',
  summary: 'show live sessions and what enforces each boundary',
  options: {
    json: { type: 'flag', summary: 'for machines, on stdout' },
    all: { type: 'flag', short: 'a', summary: 'also every recorded session that has ended' },
  },
  examples: [{ line: 'pinfold status --json', does: 'for scripts' }],
  async run({ options, context }) {
    const { out } = context;
    const sessions = (await openStore(context)).list();
    const live = sessions.filter(({ state }) => state === 'live');
    const over = sessions.filter(({ state }) => state !== 'live');
    const recent = options.all ? over : over.slice(-MAX_RECENT);
    if (options.json) {
      out.write(`${printableJson({ live, recent }, 2)}\n`);
      return 0;
    }
    const now = Date.now();
    out.write(
      live.length === 0
        ? 'No session is live.\n'
        : live.map((session) => renderLive(out, session, now)).join('\n'),
    );
    if (recent.length > 0) out.write(`\n${renderRecent(out, recent.toReversed(), now)}`);
    return 0;
  },
});

/** `pinfold log`: the sessions there were, and whether their logs are as they were written. */

import { printableJson } from '../../policy/printable.ts';
import { type LogVerdict, verifyLog } from '../../session/event-log.ts';
import { findSession, logPath } from '../../session/recorded.ts';
import type { ListedSession, SessionStore } from '../../session/store.ts';
import { type Context, defineCommand, type Output } from '../command.ts';
import { usageError } from '../parse.ts';
import { quoteCommand } from '../render/escape.ts';
import { howItEnded } from '../render/session.ts';
import { paint } from '../render/style.ts';
import { renderTable } from '../render/table.ts';
import { plural } from '../render/words.ts';
import { openStore } from '../session-choice.ts';
import { findPlaces, JSON_OPTION, PROJECT_OPTION } from '../settings-places.ts';

const MAX_LISTED = 20;
/** The marker of a session that is still going on: its log has no end yet. */
const RUNNING = 'still running';

interface Verified {
  readonly session: string;
  readonly verdict: LogVerdict;
}

function verify(session: ListedSession): Verified {
  const path = logPath(session);
  try {
    return { session: session.id, verdict: verifyLog(path, session.log) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { session: session.id, verdict: { kind: 'broken', line: 1, why } };
  }
}

function verdictLine(output: Output, { session, verdict }: Verified): string {
  if (verdict.kind === 'intact')
    return `${paint(output, 'good', '✓')} ${session}  ${plural(verdict.records, 'record')}\n`;
  return `${paint(output, 'bad', '✗')} ${session}  broken at line ${verdict.line}: ${verdict.why}\n`;
}

function verifyAll(context: Context, store: SessionStore, id: string | undefined, json: boolean): number {
  const sessions = id === undefined ? store.list() : [findSession(store, { id, projectDir: undefined })];
  const verified = sessions.map(verify);
  const broken = verified.filter(({ verdict }) => verdict.kind === 'broken');
  const { out } = context;
  if (json) out.write(`${printableJson(verified, 2)}\n`);
  else {
    for (const each of id === undefined ? broken : verified) out.write(verdictLine(out, each));
    if (id === undefined) {
      out.write(`${plural(verified.length, 'log')} checked, ${broken.length} broken\n`);
    }
  }
  return broken.length === 0 ? 0 : 1;
}

function refusedWord({ violations }: ListedSession): string {
  if (violations === undefined) return '';
  const { distinct, count } = violations;
  return distinct === count ? String(distinct) : `${distinct} (${count.toLocaleString('en')}×)`;
}

function asRow(session: ListedSession): string[] {
  const { id, started, mode, argv, state } = session;
  const when = started.slice(0, 16).replace('T', ' ');
  return [
    id,
    when,
    mode,
    state === 'live' ? RUNNING : howItEnded(session),
    refusedWord(session),
    quoteCommand(argv),
  ];
}

async function list(
  context: Context,
  store: SessionStore,
  options: { readonly project: string | undefined; readonly all: boolean; readonly json: boolean },
): Promise<void> {
  const { out } = context;
  const { projectDir } = options.all ? { projectDir: undefined } : await findPlaces(context, options);
  const sessions = store.list().filter(({ project }) => projectDir === undefined || project === projectDir);
  const shown = options.all || options.json ? sessions : sessions.slice(-MAX_LISTED);
  if (options.json) {
    const data = shown.map(({ directory, ...session }) => ({ ...session, log: `${directory}/events.jsonl` }));
    out.write(`${printableJson(data, 2)}\n`);
  } else if (shown.length === 0) out.write('No session is recorded.\n');
  else {
    const rows = shown.toReversed().map(asRow);
    out.write(renderTable(out, ['SESSION', 'STARTED (UTC)', 'MODE', 'ENDED', 'REFUSED', 'COMMAND'], rows));
    if (shown.length < sessions.length)
      out.write(paint(out, 'dim', `and ${sessions.length - shown.length} older: pinfold log --all\n`));
  }
}

export const logCommand = defineCommand({
  name: 'log',
  summary: 'list the sessions there were, or check that their logs are whole',
  description:
    'Every run is a session with a log of its own: JSON Lines, each with the digest of the line before. "verify" checks the chain of one session, or of all. Exit code of verify: 0 when intact, 1 when a log was altered, cut or not written to its end.',
  arguments: [
    { name: 'ACTION', summary: 'what to do; default: list', choices: ['list', 'verify'] },
    { name: 'ID', summary: 'the session to check', completion: 'session' },
  ],
  options: {
    ...PROJECT_OPTION,
    all: { type: 'flag', short: 'a', summary: 'sessions of every project, however many' },
    ...JSON_OPTION,
  },
  examples: [
    { line: 'pinfold log', does: 'the latest twenty of this project' },
    { line: 'pinfold log verify', does: 'every log there is' },
  ],
  async run({ options, arguments: [action = 'list', id], context }) {
    const store = await openStore(context);
    if (action === 'verify') return verifyAll(context, store, id, options.json);
    if (id !== undefined)
      throw usageError('Cannot list one session', 'an ID belongs to verify', 'pinfold log verify ID');
    await list(context, store, options);
    return 0;
  },
});

/** `pinfold violations`: what was refused in a session, once or as it happens. */
import { existsSync } from 'node:fs';
import { printableJson } from '../../policy/printable.ts';
import type { Policy } from '../../policy/types.ts';
import type { SessionEvent } from '../../session/event-log.ts';
import { followEvents, readEvents, readSessionPolicy } from '../../session/recorded.ts';
import type { ListedSession } from '../../session/store.ts';
import { historyOf, type ViolationHistory } from '../../violations/history.ts';
import type { AccessRequest } from '../../violations/requests.ts';
import type { Violation } from '../../violations/types.ts';
import { type Context, defineCommand, type Output } from '../command.ts';
import { HOST_LOOK } from '../host-look.ts';
import { quoteCommand } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { renderLine, violationAsData } from '../render/violation-line.ts';
import { explain, renderBlock, renderRequest, type SessionNow } from '../render/violations.ts';
import { plural } from '../render/words.ts';
import { chooseSession, openStore, SESSION_OPTIONS } from '../session-choice.ts';
import { JSON_OPTION } from '../settings-places.ts';

function head(output: Output, session: ListedSession, { violations, dropped }: ViolationHistory): string {
  const total = violations.reduce((sum, { count }) => sum + count, dropped);
  const parts = [
    `session ${paint(output, 'strong', session.id)}`,
    session.mode,
    quoteCommand(session.argv),
    violations.length === 0
      ? 'nothing was refused'
      : `${plural(violations.length, 'refusal')}, ${plural(total, 'attempt')}`,
    ...(dropped === 0 ? [] : [`${dropped.toLocaleString('en')} of them too many to tell apart`]),
  ];
  return `${parts.join(paint(output, 'dim', ' · '))}\n`;
}

function show(
  output: Output,
  violation: Violation,
  policy: Policy,
  how: { short: boolean; session: SessionNow },
): string {
  return how.short
    ? renderLine(output, violation, policy.homeDir)
    : `\n${renderBlock(output, explain(violation, policy, HOST_LOOK, how.session), policy)}`;
}

/** A new refusal is told at once; a count when it is written, which is at 10, 100, 1000 … and at the end. */
function tellEvent(output: Output, event: SessionEvent, policy: Policy, json: boolean): void {
  if (event.kind === 'violation') {
    const { violation } = event as unknown as { violation: Violation };
    output.write(
      json ? `${printableJson(violationAsData(violation))}\n` : renderLine(output, violation, policy.homeDir),
    );
  } else if (event.kind === 'request') {
    const { request } = event as unknown as { request: AccessRequest };
    output.write(
      json ? `${printableJson(request)}\n` : renderRequest(output, request, policy, existsSync, true),
    );
  } else if (event.kind === 'violation-count') {
    const { id, count } = event as unknown as { id: string; count: number };
    output.write(
      json
        ? `${printableJson({ id, count })}\n`
        : paint(output, 'dim', `  [${id}] ${plural(count, 'time')} so far\n`),
    );
  }
}

async function follow(context: Context, session: ListedSession, json: boolean): Promise<void> {
  const policy = readSessionPolicy(session);
  const store = await openStore(context);
  const isOver = () => store.liveSessions().every(({ id }) => id !== session.id);
  const end = new AbortController();
  const stopHearing = context.onSignals(['SIGINT', 'SIGTERM'], () => end.abort());
  try {
    for await (const event of followEvents(session, isOver, end.signal))
      tellEvent(context.out, event, policy, json);
  } finally {
    stopHearing();
  }
}

export const violationsCommand = defineCommand({
  name: 'violations',
  summary: 'show what was refused: what, who, which rule, what to do',
  description:
    'Refusals that are the same (act, subject, program, rule) are one, with a count. What is shown is what was observed and refused; exit code 0 whether or not there is any. With --follow it ends with the session, or on Ctrl-C.',
  options: {
    ...SESSION_OPTIONS,
    follow: { type: 'flag', short: 'f', summary: 'show refusals as they happen' },
    short: { type: 'flag', summary: 'one line each' },
    ...JSON_OPTION,
  },
  examples: [
    { line: 'pinfold violations', does: 'of the latest session of this project' },
    { line: 'pinfold violations --follow', does: 'in a second terminal, while an agent works' },
    { line: 'pinfold violations --json', does: 'for scripts; with --follow, one line for each' },
  ],
  async run({ options, context }) {
    const session = await chooseSession(context, options);
    if (options.follow) {
      await follow(context, session, options.json);
      return 0;
    }
    const history = historyOf(readEvents(session));
    const { out } = context;
    if (options.json) {
      const { id, state } = session;
      const violations = history.violations.map(violationAsData);
      const { dropped, requests } = history;
      const data = { session: id, state, violations, dropped, requests };
      out.write(`${printableJson(data, 2)}\n`);
      return 0;
    }
    const policy = readSessionPolicy(session);
    out.write(head(out, session, history));
    const running = session.state === 'live';
    const { short } = options;
    for (const violation of history.violations)
      out.write(show(out, violation, policy, { short, session: { running } }));
    for (const request of history.requests)
      out.write(`\n${renderRequest(out, request, policy, existsSync, running)}`);
    return 0;
  },
});

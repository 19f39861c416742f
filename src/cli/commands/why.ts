/** `pinfold why`: one refusal with its cause, the risk of a grant, the smallest one, and ways that need none. */
import { SandboxError } from '../../errors.ts';
import { printableJson } from '../../policy/printable.ts';
import { nearest } from '../../policy/suggestion.ts';
import { readEvents, readSessionPolicy } from '../../session/recorded.ts';
import type { ListedSession } from '../../session/store.ts';
import { grantCommand, keepCommand } from '../../violations/grant.ts';
import { historyOf } from '../../violations/history.ts';
import type { Violation } from '../../violations/types.ts';
import { defineCommand } from '../command.ts';
import { HOST_LOOK } from '../host-look.ts';
import { violationAsData } from '../render/violation-line.ts';
import { type Explained, explain, renderExplained, type SessionNow } from '../render/violations.ts';
import { plural } from '../render/words.ts';
import { chooseSession, SESSION_OPTIONS } from '../session-choice.ts';
import { JSON_OPTION } from '../settings-places.ts';

function pick(violations: readonly Violation[], id: string, session: string): Violation {
  const found = violations.find((violation) => violation.id === id);
  if (found) return found;
  const near = nearest(
    id,
    violations.map((violation) => violation.id),
  );
  throw new SandboxError('ERR_VIOLATION_UNKNOWN', {
    what: `There is no refusal ${JSON.stringify(id)}`,
    why: `session ${session} has ${plural(violations.length, 'refusal')}${violations.length === 0 ? '' : `, b1 to b${violations.length}`}`,
    fix:
      near === undefined
        ? violations.length === 0
          ? 'pinfold explain PATH says whether it is open: not every look at a hidden name is seen'
          : 'pinfold violations lists them; --session names another session'
        : `Did you mean pinfold why ${near}?`,
  });
}

function asData({
  violation,
  cause,
  instead,
  grant,
  session: { running },
  once,
}: Explained): Record<string, unknown> {
  return {
    ...violationAsData(violation),
    cause,
    instead,
    grant:
      grant.kind === 'none'
        ? grant
        : { ...grant, command: grantCommand(grant, { running, once }), keep: keepCommand(grant) },
  };
}

function stateOf({ state, ending }: ListedSession): SessionNow {
  return { running: state === 'live', ...(ending?.kind === 'exited' && { exitCode: ending.code }) };
}

export const whyCommand = defineCommand({
  name: 'why',
  summary: 'explain one refusal: cause, rule, risk, and what to do',
  description:
    'The id stands at the end of each line about a refusal, and counts anew in every session. A command that is proposed does what it says when you type it: nothing is granted here.',
  arguments: [{ name: 'ID', summary: 'b1, b2 …', required: true }],
  options: { ...SESSION_OPTIONS, ...JSON_OPTION },
  examples: [
    { line: 'pinfold why b3', does: 'of the latest session of this project' },
    { line: 'pinfold why b3 --session 0mp2', does: 'of another one' },
  ],
  async run({ options, arguments: [id = ''], context }) {
    const session = await chooseSession(context, options);
    const { violations } = historyOf(readEvents(session));
    const violation = pick(violations, id, session.id);
    const policy = readSessionPolicy(session);
    const explained = explain(violation, policy, HOST_LOOK, stateOf(session));
    context.out.write(
      options.json
        ? `${printableJson(asData(explained), 2)}\n`
        : renderExplained(context.out, explained, policy),
    );
    return 0;
  },
});

/** `pinfold sessions`: what is live, one line each, and which hosts were opened in it meanwhile. */
import { isSandboxError } from '../../errors.ts';
import { printableJson } from '../../policy/printable.ts';
import { askSession } from '../../session/control-client.ts';
import type { ControlOps } from '../../session/control-protocol.ts';
import type { ListedSession } from '../../session/store.ts';
import { defineCommand, type Output } from '../command.ts';
import { escapeText, quoteCommand } from '../render/escape.ts';
import { ageOf } from '../render/session.ts';
import { renderTable } from '../render/table.ts';
import { shownPath } from '../render/words.ts';
import { openStore } from '../session-choice.ts';
import { JSON_OPTION } from '../settings-places.ts';

interface Live {
  readonly session: ListedSession;
  /** Undefined: nobody answers for it. */
  readonly hosts: ControlOps['grants']['gives']['hosts'] | undefined;
}

async function look(session: ListedSession): Promise<Live> {
  try {
    return { session, hosts: (await askSession(session, 'grants', {})).hosts };
  } catch (error) {
    if (!isSandboxError(error)) throw error;
    return { session, hosts: undefined };
  }
}

function openedWords({ hosts }: Live): string {
  if (hosts === undefined) return 'does not answer';
  return hosts.map(({ host }) => escapeText(host)).join(' ');
}

function commandWords({ argv, detached }: ListedSession): string {
  if (argv.length === 0) return '(a program that uses the library)';
  return `${detached === undefined ? '' : '(detached) '}${quoteCommand(argv)}`;
}

function render(output: Output, live: readonly Live[], now: number): string {
  const rows = live.map((each) => [
    each.session.id,
    each.session.mode,
    ageOf(each.session.started, now),
    shownPath(each.session.project),
    openedWords(each),
    commandWords(each.session),
  ]);
  return renderTable(output, ['SESSION', 'MODE', 'FOR', 'PROJECT', 'OPENED', 'COMMAND'], rows);
}

export const sessionsCommand = defineCommand({
  name: 'sessions',
  summary: 'list the sessions that are live, and what was opened in them',
  description: 'What enforces each of them is in pinfold status; what has ended is in pinfold log.',
  options: JSON_OPTION,
  async run({ options, context }) {
    const live = await Promise.all((await openStore(context)).liveSessions().map(look));
    const { out } = context;
    if (options.json) {
      const data = live.map(({ session, hosts }) => {
        const { id, mode, network, project, argv, started, pinfold, detached } = session;
        const known = { id, mode, network, project, argv, started, ...(detached && { detached }) };
        return { ...known, pid: pinfold.pid, answers: hosts !== undefined, opened: hosts ?? [] };
      });
      out.write(`${printableJson({ sessions: data }, 2)}\n`);
      return 0;
    }
    out.write(live.length === 0 ? 'No session is live.\n' : render(out, live, Date.now()));
    return 0;
  },
});

/** `pinfold stop`: ends a session: SIGTERM to its command, and after a while everything that is left. */
import { once } from 'node:events';
import { SandboxError } from '../../errors.ts';
import { printableJson } from '../../policy/printable.ts';
import { connectSession, request } from '../../session/control-client.ts';
import type { ListedSession } from '../../session/store.ts';
import { defineCommand } from '../command.ts';
import { readLasting } from '../grant-words.ts';
import { awaitEnd, chooseLive } from '../live-session.ts';
import { howItEnded } from '../render/session.ts';
import { openStore } from '../session-choice.ts';
import { JSON_OPTION } from '../settings-places.ts';

const GRACE_MS = 5000;

function stillThere({ id, pinfold }: ListedSession): SandboxError {
  return new SandboxError('ERR_SESSION_UNREACHABLE', {
    what: `Session ${id} has not ended`,
    why: 'everything inside was to be killed, and its process is still there',
    fix: `kill -9 ${pinfold.pid} ends it, and everything inside with it`,
  });
}

export const stopCommand = defineCommand({
  name: 'stop',
  summary: 'end a session and everything in it',
  description:
    'Its command is sent SIGTERM; what is left after a while is killed. Ends when nothing is left. A session of the library, and one with --ask, ends at once.',
  arguments: [
    {
      name: 'ID',
      summary: 'the session, by its id or the beginning of it',
      required: true,
      completion: 'session',
    },
  ],
  options: {
    after: {
      type: 'value',
      placeholder: 'TIME',
      summary: 'how long the command may take to end: 0s, 30s, 2m',
      default: '5s',
    },
    ...JSON_OPTION,
  },
  examples: [{ line: 'pinfold stop 0mwt', does: 'the one session whose id begins so' }],
  async run({ options, arguments: [id = ''], context }) {
    const session = await chooseLive(context, id);
    const grace =
      options.after === undefined || options.after === '0s' ? undefined : readLasting(false, options.after);
    const graceMs = options.after === '0s' ? 0 : grace?.kind === 'for' ? grace.ms : GRACE_MS;
    const socket = await connectSession(session);
    await request(session, socket, 'stop', { graceMs });
    const gone = once(socket, 'close');
    socket.resume();
    socket.on('end', () => socket.destroy());
    await gone;
    const over = await awaitEnd(await openStore(context), session);
    if (over === undefined) throw stillThere(session);
    const { out } = context;
    out.write(
      options.json
        ? `${printableJson({ session: over.id, ending: over.ending ?? null }, 2)}\n`
        : `Session ${over.id} has ended: ${howItEnded(over)}\n`,
    );
    return 0;
  },
});

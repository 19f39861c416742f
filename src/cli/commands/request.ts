/** `pinfold request`: inside, asks the person outside for a grant. It opens nothing. */
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { SandboxError } from '../../errors.ts';
import { parseRequest } from '../../violations/requests.ts';
import { type Context, defineCommand } from '../command.ts';
import { usageError } from '../parse.ts';
import { escapeText } from '../render/escape.ts';

/** Sends one message and waits until it is taken. */
function send(path: string, message: string): Promise<void> {
  return new Promise((accept, reject) => {
    const socket = connect(path, () => socket.end(message));
    socket.on('error', reject);
    socket.on('close', (failed) => {
      if (!failed) accept();
    });
  });
}

function socketPath({ environment }: Context): string {
  const events = environment.PINFOLD_EVENTS;
  if (events !== undefined && environment.PINFOLD !== undefined) return join(dirname(events), 'request');
  throw usageError(
    'Cannot ask for a grant here',
    'this is for programs inside a sandbox, and this one is not inside',
    'Outside, grant it: pinfold run --allow PATH -- COMMAND',
  );
}

/** A word with a slash, or one that begins as paths do, is a path; any other a host. */
function isPath(word: string): boolean {
  return word.includes('/') || /^[.~]/.test(word);
}

export const requestCommand = defineCommand({
  name: 'request',
  summary: 'inside: ask the person outside for a grant',
  description:
    'Tells the host side what is wanted and why; a person reads it in "pinfold violations". Nothing is opened by asking, and nothing is answered. It works from the first refusal of a session on. Exit code 0: it was handed over.',
  arguments: [{ name: 'WHAT', summary: 'a path, or HOST:PORT', required: true, completion: 'path' }],
  options: {
    write: { type: 'flag', short: 'w', summary: 'a path to be written, not only read' },
    reason: { type: 'value', placeholder: 'TEXT', completion: 'none', summary: 'what it is needed for' },
  },
  examples: [
    { line: 'pinfold request ../lib --reason "tests import it"', does: 'a directory to be read' },
    { line: 'pinfold request api.example.com:443', does: 'a host' },
  ],
  async run({ options, arguments: [word = ''], context }) {
    const path = socketPath(context);
    const [want, subject] = isPath(word)
      ? [options.write ? 'write' : 'read', resolve(context.cwd, word)]
      : ['connect', word];
    const message = JSON.stringify({ want, subject, reason: options.reason });
    if (parseRequest(message) === undefined)
      throw usageError(`Cannot ask for ${word}`, 'it is neither a path nor a host', 'Name one of these');
    try {
      await send(path, message);
    } catch (cause) {
      throw new SandboxError('ERR_REQUEST_UNHEARD', {
        what: `Cannot ask for ${subject}`,
        why: 'nobody listens: nothing was refused in this session yet, or too much was asked for',
        fix: 'Try the act itself first; a refusal is told to the person as well',
        cause,
      });
    }
    context.err.write(
      `Asked for ${escapeText(`${want} ${subject}`)}. Nothing is open yet: a person decides.\n`,
    );
    return 0;
  },
});

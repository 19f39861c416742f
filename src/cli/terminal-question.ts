/** Asks the person at the terminal for a yes. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Context } from './command.ts';
import { usageError } from './parse.ts';

/**
 * SECURITY: the answer is read from the terminal itself and not from stdin, which may be a pipe that somebody else fills
 * (`yes | pinfold trust` in a script of the repository). Test: "does not take an answer from a pipe". Throws ERR_USAGE
 * where there is no terminal; `what` could not be asked, `fix` says how to do without.
 */
export function askOnTerminal(
  context: Context,
  question: string,
  { what, fix }: { readonly what: string; readonly fix: string },
): boolean {
  const noTerminal = usageError(what, 'there is no terminal', fix);
  if (!context.err.isTerminal) throw noTerminal;
  let terminal: number;
  try {
    terminal = openSync('/dev/tty', constants.O_RDWR | constants.O_NOCTTY);
  } catch {
    throw noTerminal;
  }
  try {
    context.err.write(question);
    const answer = Buffer.alloc(64);
    return /^y(es)?$/i.test(answer.toString('utf8', 0, readSync(terminal, answer)).trim());
  } finally {
    closeSync(terminal);
  }
}

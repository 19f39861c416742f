/** How a command of another process's session ended: its exit code, and what to say of it. */
import { getSystemErrorName } from 'node:util';
import type { CommandNews } from '../session/commands.ts';

/** Of `command`, its first word. One that was only to be started has ended well when it was. */
export function endOfCommand(
  { event, value }: CommandNews,
  command: string,
): { readonly code: number; readonly complaint: string } {
  if (event === 'started') return { code: 0, complaint: '' };
  if (event === 'exited') return { code: value, complaint: '' };
  if (event === 'failed') {
    const name = getSystemErrorName(-value);
    const code = name === 'ENOENT' ? 127 : 126;
    return { code, complaint: `Cannot run ${JSON.stringify(command)} in the session: ${name}\n` };
  }
  return { code: 128 + value, complaint: event === 'lost' ? 'The session has ended\n' : '' };
}

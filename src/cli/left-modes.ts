/** Takes back what a command left of its terminal's modes, where nobody could see which it had set. */
import { readFileSync } from 'node:fs';

/**
 * The other screen: taken, so that the terminal saves the cursor where it keeps that, and left again. To leave alone would put the cursor where it
 * was when a program had taken that screen, over what was said since, also where it had been left (tmux). Then reports of mouse and
 * focus, which a shell would take for typing, pasting, application keys; wrapping, cursor and colours as in a fresh terminal.
 */
const UNDONE = '\x1b[?1049h\x1b[?1049l\x1b[?1;9;1000;1002;1003;1004;1005;1006;1015;2004l\x1b[?7;25h\x1b[0m';

/** Whether this process has the terminal: another job's screen is none of ours. */
function isForeground(): boolean {
  try {
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return group === foreground;
  } catch {
    return false; // macOS, which has no such file.
  }
}

/** Empty where there is no terminal of ours that knows such sequences. */
export function leftModesUndone(term: string | undefined): string {
  return term !== undefined && term !== 'dumb' && isForeground() ? UNDONE : '';
}

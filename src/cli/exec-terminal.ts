/** The person's terminal while a command inside has one of its own: what is typed goes there as it is, and its size follows. */
import type { TerminalSize } from '../platform/linux/plan.ts';
import type { Context } from './command.ts';

export interface PersonsTerminal {
  readonly size: TerminalSize;
  readonly name?: string;
  /** From here on keys are passed on, Control-C too, until `restore`. */
  take(resize: (size: TerminalSize) => void): void;
  restore(): void;
}

/** Undefined where input or output is none. */
export function personsTerminal(context: Context): PersonsTerminal | undefined {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) return undefined;
  const size = (): TerminalSize => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  const name = context.environment.TERM;
  let onResize = (): void => {};
  return {
    size: size(),
    ...(name !== undefined && { name }),
    take(resize) {
      stdin.setRawMode(true);
      onResize = () => resize(size());
      stdout.on('resize', onResize);
      // It may have changed while the command was asked for.
      onResize();
    },
    restore() {
      stdout.off('resize', onResize);
      stdin.setRawMode(false);
    },
  };
}

/** A command on a terminal of its own: how big it is, and what its plan is then. */
import { SandboxError } from '../errors.ts';
import type { Weaker } from '../platform/backend.ts';
import type { CommandPlan, TerminalSize } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';
import { TERMINAL_STREAMS, terminalCalls } from '../platform/linux/terminal-calls.ts';

/** What terminals are where nobody says. */
export const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 };
/** Control-D: what is read as the end of input by programs that read lines from a terminal. */
export const END_OF_INPUT = '\x04';
const DEFAULT_NAME = 'xterm-256color';

/** Throws ERR_USAGE. */
export function checkedSize({ columns, rows }: TerminalSize): TerminalSize {
  const isSize = (value: unknown) =>
    typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65536;
  if (isSize(columns) && isSize(rows)) return { columns, rows };
  throw new SandboxError('ERR_USAGE', {
    what: `Cannot make a terminal of ${columns} columns and ${rows} rows`,
    why: 'both are whole numbers from 1 to 65535',
  });
}

export interface TerminalRequest {
  readonly arch: Arch;
  readonly size: TerminalSize;
  /** `TERM` of whoever looks at it; default: what the environment has, or xterm-256color. */
  readonly name?: string;
  /** Of commands that bring none. */
  readonly sessionEnvironment: readonly string[];
  /** Of the session, which can then open no terminal: those of the host are all in one place, and none of them may be. */
  readonly weaker: Pick<Weaker, 'why'> | undefined;
}

/**
 * `plan` on a terminal instead of its streams. Throws ERR_USAGE for a size that is none, ERR_NAMESPACES_UNAVAILABLE where no
 * terminal can be made inside.
 */
export function onTerminal(
  plan: CommandPlan,
  { arch, size, name, sessionEnvironment, weaker }: TerminalRequest,
): CommandPlan {
  if (weaker !== undefined) {
    throw new SandboxError('ERR_NAMESPACES_UNAVAILABLE', {
      what: 'Cannot give a command a terminal of its own',
      why: weaker.why,
      fix: 'Give it pipes: leave pty out, or pinfold exec … </dev/null',
    });
  }
  const environment = plan.environment ?? sessionEnvironment;
  const known = environment.find((each) => each.startsWith('TERM='));
  const rest = environment.filter((each) => !each.startsWith('TERM='));
  const term = name === undefined ? (known ?? `TERM=${DEFAULT_NAME}`) : `TERM=${name}`;
  return {
    ...plan,
    streams: TERMINAL_STREAMS,
    environment: [...rest, term],
    calls: terminalCalls(arch, checkedSize(size)),
  };
}

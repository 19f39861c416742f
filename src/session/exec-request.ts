/** Reads what a person's other command asks to be run in a session: whoever sends it is the person, and may still be wrong. */
import type { CommandPlan, TerminalSize } from '../platform/linux/plan.ts';
import type { Narrowing } from '../policy/narrowing.ts';
import { misuse } from './control-protocol.ts';
import { checkedSize } from './terminal-command.ts';

export interface AskedCommand {
  readonly plan: CommandPlan;
  readonly terminal: (TerminalSize & { readonly name?: string }) | undefined;
  readonly narrowing: Narrowing;
  readonly detach: boolean;
}

type Said = Readonly<Record<string, unknown>>;

/** A key that this release does not know might have made the command narrower: it is not run without. */
function onlyKnown(said: Said, known: readonly string[]): void {
  const odd = Object.keys(said).find((key) => !known.includes(key));
  if (odd !== undefined) throw misuse(`it knows no ${JSON.stringify(odd)}`);
}

function objectOf(value: unknown, name: string): Said {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Said;
  throw misuse(`${name} is no object`);
}

function terminalFrom(value: unknown): AskedCommand['terminal'] {
  if (value === undefined) return undefined;
  const said = objectOf(value, 'terminal');
  onlyKnown(said, ['columns', 'rows', 'name']);
  const { columns, rows, name } = said;
  const size = checkedSize({ columns: columns as number, rows: rows as number });
  if (name === undefined) return size;
  if (typeof name === 'string' && /^[\w.+-]{1,64}$/.test(name)) return { ...size, name };
  throw misuse('the name of the terminal is none');
}

/** Throws ERR_USAGE. What `narrowing` holds is judged where it is used. */
export function commandFrom(request: Said, home: string): AskedCommand {
  onlyKnown(request, ['version', 'op', 'argv', 'cwd', 'terminal', 'narrowing', 'detach']);
  const { argv, cwd, detach = false } = request;
  const isWord = (word: unknown) => typeof word === 'string' && !word.includes('\0');
  if (!Array.isArray(argv) || argv.length === 0 || argv[0] === '' || !argv.every(isWord)) {
    throw misuse('a command is a name, and its arguments are texts without NUL');
  }
  if (cwd !== undefined && !(isWord(cwd) && (cwd as string).startsWith('/'))) {
    throw misuse('a directory is an absolute path');
  }
  const narrowing = objectOf(request.narrowing ?? {}, 'narrowing');
  onlyKnown(narrowing, ['mode', 'networkAccess', 'readOnly']);
  if (typeof detach !== 'boolean' || (detach && request.terminal !== undefined)) {
    throw misuse('a command is detached or has a terminal');
  }
  const stream = detach ? 'ignore' : 'pipe';
  const streams = [stream, stream, stream] as const;
  return {
    plan: { argv, cwd: (cwd as string | undefined) ?? home, streams, leftovers: 'keep' },
    terminal: terminalFrom(request.terminal),
    narrowing,
    detach,
  };
}

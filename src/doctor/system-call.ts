/** System calls as data: what doctor's probe is told to make, and what it says the kernel answered. */
import { getSystemErrorName } from 'node:util';

export type Argument =
  | number
  | { readonly text: string }
  | { readonly bytes: Uint8Array }
  /** A zeroed buffer of so many bytes; what the last call of an act leaves in its own is reported. */
  | { readonly room: number }
  /** An iovec of one such buffer, which is not reported. */
  | { readonly vector: number }
  /** What an earlier call of the same act gave, counted from 0. */
  | { readonly resultOf: number };

export interface Call {
  /** Without prefix, as in the tables of `native/seccomp`: `openat`. */
  readonly name: string;
  readonly arguments: readonly Argument[];
}

export type Answer =
  /** `call` is the index of the last call made: the one that failed, or the last of all. */
  | {
      readonly kind: 'answered';
      readonly call: number;
      readonly errno: string | undefined;
      readonly bytes: Buffer;
    }
  | { readonly kind: 'killed'; readonly signal: number }
  /** The probe did not run, or did not get so far. */
  | { readonly kind: 'silent' };

/** asm-generic/errno.h; libuv has no name for it. */
const UNNAMED: Readonly<Record<number, string>> = { 126: 'ENOKEY' };

export function call(name: string, ...args: readonly Argument[]): Call {
  return { name, arguments: args };
}

function word(argument: Argument): string {
  if (typeof argument === 'number') return String(argument);
  if ('text' in argument) return `=${argument.text}`;
  if ('bytes' in argument) return `#${Buffer.from(argument.bytes).toString('hex')}`;
  if ('room' in argument) return `*${argument.room}`;
  return 'vector' in argument ? `i${argument.vector}` : `r${argument.resultOf}`;
}

/** The probe's words for one act. `numbers` are those of this processor. */
export function actWords(calls: readonly Call[], numbers: Readonly<Record<string, number>>): string[] {
  return calls.flatMap((one, index) => {
    const number = numbers[one.name];
    if (number === undefined) throw new Error(`no number is known for the system call ${one.name}`);
    return [...(index === 0 ? [] : [',']), String(number), ...one.arguments.map(word)];
  });
}

export function probeWords(
  acts: readonly (readonly Call[])[],
  numbers: Readonly<Record<string, number>>,
): string[] {
  return acts.flatMap((calls, index) => [...(index === 0 ? [] : ['--']), ...actWords(calls, numbers)]);
}

function errnoName(number: number): string | undefined {
  return number === 0 ? undefined : (UNNAMED[number] ?? getSystemErrorName(-number));
}

function answerOf(line: string): Answer {
  const killed = /^killed (\d+)$/.exec(line);
  if (killed) return { kind: 'killed', signal: Number(killed[1]) };
  const [, call, errno, hex] = /^(\d+) -?\d+ (\d+) ([0-9a-f]*)$/.exec(line) ?? [];
  if (call === undefined) return { kind: 'silent' };
  return {
    kind: 'answered',
    call: Number(call),
    errno: errnoName(Number(errno)),
    bytes: Buffer.from(hex!, 'hex'),
  };
}

/** One answer for each of `count` acts; all silent unless the report came to its end and is about so many acts. */
export function readReport(report: string, count: number): Answer[] {
  const lines = report.split('\n');
  const whole = lines.length === count + 2 && lines[count] === `done ${count}` && lines[count + 1] === '';
  return Array.from({ length: count }, (_, index) =>
    whole ? answerOf(lines[index]!) : { kind: 'silent' as const },
  );
}

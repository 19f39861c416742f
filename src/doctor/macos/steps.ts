/** Forbidden acts in steps that Node can take on every system: what the probe is told, and how each is judged. */
import { type Attempt, payload } from '../guarantee.ts';
import type { FileActs } from '../guarantees/files.ts';
import type { Answer } from '../system-call.ts';

export type Step =
  | { readonly does: 'read'; readonly path: string }
  /** Gives each name with a NUL behind it. */
  | { readonly does: 'list'; readonly path: string }
  | { readonly does: 'append'; readonly path: string; readonly text: string }
  | { readonly does: 'create'; readonly path: string; readonly text: string }
  | { readonly does: 'rename'; readonly from: string; readonly to: string }
  /** For writing, and closes again. */
  | { readonly does: 'open'; readonly path: string }
  /** On the loopback: a connection, or a datagram. */
  | { readonly does: 'connect'; readonly port: number }
  | { readonly does: 'send'; readonly port: number }
  /** Looks for a way to an address, by connecting a datagram socket: nothing is sent. */
  | { readonly does: 'route'; readonly address: string }
  /** Connects to a Unix socket. */
  | { readonly does: 'call'; readonly path: string }
  /** Signal 0: whether it could be signalled. */
  | { readonly does: 'signal'; readonly pid: number }
  /** Gives what the program wrote to its standard output, however it ended. */
  | { readonly does: 'run'; readonly argv: readonly string[] }
  /** Gives all variables, each as `NAME=value` with a NUL behind it. */
  | { readonly does: 'variables' };

/** What the probe says of one act: the step that was the last, and what it met or gave. */
export interface Said {
  readonly step: number;
  readonly errno?: string;
  /** Hexadecimal. */
  readonly bytes: string;
}

/** One answer for each of `count` acts; all silent unless the report is whole and about so many. */
export function readSteps(report: string, count: number): Answer[] {
  const said = parse(report);
  return Array.from({ length: count }, (_, index): Answer => {
    const one = said.length === count ? said[index] : undefined;
    if (typeof one?.step !== 'number' || typeof one.bytes !== 'string') return { kind: 'silent' };
    const { step, errno, bytes } = one;
    return {
      kind: 'answered',
      call: step,
      errno: typeof errno === 'string' ? errno : undefined,
      bytes: Buffer.from(bytes, 'hex'),
    };
  });
}

/** SECURITY: written inside, so it may say anything. */
function parse(report: string): readonly Partial<Said>[] {
  try {
    const said: unknown = JSON.parse(report);
    return Array.isArray(said) ? said.map((each) => Object(each) as Partial<Said>) : [];
  } catch {
    // Cut short, or not ours.
    return [];
  }
}

function content(
  act: string,
  step: Step,
  shows: (text: string) => boolean,
  legible?: (text: string) => boolean,
): Attempt<Step> {
  return {
    act,
    calls: () => [step],
    evidence: {
      kind: 'content',
      shows: (bytes) => shows(bytes.toString('latin1')),
      ...(legible && { legible: (bytes: Buffer) => legible(bytes.toString('latin1')) }),
    },
  };
}

export const FILE_STEPS: FileActs<Step> = {
  read: (act, path, token) => content(act, { does: 'read', path }, (text) => text.includes(token)),
  list: (act, path, name) => content(act, { does: 'list', path }, (text) => text.includes(`${name}\0`)),
  write: (act, path, unchanged) => ({
    act,
    calls: (side) => [{ does: 'append', path, text: payload(side) }],
    evidence: { kind: 'file', path, unchanged },
  }),
  create: (act, path, unchanged) => ({
    act,
    calls: (side) => [{ does: 'create', path, text: payload(side) }],
    evidence: { kind: 'file', path, unchanged },
  }),
  rename: (act, from, to) => ({
    act,
    calls: (side) => [
      { does: 'create', path: from, text: payload(side) },
      { does: 'rename', from, to },
    ],
    evidence: { kind: 'file', path: to, unchanged: 'undone' },
  }),
  openForWriting: (act, path, hostRefuses) => ({
    ...answerStep(act, { does: 'open', path }, ['ENOENT', 'EACCES', 'EPERM', 'EROFS']),
    hostRefuses,
  }),
};

/** Judged by whether the kernel lets it. */
export function answerStep(act: string, step: Step, refused: readonly string[]): Attempt<Step> {
  return { act, calls: () => [step], evidence: { kind: 'answer', refused } };
}

/** Judged by a visit to a listener of doctor's own. */
export function visitStep(act: string, step: Step, listener: string): Attempt<Step> {
  return { act, calls: () => [step], evidence: { kind: 'visit', listener } };
}

/** Judged by what a program writes. `legible`: what it writes in any case, where it works at all. */
export function runStep(
  act: string,
  argv: readonly string[],
  shows: (text: string) => boolean,
  legible?: (text: string) => boolean,
): Attempt<Step> {
  return content(act, { does: 'run', argv }, shows, legible);
}

export function variableStep(act: string, name: string): Attempt<Step> {
  const has = (text: string, one: string) => `\0${text}`.includes(`\0${one}=`);
  return content(
    act,
    { does: 'variables' },
    (text) => has(text, name),
    (text) => has(text, 'HOME'),
  );
}

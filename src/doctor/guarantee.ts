/** What doctor proves: a claim, the forbidden acts that would refute it, and how each is seen to succeed or fail. */
import { readFileSync } from 'node:fs';
import type { Answer, Call } from './system-call.ts';

/** As people think of them. */
export const GROUPS = ['files', 'network', 'processes', 'kernel', 'terminal', 'environment'] as const;
export type Group = (typeof GROUPS)[number];

/** `outside` is the control: the same act on the host, where it must succeed. */
export type Side = 'inside' | 'outside';

/** How an act is known to have come about. */
export type Evidence =
  /** By what the kernel answers. `deciding`: so many of the last calls may be the one that is refused; default 1. */
  | {
      readonly kind: 'answer';
      readonly refused: readonly string[];
      /** Errors that come only after the kernel has decided to let the caller. */
      readonly reached?: readonly string[];
      readonly deciding?: number;
    }
  /**
   * By the bytes that the last call gave. Where they do not show it, the place is hidden or another one; bytes that are
   * not `legible` (default: all are) say nothing.
   */
  | {
      readonly kind: 'content';
      readonly shows: (bytes: Buffer) => boolean;
      readonly legible?: (bytes: Buffer) => boolean;
    }
  /**
   * By what stands in a file of the host afterwards. An act that succeeds and changes nothing there happened in a
   * private copy, or, where there can be none, was undone after it had happened.
   */
  | { readonly kind: 'file'; readonly path: string; readonly unchanged: 'private' | 'undone' }
  /** By a visit to a listener of doctor's own. */
  | { readonly kind: 'visit'; readonly listener: string };

/** `C`: how an act is told to the probe that makes it, in system calls or in steps that every system has. */
export interface Attempt<C = Call> {
  /** "read ~/.ssh/id_ed25519" */
  readonly act: string;
  readonly calls: (side: Side) => readonly C[];
  readonly evidence: Evidence;
  /** Answers by which a host of its own accord refuses this to whoever runs doctor. */
  readonly hostRefuses?: readonly string[];
}

export interface Guarantee<C = Call> {
  /** Stable, for machines. */
  readonly id: string;
  readonly group: Group;
  /** A sentence without its full stop. */
  readonly claim: string;
  /** Two or three words for it. */
  readonly short: string;
  readonly attempts: readonly Attempt<C>[];
}

/** What an act writes, so that a file tells which side wrote it. */
export function payload(side: Side): string {
  return `pinfold-doctor-${side}`;
}

export type Finding =
  | { readonly kind: 'reached' }
  | { readonly kind: 'refused'; readonly how: string }
  /** It came about and was taken back. */
  | { readonly kind: 'undone' }
  /** The act went wrong in a way that says nothing of the boundary. */
  | { readonly kind: 'unclear'; readonly how: string };

/** How a path, an address or a descriptor may be out of reach. */
const HIDDEN = ['ENOENT', 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EXDEV'];
const UNREACHABLE = [...HIDDEN, 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ECONNRESET', 'EPIPE'];

/** The calls went through and the forbidden thing did not come about: a private place, another one, or nobody there. */
export const NO_EFFECT = 'no effect';

function outcome(answer: Answer): string {
  if (answer.kind === 'killed') return `killed by signal ${answer.signal}`;
  return answer.kind === 'silent' ? 'the probe did not answer' : (answer.errno ?? 'ok');
}

function writtenBy(path: string, side: Side): boolean {
  try {
    return readFileSync(path, 'utf8').includes(payload(side));
  } catch (error) {
    // Not made, then: any other failure to read doctor's own file must not pass for that.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

export interface Seen {
  readonly answer: Answer;
  readonly side: Side;
  /** Listeners that were visited on this side. */
  readonly visited: ReadonlySet<string>;
}

/** What became of one attempt on one side. Doctor's own files are read, so call it before the other side acts. */
export function judge<C>(attempt: Attempt<C>, { answer, side, visited }: Seen): Finding {
  const { evidence } = attempt;
  const how = outcome(answer);
  if (answer.kind === 'silent') return { kind: 'unclear', how };
  const errno = answer.kind === 'answered' ? answer.errno : undefined;
  const succeeded = answer.kind === 'answered' && errno === undefined;
  const among = (names: readonly string[]): Finding => {
    if (succeeded) return { kind: 'refused', how: NO_EFFECT };
    return { kind: errno !== undefined && names.includes(errno) ? 'refused' : 'unclear', how };
  };
  switch (evidence.kind) {
    case 'visit':
      return visited.has(evidence.listener) ? { kind: 'reached' } : among(UNREACHABLE);
    case 'file':
      if (writtenBy(evidence.path, side)) return { kind: 'reached' };
      return succeeded && evidence.unchanged === 'undone' ? { kind: 'undone' } : among(HIDDEN);
    case 'content':
      if (succeeded && evidence.shows(answer.bytes)) return { kind: 'reached' };
      if (succeeded && evidence.legible?.(answer.bytes) === false) {
        return { kind: 'unclear', how: 'what was read is not what it should be' };
      }
      return among(UNREACHABLE);
    case 'answer': {
      if (succeeded || (errno !== undefined && evidence.reached?.includes(errno))) return { kind: 'reached' };
      const decides =
        answer.kind === 'answered' && answer.call >= attempt.calls(side).length - (evidence.deciding ?? 1);
      return decides && evidence.refused.includes(errno!)
        ? { kind: 'refused', how }
        : { kind: 'unclear', how };
    }
  }
}

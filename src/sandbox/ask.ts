/** What a program says when its sandbox asks it about something that was refused. */
import { SandboxError } from '../errors.ts';
import type { Answer, Ask, Question } from '../session/questions.ts';

/** `no` is remembered until the sandbox is closed; `once` is for what `Question.once` says can be opened so. */
export type Reply = 'no' | 'once' | 'session' | { readonly forMs: number };

/**
 * Called with one question at a time, at most ten in a minute; whoever tried waits for the answer. `signal` aborts when nobody waits
 * any more, or after two minutes: then the answer is no.
 */
export type AskCallback = (
  question: Question,
  context: { readonly signal: AbortSignal },
) => Reply | Promise<Reply>;

/** What the callback throws, or gives that is no reply, counts as no. */
export function asker(callback: AskCallback): Ask {
  return async (question, signal) => answerOf(await callback(question, { signal }));
}

function answerOf(reply: Reply): Answer {
  if (reply === 'no' || reply === 'once' || reply === 'session') return { kind: reply };
  const { forMs } = (reply ?? {}) as { readonly forMs?: unknown };
  if (typeof forMs === 'number') return { kind: 'for', ms: forMs };
  throw new SandboxError('ERR_USAGE', {
    what: 'Cannot use what the ask callback gave',
    why: 'it is none of "no", "once", "session" and { forMs: milliseconds }',
  });
}

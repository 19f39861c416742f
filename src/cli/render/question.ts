/** A question to the person at the terminal: who wants what, what a yes would mean, and what can be answered. */

import type { Answer, Question } from '../../session/questions.ts';
import { cut } from '../../violations/bounds.ts';
import type { Output } from '../command.ts';
import { readLasting } from '../grant-words.ts';
import { escapeText } from './escape.ts';
import { riskLine } from './grants.ts';
import { paint } from './style.ts';
import { commandOf, shownActor, shownSubject } from './violation-line.ts';

const WANTS: Readonly<Record<Question['want'], string>> = {
  read: 'wants to read',
  write: 'wants to write',
  connect: 'wants to connect to',
};

const MOST_REASON = 300;

export function renderQuestion(output: Output, question: Question, homeDir: string): string {
  const { want, subject, actor, reason, risk, once, id } = question;
  const who = (actor && commandOf(actor)) ?? 'something inside';
  const what = paint(output, 'strong', shownSubject(subject, homeDir));
  const chain = actor === undefined ? '' : paint(output, 'dim', `  (${shownActor(actor)})`);
  const said = reason === undefined ? '' : `  it says: ${escapeText(cut(reason, MOST_REASON))}\n`;
  const name = paint(output, 'accent', 'pinfold');
  return (
    `${paint(output, 'warning', '?')} ${name} ${who} ${WANTS[want]} ${what}${chain}${paint(output, 'dim', `  [${id}]`)}\n` +
    `${said}${riskLine(output, risk)}` +
    `  s: open it for this session · 10m: for ten minutes${once ? ' · o: once' : ''} · n: no\n`
  );
}

/** Undefined: it is no answer to this question. */
export function readAnswer(line: string, { once }: Question): Answer | undefined {
  const word = line.trim().toLowerCase();
  if (word === '' || word === 'n' || word === 'no') return { kind: 'no' };
  if (word === 's') return { kind: 'session' };
  if (word === 'o') return once ? { kind: 'once' } : undefined;
  return /^\d{1,9}[smhd]$/.test(word) ? readDuration(word) : undefined;
}

function readDuration(word: string): Answer | undefined {
  try {
    return readLasting(false, word);
  } catch {
    // Longer than any grant lasts: asked again.
    return undefined;
  }
}

export function renderAnswer(output: Output, { subject }: Question, answer: Answer, homeDir: string): string {
  const what = shownSubject(subject, homeDir);
  return answer.kind === 'no' ? `  ${what} stays closed\n` : `  ${paint(output, 'good', 'opened')} ${what}\n`;
}

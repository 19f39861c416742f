/**
 * Asks the person at the terminal about what was refused. SECURITY: the inside never holds that terminal while it is asked on (see
 * asked-run.ts), so that it can neither write over a question nor answer it. Test: "what the command writes waits".
 */
import { openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';
import type { Answer, Question } from '../session/questions.ts';
import type { Output } from './command.ts';
import { readLine } from './line-reader.ts';
import { readAnswer, renderAnswer, renderQuestion } from './render/question.ts';

export interface DialogOptions {
  readonly err: Output;
  readonly homeDir: string;
  /** Where answers are typed; default: the terminal itself, opened for each question. */
  readonly input: Readable | undefined;
  /** Keys come one by one. */
  readonly raw: boolean;
  /** Keeps the command's output and input back, until what it gives is called. */
  readonly hold: () => () => void;
}

const TRIES = 3;

export class Dialog {
  readonly #options: DialogOptions;

  constructor(options: DialogOptions) {
    this.#options = options;
  }

  async ask(question: Question, gone: AbortSignal): Promise<Answer> {
    const { err, homeDir, raw, hold } = this.#options;
    const release = hold();
    const own = this.#options.input === undefined ? new ReadStream(openSync('/dev/tty', 'r')) : undefined;
    const input = this.#options.input ?? own!;
    try {
      err.write(`${raw ? '\n' : ''}${renderQuestion(err, question, homeDir)}`);
      const answer = await this.#answer(question, input, gone);
      err.write(renderAnswer(err, question, answer, homeDir));
      return answer;
    } finally {
      own?.destroy();
      release();
    }
  }

  async #answer(question: Question, input: Readable, gone: AbortSignal): Promise<Answer> {
    const { err, raw } = this.#options;
    const echo = (text: string) => err.write(text);
    for (let tries = 0; tries < TRIES; tries += 1) {
      err.write('  > ');
      const line = await readLine(input, { raw, echo, gone });
      if (line === undefined) {
        err.write('\n');
        break;
      }
      const answer = readAnswer(line, question);
      if (answer !== undefined) return answer;
    }
    return { kind: 'no' };
  }
}

/** Takes what observers saw during one run. What records it is loaded when the first denial comes: most runs have none. */
import type { Policy } from '../policy/types.ts';
import type { ViolationHistory } from '../violations/history.ts';
import type { AccessRequest } from '../violations/requests.ts';
import type { Denial } from '../violations/types.ts';
import type { SessionEvent } from './event-log.ts';
import type { ViolationBook } from './violation-book.ts';

export interface DenialsOptions {
  /** As enforced. */
  readonly policy: Policy;
  /** The file that is shown inside as `$PINFOLD_EVENTS`; undefined where none is. */
  readonly eventsFile: string | undefined;
  /** To the session's log. */
  readonly append: (event: SessionEvent) => void;
  /** Process whose descendants are the sandbox; undefined when it did not start. */
  readonly launcher: () => number | undefined;
  /** Something inside asks for a grant; it is in the log by then. */
  readonly onRequest?: (request: AccessRequest) => void;
}

/** What may come before the recorder is there; a flood beyond it is only counted. */
const MAX_WAITING = 1000;

export class Denials {
  readonly #options: DenialsOptions;
  readonly #waiting: Denial[] = [];
  #overflow = 0;
  #book: ViolationBook | undefined;
  #loading: Promise<void> | undefined;

  constructor(options: DenialsOptions) {
    this.#options = options;
  }

  /**
   * Never throws, never waits: whoever observes has a program to answer. The id of the violation it counts for, once the recorder
   * is there (`ready`).
   */
  take(denial: Denial): string | undefined {
    if (this.#book) return this.#record(this.#book, denial);
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(denial);
    else this.#overflow += 1;
    void this.ready();
    return undefined;
  }

  /** Resolves when denials are recorded as they come. */
  ready(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Call once, when nothing inside runs any more. */
  async end(): Promise<ViolationHistory> {
    await this.#loading;
    return this.#book?.close(this.#overflow) ?? { violations: [], dropped: 0, requests: [] };
  }

  #record(book: ViolationBook, denial: Denial): string | undefined {
    try {
      return book.record(denial);
    } catch {
      // The disk is full: the refusal stands, and that one more went unrecorded is told at the end.
      this.#overflow += 1;
      return undefined;
    }
  }

  async #load(): Promise<void> {
    const { ViolationBook } = await import('./violation-book.ts');
    const book = new ViolationBook(this.#options);
    for (const denial of this.#waiting.splice(0)) this.#record(book, denial);
    this.#book = book;
  }
}

/** Joins the recorder of one run with the world: the process table, the session's log, and the events shown inside. */
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { printableJson } from '../policy/printable.ts';
import { agentEvent } from '../violations/agent-event.ts';
import type { ViolationHistory } from '../violations/history.ts';
import { Recorder, type RecorderEvent } from '../violations/recorder.ts';
import { RequestBook } from '../violations/requests.ts';
import type { Denial, Violation } from '../violations/types.ts';
import { identifyInside } from './actor.ts';
import type { DenialsOptions } from './denials.ts';
import { RequestSocket } from './request-socket.ts';

export class ViolationBook {
  readonly #options: DenialsOptions;
  readonly #recorder: Recorder;
  readonly #requests = new RequestBook();
  readonly #socket: RequestSocket | undefined;

  constructor(options: DenialsOptions) {
    this.#options = options;
    this.#recorder = new Recorder({
      policy: options.policy,
      now: Date.now,
      write: (event) => this.#write(event),
      identify: (pid) => {
        const launcher = options.launcher();
        return launcher === undefined ? undefined : identifyInside(pid, launcher);
      },
    });
    const { eventsFile } = options;
    // Made with the first refusal: before it there is nothing to ask for, and most runs have none.
    this.#socket = eventsFile === undefined ? undefined : this.#listen(dirname(eventsFile));
  }

  /** The id of the violation it counts for; undefined when there are too many different ones. */
  record(denial: Denial): string | undefined {
    return this.#recorder.record(denial);
  }

  /** `unrecorded`: denials of which nothing is known but that they were. */
  close(unrecorded: number): ViolationHistory {
    this.#socket?.close();
    this.#recorder.close();
    const dropped = this.#recorder.dropped + unrecorded;
    if (unrecorded > 0) this.#options.append({ kind: 'violations-dropped', count: dropped });
    return { violations: this.#recorder.violations, dropped, requests: this.#requests.requests };
  }

  #listen(directory: string): RequestSocket {
    return new RequestSocket(directory, (text) => {
      const request = this.#requests.take(text, Date.now());
      if (request === undefined) return;
      this.#options.append({ kind: 'request', request });
      this.#options.onRequest?.(request);
    });
  }

  #write(event: RecorderEvent): void {
    this.#options.append({ ...event });
    if (event.kind === 'violation') this.#tellInside(event.violation);
  }

  /** Bounded as the recorder is: one line for each violation. Made anew, so that nothing of the log can leak into it. */
  #tellInside(violation: Violation): void {
    const { eventsFile, policy } = this.#options;
    if (eventsFile === undefined) return;
    appendFileSync(eventsFile, `${printableJson(agentEvent(violation, policy))}\n`);
  }
}

/** What the launcher says, for whoever waits for a part of it, until it ends. */
import type { Readable } from 'node:stream';
import type { SandboxError } from '../../errors.ts';
import { RecordReader, type WireRecord } from './plan-codec.ts';

export type RecordListener = (record: WireRecord) => void;
type EndListener = (error: SandboxError) => void;

export class LauncherRecords {
  readonly #listeners = new Set<RecordListener>();
  readonly #onEnd = new Set<EndListener>();
  #ended: SandboxError | undefined;
  #over = false;

  /** `hear`, `onEnd`: before all others. */
  constructor(hear: RecordListener, onEnd: EndListener) {
    this.#listeners.add(hear);
    this.#onEnd.add(onEnd);
  }

  /** Why nothing more is said. */
  get ended(): SandboxError | undefined {
    return this.#ended;
  }

  /** It carried out its plan and is about to exit. */
  get over(): boolean {
    return this.#over;
  }

  /** `onBroken`: what comes makes no sense, or who heard it could not go on. */
  read(stream: Readable, onBroken: () => void): void {
    const reader = new RecordReader();
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const record of reader.push(chunk)) {
          if (record.kind === 'ended') this.#over = true;
          for (const listener of [...this.#listeners]) listener(record);
        }
      } catch (error) {
        onBroken();
        this.end(error as SandboxError);
      }
    });
  }

  /** The first thing that `pick` makes of a record. Rejects with the reason where none comes any more. */
  until<T>(pick: (record: WireRecord) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const settle = () => {
        this.#listeners.delete(listener);
        this.#onEnd.delete(onEnd);
      };
      const listener = (record: WireRecord) => {
        const found = pick(record);
        if (found === undefined) return;
        settle();
        resolve(found);
      };
      const onEnd = (error: SandboxError) => {
        settle();
        reject(error);
      };
      this.#listeners.add(listener);
      this.#onEnd.add(onEnd);
    });
  }

  /** Resolves once nothing more is said. */
  untilEnd(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) resolve();
      else this.#onEnd.add(() => resolve());
    });
  }

  /** Only the first reason counts. */
  end(error: SandboxError): void {
    if (this.#ended) return;
    this.#ended = error;
    for (const onEnd of [...this.#onEnd]) onEnd(error);
  }
}

/** An append-only log of one session: JSON Lines, each with the digest of the line before, so that no line can be altered unseen. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** What the first record names as the one before it. */
const GENESIS = '0'.repeat(64);

export interface SessionEvent {
  readonly kind: string;
  readonly [key: string]: unknown;
}

export type LogVerdict =
  | { readonly kind: 'intact'; readonly records: number }
  | { readonly kind: 'broken'; readonly line: number; readonly why: string };

function digest(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}

/** Writes one session's log; one writer at a time. */
export class EventLog {
  readonly #descriptor: number;
  #previous = GENESIS;
  #sequence = 0;

  /** `path` must not exist yet. */
  constructor(path: string) {
    this.#descriptor = openSync(path, 'ax', 0o600);
  }

  append(event: SessionEvent): void {
    const record = { sequence: this.#sequence++, time: new Date().toISOString(), ...event };
    const line = JSON.stringify({ previous: this.#previous, ...record });
    writeSync(this.#descriptor, `${line}\n`);
    this.#previous = digest(line);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Checks the chain of a log. What was cut off at its end cannot be seen from the log alone. */
export function verifyLog(path: string): LogVerdict {
  const text = readFileSync(path, 'utf8');
  const lines = text.split('\n');
  // A record is one write; without its line break the writer was killed in the middle of it.
  if (lines.pop() !== '')
    return { kind: 'broken', line: lines.length + 1, why: 'it was not written to its end' };
  let previous = GENESIS;
  for (const [index, line] of lines.entries()) {
    const broken = (why: string): LogVerdict => ({ kind: 'broken', line: index + 1, why });
    let record: { previous?: unknown; sequence?: unknown };
    try {
      record = JSON.parse(line);
    } catch {
      return broken('it is not JSON');
    }
    if (record.previous !== previous) return broken('it does not follow from the line before');
    if (record.sequence !== index) return broken(`it is number ${String(record.sequence)}, not ${index}`);
    previous = digest(line);
  }
  return { kind: 'intact', records: lines.length };
}

/** An append-only log of one session: JSON Lines, each with the digest of the line before, so that no line can be altered unseen. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { printableJson } from '../policy/printable.ts';
import { sha256 } from '../policy/sha256.ts';

/** What the first record names as the one before it. */
const GENESIS = '0'.repeat(64);

export interface SessionEvent {
  readonly kind: string;
  readonly [key: string]: unknown;
}

export interface LogEnd {
  readonly records: number;
  /** Of the last line. */
  readonly digest: string;
}

export type LogVerdict =
  | { readonly kind: 'intact'; readonly records: number }
  | { readonly kind: 'broken'; readonly line: number; readonly why: string };

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
    const line = printableJson({ previous: this.#previous, ...record });
    writeSync(this.#descriptor, `${line}\n`);
    this.#previous = sha256(line);
  }

  /** Says how the log ended. */
  close(): LogEnd {
    closeSync(this.#descriptor);
    return { records: this.#sequence, digest: this.#previous };
  }
}

/** Checks the chain of a log. That something was cut off at its end shows only where `end` is known. */
export function verifyLog(path: string, end?: LogEnd): LogVerdict {
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
    previous = sha256(line);
  }
  if (end !== undefined && (end.records !== lines.length || end.digest !== previous)) {
    return { kind: 'broken', line: lines.length + 1, why: `it ended with line ${end.records}` };
  }
  return { kind: 'intact', records: lines.length };
}

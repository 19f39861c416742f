/** Reads violations back from the records of a session's log. */
import type { AccessRequest } from './requests.ts';
import type { Violation } from './types.ts';

export interface ViolationHistory {
  readonly violations: readonly Violation[];
  /** Denials that were too many to be told apart. */
  readonly dropped: number;
  /** What the inside asked for. */
  readonly requests: readonly AccessRequest[];
}

interface Counted {
  readonly id: string;
  readonly count: number;
  readonly last: number;
}

/** Folds records in the order of the log; those of other kinds are passed over. */
export function historyOf(records: Iterable<{ readonly kind?: unknown }>): ViolationHistory {
  const violations = new Map<string, Violation>();
  const requests: AccessRequest[] = [];
  let dropped = 0;
  for (const record of records) {
    if (record.kind === 'violation') {
      const { violation } = record as { violation: Violation };
      violations.set(violation.id, violation);
    } else if (record.kind === 'violation-count') {
      const { id, count, last } = record as unknown as Counted;
      const known = violations.get(id);
      if (known) violations.set(id, { ...known, count, last });
    } else if (record.kind === 'request') {
      requests.push((record as unknown as { request: AccessRequest }).request);
    } else if (record.kind === 'violations-dropped') {
      dropped = (record as unknown as { count: number }).count;
    }
  }
  return { violations: [...violations.values()], dropped, requests };
}

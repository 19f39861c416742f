/** Folds what the launcher records of a run into what became of it. */
import { SandboxError } from '../errors.ts';
import { setupError } from '../platform/linux/enforcement.ts';
import type { FailureRecord, LauncherRecord, Plan } from '../platform/linux/plan.ts';
import type { WireRecord } from '../platform/linux/plan-codec.ts';
import type { Ending } from './types.ts';

/** errno(3). */
const EACCES = 13;
const ENOENT = 2;

export class Progress {
  readonly applied = new Set<string>();
  started = false;
  failure: FailureRecord | undefined;
  ending: Ending | undefined;
  /** The target has ended, or a session without one. */
  over = false;
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
    // Without a target the session ends because it is closed.
    if (plan.argv.length === 0) this.ending = { kind: 'closed' };
  }

  take(record: WireRecord): void {
    if (record.kind === 'ended' || record.kind === 'exited' || record.kind === 'killed') this.over = true;
    if (record.kind === 'applied') this.applied.add(record.step);
    if (record.kind === 'started') this.started = true;
    if (record.kind === 'failure') this.failure ??= record;
    if (record.kind === 'exited') this.ending ??= { kind: 'exited', code: record.code };
    if (record.kind === 'killed') this.ending ??= { kind: 'killed', signal: record.signal };
    if (record.kind === 'not-started') this.#notStarted(record);
  }

  #notStarted({ step, errno }: Extract<LauncherRecord, { kind: 'not-started' }>): void {
    const { argv, cwd } = this.#plan;
    const command = argv[0] ?? '';
    if (step !== 'exec') {
      const detail = step === 'directory' ? cwd : 'the command';
      this.failure ??= { kind: 'failure', step, errno, detail };
    } else if (errno === ENOENT) {
      this.ending ??= { kind: 'not-found', command };
    } else {
      this.ending ??= { kind: 'not-executable', command, errno: errno || EACCES };
    }
  }
}

/** How it ended; throws for a boundary that was not made, or that broke. */
export function endingOf({ failure, ending }: Progress): Ending {
  if (failure) throw setupError(failure);
  if (ending) return ending;
  throw new SandboxError('ERR_LAUNCHER_DIED', { what: 'The sandbox ended', why: 'it did not say how' });
}

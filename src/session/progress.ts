/** Folds what the launcher records of a run into what became of it. */
import { constants } from 'node:os';
import { SandboxError } from '../errors.ts';
import { setupError } from '../platform/linux/enforcement.ts';
import type { FailureRecord, LauncherRecord, Plan } from '../platform/linux/plan.ts';
import type { WireRecord } from '../platform/linux/plan-codec.ts';
import type { Ending } from './types.ts';

/** errno(3). */
const EACCES = 13;
const ENOENT = 2;
const EINTR = 4;

export class Progress {
  readonly applied = new Set<string>();
  started = false;
  failure: FailureRecord | undefined;
  ending: Ending | undefined;
  /** The target has ended, or a session without one. */
  over = false;
  readonly #plan: Plan;
  readonly #signalled: () => NodeJS.Signals | undefined;

  /** `signalled`: the first signal that was sent to the target. */
  constructor(plan: Plan, signalled: () => NodeJS.Signals | undefined) {
    this.#plan = plan;
    this.#signalled = signalled;
    // Without a target the session ends because it is closed.
    if (plan.argv.length === 0) this.ending = { kind: 'closed' };
  }

  take(record: WireRecord): void {
    if (record.kind === 'ended' || record.kind === 'exited' || record.kind === 'killed') this.over = true;
    if (record.kind === 'applied') this.applied.add(record.step);
    if (record.kind === 'started') this.started = true;
    if (record.kind === 'failure') this.#fail(record);
    if (record.kind === 'exited') this.ending ??= { kind: 'exited', code: record.code };
    if (record.kind === 'killed') this.ending ??= { kind: 'killed', signal: record.signal };
    if (record.kind === 'not-started') this.#notStarted(record);
  }

  /** A signal that comes before there is a command to hear it ends the start, as it would have ended the command. */
  #fail(failure: FailureRecord): void {
    const signal = this.#signalled();
    // Init says so, or the supervisor, for which init has given up what it was to fetch there.
    const cutShort = !this.started && (failure.errno === EINTR || failure.step === 'supervisor');
    if (cutShort && signal !== undefined && this.#plan.argv.length > 0) {
      this.ending ??= { kind: 'killed', signal: constants.signals[signal] };
    } else {
      this.failure ??= failure;
    }
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

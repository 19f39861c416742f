/** Answers the calls on names which the launcher's sieve did not let pass, and records what the kernel refuses of them. */
import { opendirSync } from 'node:fs';
import { MakingJudge, type RefusedMaking } from '../platform/linux/guarded-makings.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { Making, MakingRecord, Plan } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';
import { type WatchedRow, watchedRows } from '../platform/linux/watched-calls.ts';
import type { Decider } from '../policy/decide.ts';
import { decodeName } from '../policy/printable.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import { programInside } from './actor.ts';
import type { SessionEvent } from './event-log.ts';
import { GitActs } from './git-acts.ts';
import type { GrantedWriter, Writing } from './granted-writer.ts';
import type { NewGit } from './new-git.ts';
import { EACCES, guardedDenial, missedSocketDenial, mountDenial } from './observed.ts';
import type { Questions } from './questions.ts';
import type { WritablePlace, WritablePlaces } from './writable-places.ts';

export interface NameSupervisorOptions {
  /** As enforced: guarded names have numbers of its rules. */
  readonly policy: Policy;
  readonly decider: Decider;
  readonly plan: Pick<Plan, 'guarded' | 'opened' | 'rlimits'>;
  readonly arch: Arch;
  readonly launcher: Pick<Launcher, 'settle' | 'pid' | 'calls'>;
  /** What git makes anew inside; undefined where nothing can be mounted. */
  readonly newGit: (() => Promise<NewGit>) | undefined;
  /** Records what was refused. */
  readonly take: (denial: Denial) => void;
  readonly append: (event: SessionEvent) => void;
  /** What was opened to write while it runs. */
  readonly writable: WritablePlaces;
  /** Undefined: nobody is asked. */
  readonly questions: Pick<Questions, 'putFor'> | undefined;
}

/** errno(3). */
const EXDEV = 18;
/** Threads whose act was told, and whose look at the same name may still follow. */
const MAX_TOLD = 256;

export class NameSupervisor {
  readonly #options: NameSupervisorOptions;
  readonly #git: GitActs;
  readonly #told = new Map<number, string>();
  #judge: MakingJudge | undefined;
  #rows: readonly WatchedRow[] | undefined;
  #writer: GrantedWriter | undefined;

  constructor(options: NameSupervisorOptions) {
    this.#options = options;
    this.#git = new GitActs({
      newGit: options.newGit,
      take: options.take,
      append: options.append,
      actOf: (making) => this.#row(making).act,
      isGuarded: (making) => this.#judge?.refused([making]) !== undefined,
    });
  }

  /** What it throws ends the launcher, and with it the call that waits. */
  answer(record: MakingRecord): void {
    const { plan, writable, launcher } = this.#options;
    const { id, pid, names } = record;
    this.#judge ??= new MakingJudge(plan);
    this.#told.delete(pid);
    if (names.some((making) => this.#row(making).address)) {
      this.#tellMissed(record);
      return;
    }
    const held = writable.holding(names);
    const refused = held?.whole ? undefined : this.#refusedOf(names);
    if (held?.whole) void this.#writeOrAnswer(record, held.place);
    // Between two places nothing is moved, as between any two mounts: programs know what to do then.
    else if (held && !refused) launcher.settle({ id, errno: EXDEV });
    else this.#answer(record, refused);
  }

  /** Nothing is made: the kernel says that it is not there. Told before, while whoever looks for it waits. */
  #tellMissed({ id, pid, names }: MakingRecord): void {
    const path = decodeName(names[0]!.path);
    const denial = missedSocketDenial(this.#options.decider, path, names[0]!.present);
    if (denial) this.#tell(pid, denial);
    this.#options.launcher.settle({ id, errno: 0 });
  }

  #answer(record: MakingRecord, refused: RefusedMaking | undefined): void {
    const performed = this.#git.perform(record, refused);
    if (performed === undefined) this.#refuseOrPass(record, refused);
    else if (performed === 'done') this.#options.launcher.settle({ id: record.id, errno: 'done' });
    else
      void performed.then((outcome) => {
        if (outcome.kind === 'done') this.#options.launcher.settle({ id: record.id, errno: 'done' });
        else this.#refuseOrPass(record, refused, outcome.why);
      });
  }

  #refuseOrPass(record: MakingRecord, refused: RefusedMaking | undefined, detail?: string): void {
    const { policy, launcher } = this.#options;
    const { id, pid } = record;
    if (refused) {
      const denial = guardedDenial(policy, this.#row(refused.making).act, refused);
      this.#tell(pid, { ...denial, ...(detail !== undefined && { detail }) });
    } else if (this.#askMount(record)) return;
    launcher.settle({ id, errno: refused ? EACCES : 0 });
  }

  async #writeOrAnswer(record: MakingRecord, place: WritablePlace): Promise<void> {
    const kind = await this.#write(record, place);
    if (kind === 'closed') this.#answer(record, this.#refusedOf(record.names));
  }

  /** In a place that was opened to write; answers the call unless it turns out to be closed. */
  async #write(record: MakingRecord, place: WritablePlace): Promise<Writing['kind']> {
    const { launcher, plan, arch } = this.#options;
    const { id, pid } = record;
    const { GrantedWriter } = await import('./granted-writer.ts');
    this.#writer ??= new GrantedWriter({ arch, launcher, rows: this.#allRows(), rlimits: plan.rlimits });
    const writing = await this.#writer.write(record, place);
    if (writing.kind === 'refused') this.#tell(pid, writing.denial);
    if (writing.kind === 'done') launcher.settle({ id, errno: 'done' });
    if (writing.kind === 'failed' || writing.kind === 'refused')
      launcher.settle({ id, errno: writing.errno });
    return writing.kind;
  }

  /**
   * Whether it waits for a person. When it goes on, what it names is mounted, or written, or it is refused by the mount as it
   * would have been.
   */
  #askMount(record: MakingRecord): boolean {
    const { id, pid, names } = record;
    const making = names.find((each) => each.refused !== 'no' && (each.present || !this.#row(each).leaves));
    if (!making) return false;
    const row = this.#row(making);
    if (row.act === 'remove' && making.refused === 'mounted' && isFilled(decodeName(making.path)))
      return false;
    const denial = mountDenial(this.#options, row, names, (path) => this.#pinnedBy(path));
    if (!denial) return false;
    const asked = this.#options.questions?.putFor(pid, { ...denial, actor: { pid } });
    if (asked === undefined) {
      this.#tellMount(pid, row, denial);
      return false;
    }
    void asked.then(async (isOpen) => {
      const held = isOpen ? this.#options.writable.holding(names) : undefined;
      if (held?.whole && (await this.#write(record, held.place)) !== 'closed') return;
      // Opened to be written it is, and yet not for this.
      if (!isOpen || held) this.#tellMount(pid, row, denial);
      this.#options.launcher.settle({ id, errno: 0 });
    });
    return true;
  }

  /** Call once, when nothing inside runs any more: the host gets the repositories that were made. */
  end(): void {
    this.#git.end();
  }

  /**
   * Whether the look of this thread at `path` is a part of an act that was told: the kernel looks a name up before it says
   * that it may not be written. Once for each act.
   */
  isTold(pid: number, path: string): boolean {
    return this.#told.get(pid) === path && this.#told.delete(pid);
  }

  #tellMount(pid: number, row: WatchedRow, denial: Denial): void {
    this.#tell(pid, denial);
    if (row.unasked) return;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.set(pid, denial.subject.kind === 'path' ? denial.subject.path : '');
  }

  #tell(pid: number, denial: Denial): void {
    // While the call waits its process can still be looked at.
    const program = programInside(pid, this.#options.launcher.pid);
    this.#options.take({ ...denial, actor: { pid, ...(program !== undefined && { program }) } });
  }

  #refusedOf(names: readonly Making[]): RefusedMaking | undefined {
    return this.#judge?.refused(names.filter((each) => !this.#row(each).leaves));
  }

  #row({ row }: Making): WatchedRow {
    const rows = this.#allRows();
    const found = rows[row];
    if (!found) throw new RangeError(`the launcher named row ${row} of ${rows.length}`);
    return found;
  }

  #allRows(): readonly WatchedRow[] {
    this.#rows ??= watchedRows(this.#options.arch);
    return this.#rows;
  }

  /** A directory that may be written and is a mount point stays where it is for the sake of what must not change in it. */
  #pinnedBy(path: string): number | undefined {
    const whole = { row: 0, path: Buffer.from(path), directory: true, bringsMore: true } as const;
    return this.#judge?.refused([{ ...whole, refused: 'mounted', present: false }])?.name.rule;
  }
}

/**
 * Whether it is a directory of the host with something in it, which nobody can remove anywhere (ENOTEMPTY): that is no refusal of ours.
 * git tries it with `.git` whenever it has emptied the directory around that. SECURITY: never through the root of whoever asks, where
 * the tripwire lies: this process answers that, and would wait for itself.
 */
function isFilled(path: string): boolean {
  try {
    const directory = opendirSync(path);
    try {
      return directory.readSync() !== null;
    } finally {
      directory.closeSync();
    }
  } catch {
    return false; // No directory, or gone: then it is told as it was.
  }
}

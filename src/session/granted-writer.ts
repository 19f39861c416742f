/**
 * Does what is asked for in a path that was opened to write while the session runs, in the place of whoever asked, whom Landlock
 * refuses it and goes on to refuse it. Loaded at the first such act.
 */
import { type DoableAct, grantedAct } from '../platform/linux/granted/acts.ts';
import { grantedCalls, stillWaiting, THE_ACT } from '../platform/linux/granted/calls.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { CallsFailed } from '../platform/linux/launcher-orders.ts';
import type { Making, MakingRecord, Plan } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';
import type { WatchedRow } from '../platform/linux/watched-calls.ts';
import { isWithin } from '../policy/paths.ts';
import { decodeName } from '../policy/printable.ts';
import type { PathRule } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import { copyFrom, Unreadable, umaskOf } from './caller.ts';
import { EACCES } from './observed.ts';
import type { WritablePlace } from './writable-places.ts';

export type Writing =
  /** In the caller's place; its call is to give 0. */
  | { readonly kind: 'done' }
  /** The caller has its answer. */
  | { readonly kind: 'given' }
  /** The kernel refused it, as it would have refused it outside. */
  | { readonly kind: 'failed'; readonly errno: number }
  | { readonly kind: 'refused'; readonly errno: number; readonly denial: Denial }
  /** The place is not open, or not for this. */
  | { readonly kind: 'closed' };

export interface GrantedWriterOptions {
  readonly arch: Arch;
  readonly launcher: Pick<Launcher, 'calls'>;
  readonly rows: readonly WatchedRow[];
  readonly rlimits: Plan['rlimits'];
}

interface Refusal {
  readonly errno: number;
  /** Default: the first that the call names. */
  readonly path?: string;
  readonly rule?: PathRule;
  /** One clause; absent where the rule says it. */
  readonly detail?: string;
}

const RLIMIT_FSIZE = 1;
/** errno(3). */
const EXDEV = 18;
const EROFS = 30;

export class GrantedWriter {
  readonly #options: GrantedWriterOptions;
  /**
   * One at a time. SECURITY: names are judged by what is there, and only acts that are done here change it. Done side by side,
   * one might move a directory between the judgement of another and its being done.
   */
  #before: Promise<unknown> = Promise.resolve();

  constructor(options: GrantedWriterOptions) {
    this.#options = options;
  }

  /** All names of the record lie in `place`. Never rejects. */
  write(record: MakingRecord, place: WritablePlace): Promise<Writing> {
    const turn = this.#before.then(() => this.#write(record, place));
    this.#before = turn;
    return turn;
  }

  async #write(record: MakingRecord, place: WritablePlace): Promise<Writing> {
    const { rows, arch } = this.#options;
    const act = grantedAct(record, rows, arch);
    if (act === undefined || !place.isOpen()) return { kind: 'closed' };
    if (act.kind === 'apart') return { kind: 'failed', errno: EXDEV };
    if (act.kind === 'none') {
      const { errno, why: detail } = act;
      return this.#refuse(record, { errno, detail });
    }
    const judged = judge(act, place);
    if (judged !== 'passes') return judged === 'closed' ? { kind: 'closed' } : this.#refuse(record, judged);
    const mount = mountOf(act, place);
    if (mount === undefined) return { kind: 'failed', errno: act.kind === 'rename' ? EXDEV : EROFS };
    const writing = await this.#carryOut(act, record, { mount, file: place.kind === 'file' });
    if (writing.kind === 'done' || writing.kind === 'given') place.used(record.pid);
    return writing;
  }

  async #carryOut(
    act: DoableAct,
    record: MakingRecord,
    place: Parameters<typeof grantedCalls>[1],
  ): Promise<Writing> {
    const { arch, launcher, rlimits } = this.#options;
    const { id, pid } = record;
    const fileSize = rlimits.find(({ resource }) => resource === RLIMIT_FSIZE)?.soft;
    const caller = { id, umask: umaskOf(pid), fileSize };
    try {
      const wanted = 'memory' in act ? act.memory : undefined;
      const stillWaits = () => launcher.calls(stillWaiting(arch, id));
      const memory = wanted && (await copyFrom(pid, wanted, stillWaits));
      await launcher.calls(grantedCalls(act, place, caller, { arch, memory }));
      return { kind: act.kind === 'open' ? 'given' : 'done' };
    } catch (error) {
      if (error instanceof Unreadable) return { kind: 'failed', errno: error.errno };
      const tried = error instanceof CallsFailed && error.at === THE_ACT;
      if (!tried)
        return this.#refuse(record, {
          errno: EACCES,
          detail: `it was not done: ${(error as Error).message}`,
        });
      // Of another mount's name, which is a cover: what a read-only mount says.
      const covered = error.errno === EXDEV && act.kind !== 'rename';
      return { kind: 'failed', errno: covered ? EROFS : error.errno };
    }
  }

  #refuse({ names }: MakingRecord, { path, ...refusal }: Refusal): Writing {
    const [first] = names;
    const row = this.#options.rows[first!.row]!;
    const act = first!.present ? (row.actPresent ?? row.act) : row.act;
    const subject = { kind: 'path', path: path ?? decodeName(first!.path) } as const;
    const denial = { act, subject, observer: 'supervisor', outcome: 'refused', ...refusal } as const;
    return { kind: 'refused', errno: refusal.errno, denial };
  }
}

type Judged = 'passes' | 'closed' | Refusal;

/** What may not come into being there, be changed, or be moved away. */
function judge(act: DoableAct, { path: root, decider, judge: names, rules, kind }: WritablePlace): Judged {
  const subjects = act.kind === 'rename' ? [act.from, act.path] : [act.path];
  const directory = act.kind === 'make-directory' || (act.kind === 'remove' && act.directory);
  const itself = ['open', 'truncate', 'mode', 'owner', 'times'].includes(act.kind);
  for (const bytes of subjects) {
    const path = decodeName(bytes);
    // The place itself stays where it is.
    if (path === root && !(itself && (kind === 'file' || act.kind !== 'open'))) return 'closed';
    const { allowed, rule } = decider.decide(path, 'write', directory ? { directory } : {});
    if (!allowed) return { errno: EACCES, path, ...(rule && { rule }) };
    if (itself && act.kind !== 'open') continue;
    // What is moved may hold anything: what was seen of it was seen a while ago.
    const bringsMore = act.kind === 'rename' || act.kind === 'link';
    const making: Making = { row: 0, path: bytes, directory, bringsMore, refused: 'no', present: false };
    const guarded = act.kind === 'remove' ? undefined : names.refused([making]);
    if (guarded === undefined) continue;
    const by = rules[guarded.name.rule];
    return { errno: EACCES, path, ...(by && { rule: by }) };
  }
  return 'passes';
}

/** The mount in which the act is done; undefined where its names lie in two, or none. */
function mountOf(act: DoableAct, place: WritablePlace): string | undefined {
  const around = (bytes: Uint8Array) => {
    const path = decodeName(bytes);
    return place.mounts
      .filter((mount) => isWithin(path, mount) && (path !== mount || mount === place.path))
      .reduce<string | undefined>(
        (inner, mount) => (inner && isWithin(inner, mount) ? inner : mount),
        undefined,
      );
  };
  const mount = around(act.path);
  return act.kind === 'rename' && around(act.from) !== mount ? undefined : mount;
}

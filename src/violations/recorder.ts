/** Makes violations of denials: identical ones are counted, and however many come, memory and log stay bounded. */
import type { Policy } from '../policy/types.ts';
import { classOf } from './acts.ts';
import { boundDenial } from './bounds.ts';
import { riskOf } from './risk.ts';
import type { Actor, Denial, Subject, Violation } from './types.ts';

/** What goes to the log. A count is written when it has grown tenfold, and once more at the end. */
export type RecorderEvent =
  | { readonly kind: 'violation'; readonly violation: Violation }
  | { readonly kind: 'violation-count'; readonly id: string; readonly count: number; readonly last: number }
  | { readonly kind: 'violations-dropped'; readonly count: number };

export interface RecorderOptions {
  readonly policy: Policy;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly write: (event: RecorderEvent) => void;
  /** What the host knows of a process; undefined when it is gone or none of the sandbox's. */
  readonly identify?: (pid: number) => Actor | undefined;
}

/** Distinct violations of one session; more than a person would read, and what an attacker can make is endless. */
const MAX_DISTINCT = 500;
/** Of text chosen inside, over all of them: with rules and JSON around it a log stays below 3 MiB. */
const MAX_CHARACTERS = 512 * 1024;
/** Looking a process up costs about 100 µs, so a flood may cost a twentieth of a processor. */
const LOOK_UPS_PER_SECOND = 500;

interface Entry {
  violation: Violation;
  written: number;
}

function subjectKey(subject: Subject): string {
  if (subject.kind === 'syscall') return subject.name;
  return subject.kind === 'host' ? `${subject.host} ${subject.port ?? ''}` : subject.path;
}

function sizeOf({ actor, detail, subject }: Denial): number {
  const words = [actor?.program ?? '', detail ?? '', subjectKey(subject), ...(actor?.command ?? [])];
  const parents = (actor?.parents ?? []).map(({ program, name = '' }) => program + name);
  return [...words, ...parents].join('').length;
}

/** Whether a count is one that is written down: 10, 100, 1000 … */
function isStep(count: number): boolean {
  return count >= 10 && 10 ** Math.round(Math.log10(count)) === count;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #entries = new Map<string, Entry>();
  #characters = 0;
  #dropped = 0;
  #droppedWritten = 0;
  #lookUps = 0;
  #second = 0;
  /** Who was identified in this second: never more than may be looked up. */
  readonly #seen = new Map<number, Actor>();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** In the order of first sight. */
  get violations(): readonly Violation[] {
    return [...this.#entries.values()].map(({ violation }) => violation);
  }

  /** Denials that belong to none of `violations`, because there were too many different ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The id of the violation that it counts for; undefined when it was dropped. */
  record(observed: Denial): string | undefined {
    const denial = boundDenial(observed);
    const known = denial.actor?.program === undefined ? this.#identify(denial.actor) : denial.actor;
    const key = this.#keyOf(denial, known?.program);
    const entry = this.#entries.get(key);
    return entry ? this.#count(entry) : this.#add(key, denial, known);
  }

  /** Writes what has not been written of the counts. Nothing is recorded afterwards. */
  close(): void {
    for (const entry of this.#entries.values()) {
      if (entry.violation.count !== entry.written) this.#writeCount(entry);
    }
    if (this.#dropped !== this.#droppedWritten) this.#writeDropped();
  }

  #keyOf({ act, subject, rule, outcome }: Denial, program = ''): string {
    const origin =
      rule === undefined ? '' : `${rule.pattern} ${rule.access} ${rule.origin.scope} ${rule.origin.text}`;
    return [classOf(act), outcome, subject.kind, subjectKey(subject), program, origin].join('\0');
  }

  #count(entry: Entry): string {
    const { violation } = entry;
    entry.violation = { ...violation, count: violation.count + 1, last: this.#options.now() };
    if (isStep(entry.violation.count)) this.#writeCount(entry);
    return violation.id;
  }

  #add(key: string, denial: Denial, known: Actor | undefined): string | undefined {
    if (this.#entries.size >= MAX_DISTINCT || this.#characters >= MAX_CHARACTERS) {
      this.#dropped += 1;
      if (isStep(this.#dropped)) this.#writeDropped();
      return undefined;
    }
    const bounded =
      known === undefined ? denial : boundDenial({ ...denial, actor: this.#whole(denial, known) });
    this.#characters += sizeOf(bounded);
    const now = this.#options.now();
    const id = `b${this.#entries.size + 1}`;
    const risk = riskOf(bounded, this.#options.policy);
    const violation: Violation = { id, first: now, last: now, count: 1, denial: bounded, risk };
    this.#entries.set(key, { violation, written: 1 });
    this.#options.write({ kind: 'violation', violation });
    return id;
  }

  /** The observer's word counts: by now the process may be another program, or gone. */
  #whole({ actor }: Denial, known: Actor): Actor {
    if (actor?.program === undefined) return known;
    const looked = this.#identify(actor);
    return looked?.program === actor.program ? { ...looked, ...actor } : actor;
  }

  #identify(actor: Actor | undefined): Actor | undefined {
    const { identify, now } = this.#options;
    if (!identify || !actor?.pid) return actor;
    const second = Math.floor(now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lookUps = 0;
      this.#seen.clear();
    }
    this.#lookUps += 1;
    // In a flood a process is what it was a moment ago: else one violation would become two, of a program and of nobody.
    if (this.#lookUps > LOOK_UPS_PER_SECOND) return this.#seen.get(actor.pid) ?? actor;
    const known = identify(actor.pid);
    if (known) this.#seen.set(actor.pid, known);
    return known ?? actor;
  }

  #writeCount(entry: Entry): void {
    const { id, count, last } = entry.violation;
    entry.written = count;
    this.#options.write({ kind: 'violation-count', id, count, last });
  }

  #writeDropped(): void {
    this.#droppedWritten = this.#dropped;
    this.#options.write({ kind: 'violations-dropped', count: this.#dropped });
  }
}

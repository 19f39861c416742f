/** The paths that are open in a session that runs: until when, and whether somebody used them. */
import type { Launcher } from '../platform/linux/launcher.ts';
import { isWithin } from '../policy/paths.ts';
import type { PathRule } from '../policy/types.ts';
import type { Risk } from '../violations/types.ts';
import { programInside } from './actor.ts';
import type { SessionEvent } from './event-log.ts';
import type { Lasting } from './live-grants.ts';
import { openPaths } from './open-paths.ts';
import type { PathTree, ShownPath } from './path-showing.ts';

export type PathAccess = 'read' | 'write';

export interface GrantedPath {
  /** Where the path leads, which is what was opened. */
  readonly path: string;
  readonly access: PathAccess;
  /** `already`: the settings, or an earlier grant, open it. */
  readonly state: 'opened' | 'already';
  readonly lasts: Lasting['kind'];
  /** ISO 8601. */
  readonly until?: string;
  readonly risk: Risk;
}

export type HeldPath = Omit<GrantedPath, 'state' | 'risk'>;

/** `replaced`: by a newer word about the same path. */
export type Ending = 'revoked' | 'expired' | 'replaced' | 'used';

export interface Grant {
  readonly shown: ShownPath;
  readonly rules: readonly PathRule[];
  readonly told: HeldPath;
  /** What is mounted for it; undefined: nothing is. */
  readonly tree: PathTree | undefined;
}

export interface Held extends Grant {
  readonly timers: readonly NodeJS.Timeout[];
  /** Acts that were done for it. */
  writes: number;
  /** It ends: nothing is written for it any more, also where it cannot be hidden yet. */
  over: boolean;
}

export interface HeldPathsOptions {
  readonly launcher: Pick<Launcher, 'pid'>;
  readonly append: (event: SessionEvent) => void;
  /** Hides it. May reject; then it is asked again. */
  readonly end: (held: Held, why: Ending) => Promise<void>;
}

const AGAIN_MS = 5000;
/** Milliseconds after a grant at which it is looked whether something inside has opened what it shows. */
const LOOKS = [500, 2000, 5000, 15_000, 60_000] as const;

export class HeldPaths {
  readonly #options: HeldPathsOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: HeldPathsOptions) {
    this.#options = options;
  }

  get all(): readonly Held[] {
    return [...this.#held.values()];
  }

  get(path: string): Held | undefined {
    return this.#held.get(path);
  }

  isHeld(held: Held): boolean {
    return this.#held.get(held.shown.path) === held;
  }

  /** In place of what was held of the same path. */
  hold(grant: Grant, lasting: Lasting): Held {
    const { path } = grant.told;
    const timers = LOOKS.map((due) => setTimeout(() => this.#look(held), due));
    if (lasting.kind === 'for') timers.push(setTimeout(() => this.#end(held, 'expired'), lasting.ms));
    for (const timer of timers) timer.unref();
    const held: Held = { ...grant, timers, writes: 0, over: false };
    const before = this.#held.get(path);
    if (before !== undefined) stopTimers(before);
    this.#held.set(path, held);
    return held;
  }

  /** What is lent: nothing is looked for, and nothing ends by itself. */
  put(held: Held): void {
    this.#held.set(held.told.path, held);
  }

  drop(held: Held, why: Ending): void {
    const { told, writes } = held;
    stopTimers(held);
    this.#held.delete(told.path);
    const { append } = this.#options;
    append({ kind: 'grant-ended', path: told.path, why, ...(told.access === 'write' && { writes }) });
  }

  /** This process has opened what was lent, or had something written. Ends in this very turn what is for one use. */
  used(held: Held, seen: 'open' | 'write', pid: number): void {
    const { told, shown } = held;
    const { launcher, append } = this.#options;
    if (seen === 'write') held.writes += 1;
    if (held.writes > 1) return;
    stopLooks(held);
    const program = programInside(pid, launcher.pid);
    append({ kind: 'grant-used', path: told.path, seen, ...(program !== undefined && { program }) });
    if (shown.lent) this.drop(held, 'used');
    else if (told.lasts === 'once') this.#end(held, 'used');
  }

  close(): void {
    for (const held of this.#held.values()) stopTimers(held);
    this.#held.clear();
  }

  /** What could not be taken away is shown still: that is told, and tried again. */
  #end(held: Held, why: Ending): void {
    held.over = true;
    const { end, append } = this.#options;
    void end(held, why).catch((error: Error) => {
      append({ kind: 'grant-not-ended', path: held.told.path, why: error.message });
      setTimeout(() => this.#end(held, why), AGAIN_MS).unref();
    });
  }

  #look(held: Held): void {
    const { launcher, append } = this.#options;
    const { path } = held.told;
    if (launcher.pid === undefined || ![...openPaths(launcher.pid)].some((open) => isWithin(open, path)))
      return;
    stopLooks(held);
    append({ kind: 'grant-used', path, seen: 'open' });
  }
}

function stopLooks({ timers }: Held): void {
  timers.slice(0, LOOKS.length).forEach(clearTimeout);
}

function stopTimers({ timers }: Held): void {
  timers.forEach(clearTimeout);
}

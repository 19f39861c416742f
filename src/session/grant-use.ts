/**
 * Notes which granted paths of the settings a session was seen to use. What is granted is bind-mounted and runs at native
 * speed, so no use of it is reported by anybody: now and then it is looked at what the sandbox's processes have open, and
 * at the end whether the granted place changed. Both prove use; neither can prove that there was none.
 */
import { statSync } from 'node:fs';
import type { Decider } from '../policy/decide.ts';
import { isWithin } from '../policy/paths.ts';
import type { PathRule, Policy } from '../policy/types.ts';
import type { SessionEvent } from './event-log.ts';

/** Milliseconds after the start: early and often for short runs, so rarely for long ones that it never shows. */
const LOOKS = [250, 1000, 3000, 10_000] as const;
const LATER = 30_000;

export interface GrantUseOptions {
  /** As enforced. */
  readonly policy: Pick<Policy, 'rules'>;
  readonly decider: Decider;
  /** Process whose descendants are the sandbox. */
  readonly launcher: () => number | undefined;
  readonly append: (event: SessionEvent) => void;
}

function placeOf(rule: PathRule): string {
  return rule.resolved ?? rule.pattern;
}

/** What stands in a settings file: a flag is given anew with every run, and its use is nothing to look back on. */
function isWatched({ category, access, origin, untrusted }: PathRule): boolean {
  return category === 'setting' && access !== 'none' && origin.file !== undefined && !untrusted;
}

function hasChanged(rule: PathRule, since: number): boolean {
  if (rule.access !== 'write') return false;
  try {
    const { mtimeMs, ctimeMs } = statSync(placeOf(rule));
    return Math.max(mtimeMs, ctimeMs) >= since;
  } catch {
    // Gone, or not to be seen: nothing is known of it.
    return false;
  }
}

export class GrantUse {
  readonly #options: GrantUseOptions;
  readonly #watched: ReadonlySet<PathRule>;
  readonly #open = new Set<PathRule>();
  readonly #started = Date.now();
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GrantUseOptions) {
    this.#options = options;
    this.#watched = new Set(options.policy.rules.filter((rule) => !rule.glob && isWatched(rule)));
  }

  /** Without a grant to watch nothing is ever looked at. */
  start(): void {
    if (this.#watched.size === this.#open.size) return;
    const due = LOOKS[this.#looks] ?? LATER;
    const before = LOOKS[this.#looks - 1] ?? 0;
    this.#timer = setTimeout(
      // A look that fails has seen nothing: no guarantee rests on it, and the run must not end for it.
      () => this.#look().catch(() => {}),
      due > before ? due - before : due,
    );
    this.#timer.unref();
  }

  /** Call once, when nothing inside runs any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const paths = [...this.#watched].flatMap((rule) => {
      const open = this.#open.has(rule);
      const changed = hasChanged(rule, this.#started);
      const seen = { ...(open && { open }), ...(changed && { changed }) };
      return open || changed ? [{ pattern: rule.pattern, ...seen }] : [];
    });
    if (paths.length > 0) this.#options.append({ kind: 'grant-use', looks: this.#looks, paths });
  }

  async #look(): Promise<void> {
    const launcher = this.#options.launcher();
    const due = this.#timer;
    if (launcher === undefined) return;
    const { openPaths } = await import('./open-paths.ts');
    if (this.#timer !== due) return;
    for (const path of openPaths(launcher)) this.#note(path);
    this.#looks += 1;
    this.start();
  }

  #note(path: string): void {
    if (![...this.#watched].some((rule) => isWithin(path, placeOf(rule)))) return;
    const { decider } = this.#options;
    // A protection beneath a grant only takes away: what is open there is open by the grant.
    const deciding = decider.candidates(path).find(({ rule }) => rule.category !== 'host-run')?.rule;
    if (deciding !== undefined && this.#watched.has(deciding)) this.#open.add(deciding);
  }
}

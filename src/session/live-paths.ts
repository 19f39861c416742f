/** Files and directories that were opened while a session runs, and until when. Loaded at the first grant. */
import { SandboxError } from '../errors.ts';
import { kindOf } from '../host/existing.ts';
import { followLinks } from '../host/symlinks.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { standingOf } from '../platform/linux/live-mounts.ts';
import type { Plan } from '../platform/linux/plan.ts';
import type { TripwireServer } from '../platform/linux/tripwire/server.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { isWithin } from '../policy/paths.ts';
import type { PathRule, Policy } from '../policy/types.ts';
import type { Risk } from '../violations/types.ts';
import { programInside } from './actor.ts';
import type { SessionEvent } from './event-log.ts';
import { type GrantSource, type Lasting, refuseLasting } from './live-grants.ts';
import { openPaths } from './open-paths.ts';
import { type Judgement, judgeLivePath, ruleFor } from './path-judgement.ts';
import { nextRun, noOnce, refused, unknown } from './path-refusals.ts';
import { PathShowing, type ShownPath, stepsFor } from './path-showing.ts';

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

interface Held {
  readonly shown: ShownPath;
  readonly rule: PathRule;
  readonly told: HeldPath;
  readonly expiry: NodeJS.Timeout | undefined;
  looks: readonly NodeJS.Timeout[];
}

export interface LivePathsOptions {
  /** As enforced. */
  readonly policy: Policy;
  readonly facts: HostFacts;
  readonly plan: Plan;
  readonly launcher: Pick<Launcher, 'calls' | 'pid'>;
  readonly tripwire: TripwireServer | undefined;
  readonly append: (event: SessionEvent) => void;
}

const UNSEEN = 'there nobody sees that it is opened, so it could not be closed after the first time';
const ENTERED = 'only a file is: of what a directory holds each name is opened by itself';

/** Each is looked for in every decision about another. */
const MOST = 256;
const AGAIN_MS = 5000;
/** Milliseconds after a grant at which it is looked whether something inside has opened what it shows. */
const LOOKS = [500, 2000, 5000, 15_000, 60_000] as const;

export class LivePaths {
  readonly #options: LivePathsOptions;
  readonly #showing: PathShowing;
  readonly #held = new Map<string, Held>();
  /** One change at a time: each is judged by what those before it left. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(options: LivePathsOptions) {
    this.#options = options;
    this.#showing = new PathShowing(options.launcher, options.tripwire);
  }

  get paths(): readonly HeldPath[] {
    return [...this.#held.values()].map(({ told }) => told);
  }

  /**
   * Shows a path of the host to programs that run already. Granted again, the newer word counts. Rejects with
   * ERR_GRANT_REFUSED for what somebody denied on purpose and for what only the next run can show, ERR_USAGE for no time.
   */
  allow(path: string, access: PathAccess, lasting: Lasting, by: GrantSource): Promise<GrantedPath> {
    return this.#inTurn(() => this.#allow(path, access, lasting, by));
  }

  /** Why this path, which has no link in it, cannot be opened now; undefined where it can. */
  refusalOf(path: string, access: PathAccess): SandboxError | undefined {
    try {
      this.#judge(path, access);
      return undefined;
    } catch (error) {
      if (error instanceof SandboxError) return error;
      throw error;
    }
  }

  /** Whether this path, which has no link in it, can be opened for one open. */
  canBeOnce(path: string): boolean {
    const kind = kindOf(path);
    const standing = standingOf(this.#options.plan, path);
    return kind !== undefined && this.#showing.canLend({ path, kind, standing });
  }

  /** Hides it again; what is open stays open. Rejects with ERR_GRANT_UNKNOWN for what no live grant shows. */
  revoke(path: string): Promise<{ readonly path: string }> {
    return this.#inTurn(async () => {
      const resolved = this.#held.has(path) ? path : followLinks(path).path;
      const held = this.#held.get(resolved);
      if (held === undefined) throw unknown(path, [...this.#held.keys()]);
      await this.#end(held, 'revoked');
      return { path: resolved };
    });
  }

  close(): void {
    for (const held of this.#held.values()) stopTimers(held);
    this.#held.clear();
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#before.then(change);
    this.#before = turn.catch(() => {});
    return turn;
  }

  async #allow(text: string, access: PathAccess, lasting: Lasting, by: GrantSource): Promise<GrantedPath> {
    refuseLasting(text, lasting);
    const found = this.#judge(text, access);
    if (lasting.kind === 'once') return await this.#lend(found, access, by);
    const { policy, facts, append } = this.#options;
    const { path } = found.shown;
    const until = lasting.kind === 'for' ? new Date(Date.now() + lasting.ms).toISOString() : undefined;
    const told: HeldPath = { path, access, lasts: lasting.kind, ...(until && { until }) };
    const lent = this.#held.get(path)?.shown.lent;
    if (lent) await this.#end(this.#held.get(path)!, 'replaced');
    const held = this.#held.get(path);
    if (held === undefined && found.allowed && !lent) {
      return { path, access, state: 'already', lasts: 'session', risk: found.risk };
    }
    const rule = held?.rule ?? ruleFor(text, path, access);
    if (held === undefined) {
      const rules = [...this.#policy().rules, rule];
      const { steps, cutShort } = stepsFor({ ...policy, rules }, facts, found.shown);
      if (cutShort)
        throw nextRun(path, access, 'it holds more than can be looked through for what is denied');
      await this.#mount(found.shown, steps, access);
    }
    if (held !== undefined) stopTimers(held);
    this.#hold(found.shown, rule, told, lasting);
    append({
      kind: 'grant',
      path,
      access,
      by,
      lasts: lasting.kind,
      ...(until && { until }),
      risk: found.risk,
    });
    return { ...told, state: 'opened', risk: found.risk };
  }

  /** For one open. */
  async #lend(
    { shown, allowed, risk }: Judgement,
    access: PathAccess,
    by: GrantSource,
  ): Promise<GrantedPath> {
    const { path, kind } = shown;
    const told: HeldPath = { path, access, lasts: 'once' };
    const before = this.#held.get(path);
    if (before === undefined && allowed) return { path, access, state: 'already', lasts: 'session', risk };
    if (!this.#showing.canLend(shown)) throw noOnce(path, kind === 'file' ? UNSEEN : ENTERED);
    if (before !== undefined) await this.#end(before, 'replaced');
    this.#refuseMany(path);
    const lent: ShownPath = { ...shown, lent: true };
    const held = { shown: lent, rule: ruleFor(path, path, access), told, expiry: undefined, looks: [] };
    try {
      await this.#showing.lend(lent, (pid) => this.#used(held, pid));
    } catch (cause) {
      throw refused(path, `it cannot be read: ${(cause as Error).message}`, 'Look at it from outside', cause);
    }
    this.#held.set(path, held);
    this.#options.append({ kind: 'grant', path, access, by, lasts: 'once', risk });
    return { ...told, state: 'opened', risk };
  }

  /** In this very turn the next open is refused already. */
  #used(held: Held, pid: number): void {
    const { path } = held.shown;
    const { launcher, append } = this.#options;
    const program = programInside(pid, launcher.pid);
    append({ kind: 'grant-used', path, seen: 'open', ...(program !== undefined && { program }) });
    this.#held.delete(path);
    append({ kind: 'grant-ended', path, why: 'used' });
  }

  #refuseMany(path: string): void {
    if (this.#held.size < MOST) return;
    throw refused(path, `${MOST} paths are open already`, 'Revoke some: pinfold revoke PATH');
  }

  async #mount(
    shown: ShownPath,
    steps: Parameters<PathShowing['show']>[1],
    access: PathAccess,
  ): Promise<void> {
    this.#refuseMany(shown.path);
    try {
      await this.#showing.show(shown, steps);
    } catch (cause) {
      throw nextRun(shown.path, access, `the kernel did not mount it: ${(cause as Error).message}`, cause);
    }
  }

  #hold(shown: ShownPath, rule: PathRule, told: HeldPath, lasting: Lasting): void {
    // What could not be taken away is open still: that is told, and tried again.
    const still = (error: Error) => {
      this.#options.append({ kind: 'grant-not-ended', path: shown.path, why: error.message });
      setTimeout(expire, AGAIN_MS).unref();
    };
    const expire = () => void this.#inTurn(() => this.#end(held, 'expired')).catch(still);
    const expiry = lasting.kind === 'for' ? setTimeout(expire, lasting.ms) : undefined;
    const looks = LOOKS.map((due) => setTimeout(() => this.#look(held), due));
    for (const timer of [...looks, ...(expiry ? [expiry] : [])]) timer.unref();
    const held: Held = { shown, rule, told, expiry, looks };
    this.#held.set(shown.path, held);
  }

  #look(held: Held): void {
    const { launcher, append } = this.#options;
    const { path } = held.shown;
    if (launcher.pid === undefined || ![...openPaths(launcher.pid)].some((open) => isWithin(open, path)))
      return;
    held.looks.forEach(clearTimeout);
    held.looks = [];
    append({ kind: 'grant-used', path, seen: 'open' });
  }

  async #end(held: Held, why: 'revoked' | 'expired' | 'replaced'): Promise<void> {
    const { path } = held.shown;
    if (this.#held.get(path) !== held) return;
    await this.#showing.hide(held.shown);
    stopTimers(held);
    this.#held.delete(path);
    this.#options.append({ kind: 'grant-ended', path, why });
  }

  #judge(text: string, access: PathAccess): Judgement {
    const { plan } = this.#options;
    return judgeLivePath(text, access, { policy: this.#policy(), plan, open: [...this.#held.keys()] });
  }

  /** With what is open by now. */
  #policy(): Policy {
    const { policy } = this.#options;
    return { ...policy, rules: [...policy.rules, ...[...this.#held.values()].map(({ rule }) => rule)] };
  }
}

function stopTimers({ expiry, looks }: Held): void {
  clearTimeout(expiry);
  looks.forEach(clearTimeout);
}

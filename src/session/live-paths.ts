/** Files and directories that were opened while a session runs, and until when. Loaded at the first grant. */
import { SandboxError } from '../errors.ts';
import { kindOf } from '../host/existing.ts';
import { followLinks } from '../host/symlinks.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { standingOf } from '../platform/linux/live-mounts.ts';
import type { Plan } from '../platform/linux/plan.ts';
import type { TripwireServer } from '../platform/linux/tripwire/server.ts';
import { Decider } from '../policy/decide.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { isWithin } from '../policy/paths.ts';
import type { Policy } from '../policy/types.ts';
import type { SessionEvent } from './event-log.ts';
import {
  type Ending,
  type Grant,
  type GrantedPath,
  type Held,
  type HeldPath,
  HeldPaths,
  type PathAccess,
} from './held-paths.ts';
import { type GrantSource, type Lasting, refuseLasting } from './live-grants.ts';
import { type Judgement, judgeLivePath, rulesFor } from './path-judgement.ts';
import { nextRun, noOnce, refused, unknown } from './path-refusals.ts';
import { PathShowing, type ShownPath, treeOf } from './path-showing.ts';
import type { WritablePlaces } from './writable-places.ts';

export interface LivePathsOptions {
  /** As enforced. */
  readonly policy: Policy;
  readonly facts: HostFacts;
  readonly plan: Plan;
  readonly launcher: Pick<Launcher, 'calls' | 'pid'>;
  readonly tripwire: TripwireServer | undefined;
  /** Where the supervisor finds what may be written. */
  readonly writable: WritablePlaces;
  readonly append: (event: SessionEvent) => void;
}

const UNSEEN = 'there nobody sees that it is opened, so it could not be closed after the first time';
const ENTERED = 'only a file is: of what a directory holds each name is opened by itself';
const UNREAD = 'it is hidden, and would be shown until somebody writes it';

/** Each is looked for in every decision about another. */
const MOST = 256;

export class LivePaths {
  readonly #options: LivePathsOptions;
  readonly #showing: PathShowing;
  readonly #held: HeldPaths;
  /** One change at a time: each is judged by what those before it left. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(options: LivePathsOptions) {
    this.#options = options;
    this.#showing = new PathShowing(options.launcher, options.tripwire);
    const { launcher, append } = options;
    const end = (held: Held, why: Ending) => this.#inTurn(() => this.#end(held, why));
    this.#held = new HeldPaths({ launcher, append, end });
  }

  get paths(): readonly HeldPath[] {
    return this.#held.all.map(({ told }) => told);
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
  canBeOnce(path: string, access: PathAccess): boolean {
    const kind = kindOf(path);
    const standing = standingOf(this.#options.plan, path);
    if (access === 'write') return kind === 'file' && this.#isRead(path);
    return kind !== undefined && this.#showing.canLend({ path, kind, standing });
  }

  /** Hides it again; what is open stays open. Rejects with ERR_GRANT_UNKNOWN for what no live grant shows. */
  revoke(path: string): Promise<{ readonly path: string }> {
    return this.#inTurn(async () => {
      const held = this.#held.get(path) ?? this.#held.get(followLinks(path).path);
      if (held === undefined) throw unknown(path, this.#open);
      await this.#end(held, 'revoked');
      return { path: held.told.path };
    });
  }

  close(): void {
    this.#held.close();
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#before.then(change);
    this.#before = turn.catch(() => {});
    return turn;
  }

  async #allow(text: string, access: PathAccess, lasting: Lasting, by: GrantSource): Promise<GrantedPath> {
    refuseLasting(text, lasting);
    const found = this.#judge(text, access);
    const { path } = found.shown;
    if (lasting.kind === 'once' && access === 'read') return await this.#lend(found, by);
    if (lasting.kind === 'once' && !this.canBeOnce(path, access))
      throw noOnce(path, found.shown.kind === 'file' ? UNREAD : ENTERED);
    const until = lasting.kind === 'for' ? new Date(Date.now() + lasting.ms).toISOString() : undefined;
    const told: HeldPath = { path, access, lasts: lasting.kind, ...(until && { until }) };
    const before = this.#held.get(path);
    if (before === undefined && found.allowed) {
      return { path, access, state: 'already', lasts: 'session', risk: found.risk };
    }
    // What is shown to be read is shown anew to be written, and the other way round.
    const isOther = before !== undefined && (before.shown.lent || before.told.access !== access);
    if (isOther) await this.#end(before, 'replaced');
    const isShown = before !== undefined && !isOther;
    if (!isShown) await this.#endWithin(path, 'replaced');
    const grant = !isShown ? await this.#show(text, access, found.shown) : before;
    const held = this.#held.hold({ ...grant, told }, lasting);
    if (access === 'write') this.#openToWrite(held);
    const lasts = { lasts: lasting.kind, ...(until && { until }) };
    this.#options.append({ kind: 'grant', path, access, by, ...lasts, risk: found.risk });
    return { ...told, state: 'opened', risk: found.risk };
  }

  async #show(text: string, access: PathAccess, shown: ShownPath): Promise<Omit<Grant, 'told'>> {
    const { policy, facts } = this.#options;
    const { path } = shown;
    const rules = rulesFor(text, path, access, facts);
    const tree = treeOf({ ...policy, rules: [...this.#policy().rules, ...rules] }, facts, shown);
    if (tree.cutShort)
      throw nextRun(path, access, 'it holds more than can be looked through for what is denied');
    this.#refuseMany(path);
    try {
      await this.#showing.show(shown, tree.steps);
    } catch (cause) {
      throw nextRun(path, access, `the kernel did not mount it: ${(cause as Error).message}`, cause);
    }
    return { shown, rules, tree };
  }

  /** For one open. */
  async #lend({ shown, allowed, risk }: Judgement, by: GrantSource): Promise<GrantedPath> {
    const { path, kind } = shown;
    const access = 'read';
    const told: HeldPath = { path, access, lasts: 'once' };
    const before = this.#held.get(path);
    if (before === undefined && allowed) return { path, access, state: 'already', lasts: 'session', risk };
    if (!this.#showing.canLend(shown)) throw noOnce(path, kind === 'file' ? UNSEEN : ENTERED);
    if (before !== undefined) await this.#end(before, 'replaced');
    this.#refuseMany(path);
    const lent: ShownPath = { ...shown, lent: true };
    const rules = rulesFor(path, path, access, this.#options.facts);
    const held = { ...{ shown: lent, rules, told }, tree: undefined, timers: [], writes: 0, over: false };
    try {
      await this.#showing.lend(lent, (pid) => this.#held.used(held, 'open', pid));
    } catch (cause) {
      throw refused(path, `it cannot be read: ${(cause as Error).message}`, 'Look at it from outside', cause);
    }
    this.#held.put(held);
    this.#options.append({ kind: 'grant', path, access, by, lasts: 'once', risk });
    return { ...told, state: 'opened', risk };
  }

  #refuseMany(path: string): void {
    if (this.#held.all.length < MOST) return;
    throw refused(path, `${MOST} paths are open already`, 'Revoke some: pinfold revoke PATH');
  }

  #openToWrite(held: Held): void {
    const { shown, tree } = held;
    if (tree === undefined) return;
    const { path, kind } = shown;
    const { until } = held.told;
    const end = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
    // Timers do not run while a machine sleeps.
    const isOpen = () => this.#held.isHeld(held) && !held.over && Date.now() < end;
    const used = (pid: number) => this.#held.used(held, 'write', pid);
    this.#options.writable.open({ ...tree.writable, path, kind, isOpen, used });
  }

  async #end(held: Held, why: Ending): Promise<void> {
    if (!this.#held.isHeld(held)) return;
    const { path } = held.told;
    held.over = true;
    // What was opened within is mounted on it, and would go with it unsaid.
    await this.#endWithin(path, why);
    await this.#showing.hide(held.shown);
    if (held.told.access === 'write') this.#options.writable.close(path);
    this.#held.drop(held, why);
  }

  async #endWithin(path: string, why: Ending): Promise<void> {
    for (const inner of this.#held.all) {
      if (inner.told.path !== path && isWithin(inner.told.path, path)) await this.#end(inner, why);
    }
  }

  get #open(): string[] {
    return this.#held.all.map(({ told }) => told.path);
  }

  #isRead(path: string): boolean {
    return new Decider(this.#policy()).decide(path, 'read').allowed;
  }

  #judge(text: string, access: PathAccess): Judgement {
    const { plan } = this.#options;
    return judgeLivePath(text, access, { policy: this.#policy(), plan, open: this.paths });
  }

  /** With what is open by now. */
  #policy(): Policy {
    const { policy } = this.#options;
    return {
      ...policy,
      rules: [...policy.rules, ...this.#held.all.flatMap(({ rules: opened }) => opened)],
    };
  }
}

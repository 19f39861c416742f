/** Turns refusals into questions for whoever answers for the sandbox, and opens what the answer says. Loaded where somebody does. */
import { existsSync } from 'node:fs';
import { followLinks } from '../host/symlinks.ts';
import type { Waiter } from '../network/waiter.ts';
import { decide } from '../policy/decide.ts';
import { isNetworkRefused, judgeLiveHost } from '../policy/live-host.ts';
import { isWithin, parentOf } from '../policy/paths.ts';
import type { Policy } from '../policy/types.ts';
import { accessFor } from '../violations/acts.ts';
import { boundSubject } from '../violations/bounds.ts';
import { grantFor } from '../violations/grant.ts';
import type { AccessRequest } from '../violations/requests.ts';
import { riskOf } from '../violations/risk.ts';
import type { Act, Actor, Denial, Risk, Subject } from '../violations/types.ts';
import type { SessionEvent } from './event-log.ts';
import type { Lasting } from './live-grants.ts';
import { Pace } from './question-pace.ts';
import type { OpenGrants } from './run-events.ts';
import { watchThread } from './waiting-thread.ts';

export interface Question {
  /** `q1`: unique in its session, in the order of asking. */
  readonly id: string;
  readonly want: 'read' | 'write' | 'connect';
  /** What a yes opens: a path with all beneath it, or a host at one port. */
  readonly subject: Exclude<Subject, { kind: 'socket' | 'syscall' }>;
  /** Who tried, and waits; its words were chosen inside. Absent where it is not known, and where `reason` is there. */
  readonly actor?: Actor;
  /** Nothing was tried: the inside asks (`pinfold request`), and says why. Its own words. */
  readonly reason?: string;
  /** What a yes would mean. */
  readonly risk: Risk;
  /** Whether it can be opened for one use. */
  readonly once: boolean;
}

export type Answer = Lasting | { readonly kind: 'no' };

/** `gone`: nobody waits for the answer any more, or for too long. What it rejects with counts as no. */
export type Ask = (question: Question, gone: AbortSignal) => Promise<Answer>;

export interface QuestionsOptions {
  /** As enforced. */
  readonly policy: Policy;
  readonly ask: Ask;
  readonly grants: () => Promise<OpenGrants>;
  readonly append: (event: SessionEvent) => void;
  /** What the host knows of a process of the sandbox. */
  readonly identify: (pid: number) => Actor | undefined;
}

type Wanted = Omit<Question, 'id' | 'once' | 'actor'> & { readonly pid: number | undefined };

/** Of a request from inside, which nobody waits for. */
const NOBODY: Waiter = {
  aborted: false,
  reason: undefined,
  throwIfAborted() {},
  addEventListener() {},
  removeEventListener() {},
};

/** Milliseconds for an answer; whoever tried waits as long. */
const PATIENCE = 120_000;

export class Questions {
  readonly #options: QuestionsOptions;
  readonly #pace = new Pace();
  /** What is asked or waits to be, by its key: whoever tries the same waits for the same answer. */
  readonly #open = new Map<string, Promise<boolean>>();
  readonly #refusedPaths: string[] = [];
  readonly #refusedHosts = new Set<string>();
  readonly #closing = new AbortController();
  /** One question at a time. */
  #before: Promise<unknown> = Promise.resolve();
  #asked = 0;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /**
   * Undefined: nothing to ask, and it stays refused. Else resolves with whether it is open now; never rejects. `waiter`: of
   * whoever tried.
   */
  put(denial: Denial, waiter: Waiter, reason?: string): Promise<boolean> | undefined {
    const found = this.#closing.signal.aborted ? undefined : this.#wanted(denial);
    if (found === undefined) return undefined;
    const wanted = reason === undefined ? found : { ...found, reason };
    const key = JSON.stringify([wanted.want, wanted.subject]);
    const open = this.#open.get(key);
    if (open !== undefined) return open;
    if (!this.#pace.admits(this.#open.size, Date.now())) {
      if (this.#pace.isNews()) this.#options.append({ kind: 'questions-held-back' });
      return undefined;
    }
    const answered = this.#before
      .then(() => this.#decide(wanted, waiter))
      .catch(() => false)
      .finally(() => this.#open.delete(key));
    this.#before = answered;
    this.#open.set(key, answered);
    return answered;
  }

  /** The same for a thread that waits in the kernel, by its number on the host. */
  putFor(thread: number, denial: Denial): Promise<boolean> | undefined {
    const { waiter, stop } = watchThread(thread);
    const opened = this.put(denial, waiter);
    if (opened === undefined) stop();
    return opened?.finally(stop);
  }

  /** What the inside asks for in words is asked about as if it had been tried. */
  request({ want, subject, reason = '' }: AccessRequest): void {
    const { rule } = subject.kind === 'path' ? decide(this.#options.policy, subject.path, 'read') : {};
    const refused = { act: want, subject, observer: 'supervisor', outcome: 'refused' } as const;
    void this.put({ ...refused, ...(rule && { rule }) }, NOBODY, reason);
  }

  /** Whether a connection to this host would be asked about. */
  hears(host: string): boolean {
    const { policy } = this.#options;
    if (isNetworkRefused(policy)) return false;
    if (this.#refusedHosts.has(host) || this.#closing.signal.aborted) return false;
    return judgeLiveHost(host.includes(':') ? `[${host}]` : host, policy).kind === 'may-open';
  }

  /** Whoever waits is refused. */
  close(): void {
    this.#closing.abort();
  }

  #wanted(denial: Denial): Wanted | undefined {
    const { policy } = this.#options;
    const asked = wouldPass(denial, policy);
    return asked && this.#wantedOf(asked);
  }

  #wantedOf(denial: Denial): Wanted | undefined {
    const { policy } = this.#options;
    const { subject, actor } = denial;
    const grant = grantFor(denial, policy, existsSync);
    if (subject.kind === 'socket' || subject.kind === 'syscall' || grant.kind === 'none' || !grant.live)
      return undefined;
    const risk = riskOf(denial, policy);
    const pid = actor?.pid;
    if (subject.kind === 'host') {
      return this.hears(subject.host) ? { want: 'connect', subject, risk, pid } : undefined;
    }
    const { path } = subject;
    if (this.#refusedPaths.some((refused) => isWithin(path, refused))) return undefined;
    // Where a link leads is another place: what is opened there would not be found by this name.
    if (followLinks(path).path !== path) return undefined;
    return { want: accessFor(denial), subject, risk, pid };
  }

  async #decide(wanted: Wanted, waiter: Waiter): Promise<boolean> {
    const { grants, identify, append } = this.#options;
    const open = await grants();
    if (waiter.aborted || this.#closing.signal.aborted) return false;
    if (isOpen(wanted, open)) return true;
    const { pid, ...asked } = wanted;
    const { subject } = asked;
    if (subject.kind === 'path' && open.paths.refusalOf(subject.path, accessOf(wanted))) return false;
    this.#asked += 1;
    const actor = pid === undefined ? undefined : identify(pid);
    const once = subject.kind === 'host' || open.paths.canBeOnce(subject.path, accessOf(wanted));
    const question = { id: `q${this.#asked}`, ...asked, once, ...(actor && { actor }) };
    const { answer, why } = await this.#ask(question, waiter);
    const kept = { ...question, subject: boundSubject(subject) };
    append({ kind: 'question', question: kept, answer, ...(why !== undefined && { why }) });
    if (answer.kind === 'no') {
      if (!waiter.aborted) this.#remember(subject);
      return false;
    }
    return await this.#give(wanted, answer, open);
  }

  async #ask(question: Question, waiter: Waiter): Promise<{ answer: Answer; why?: string }> {
    const gone = new AbortController();
    const no = (why: string) => ({ answer: { kind: 'no' }, why }) as const;
    const cause = new Promise<{ answer: Answer; why?: string }>((resolve) => {
      const end = (why: string) => {
        resolve(no(why));
        gone.abort();
      };
      waiter.addEventListener('abort', () => end('nobody waits for it any more'), { once: true });
      this.#closing.signal.addEventListener('abort', () => end('the session has ended'), { once: true });
      const late = setTimeout(() => end('nobody answered in time'), PATIENCE);
      gone.signal.addEventListener('abort', () => clearTimeout(late), { once: true });
    });
    const answered = this.#options
      .ask(question, gone.signal)
      .then((answer) => ({ answer }))
      .catch((error: unknown) => no(`it could not be asked: ${(error as Error).message}`));
    const outcome = await Promise.race([cause, answered]);
    gone.abort();
    return outcome;
  }

  #remember(subject: Wanted['subject']): void {
    if (subject.kind === 'host') this.#refusedHosts.add(subject.host);
    else this.#refusedPaths.push(subject.path);
  }

  async #give(wanted: Wanted, lasting: Lasting, open: OpenGrants): Promise<boolean> {
    const { subject } = wanted;
    try {
      if (subject.kind === 'host') await open.grants.allow(patternOf(subject), lasting, 'ask');
      else await open.paths.allow(subject.path, accessOf(wanted), lasting, 'ask');
      return true;
    } catch (error) {
      // The refusal stands, and is recorded as one.
      this.#options.append({
        kind: 'grant-refused',
        subject: boundSubject(subject),
        why: (error as Error).message,
      });
      return false;
    }
  }
}

/** Acts that change the directory that they name something in. */
const OF_DIRECTORY: readonly Act[] = ['create', 'rename', 'remove', 'link'];

/** What would have to be opened for it to pass; undefined where that is open, and something else refuses it. */
function wouldPass(denial: Denial, policy: Policy): Denial | undefined {
  const { act, subject } = denial;
  if (subject.kind !== 'path' || !OF_DIRECTORY.includes(act)) return denial;
  const path = parentOf(subject.path);
  const { allowed, rule } = decide(policy, path, 'write', { directory: true });
  if (allowed) return undefined;
  const { rule: _named, ...rest } = denial;
  return { ...rest, act: 'write', subject: { kind: 'path', path }, ...(rule && { rule }) };
}

function accessOf({ want }: Wanted): 'read' | 'write' {
  return want === 'write' ? 'write' : 'read';
}

function patternOf({ host, port }: Extract<Subject, { kind: 'host' }>): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}

/** An answer before it may have opened this as well. */
function isOpen(wanted: Wanted, { grants, paths }: OpenGrants): boolean {
  const { subject, want } = wanted;
  if (subject.kind === 'host')
    return grants.hosts.some(({ host }) => host === subject.host || host === patternOf(subject));
  return paths.paths.some(
    ({ path, access }) => isWithin(subject.path, path) && (want !== 'write' || access === 'write'),
  );
}

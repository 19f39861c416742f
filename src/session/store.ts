/** Where sessions are kept: one directory each, with the policy, what became of it, and its log. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeForeignHands } from '../config/settings-file.ts';
import { SandboxError } from '../errors.ts';
import type { Enforcement, Weaker } from '../platform/backend.ts';
import { commandWithoutSecrets } from '../policy/secrets.ts';
import type { Mode, NetworkAccess, Policy } from '../policy/types.ts';
import { EventLog, type LogEnd, type SessionEvent } from './event-log.ts';
import { isRunning, type ProcessIdentity } from './process-identity.ts';
import { removeRemains } from './remains.ts';
import type { Ending } from './types.ts';

/** Ended sessions beyond these are forgotten, oldest first. */
const KEPT = 200;
/** Looked for once so many more have come together, so that most runs only count names. */
const PRUNE_SLACK = 20;

/** A terminal of the command's own, its standard input, or nothing at all (/dev/null). */
export type DetachedInput = 'terminal' | 'pipe' | 'none';

export interface SessionRecord {
  readonly version: 1;
  readonly id: string;
  readonly pinfold: ProcessIdentity;
  readonly launcher?: ProcessIdentity;
  /** Without the secrets that can be told. Empty: a program that uses the library. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly project: string;
  readonly mode: Mode;
  readonly network: NetworkAccess;
  readonly profile?: string;
  /** It goes on without whoever started it; what those who attach may type into. */
  readonly detached?: { readonly input: DetachedInput };
  readonly started: string;
  readonly ended?: string;
  readonly ending?: Ending | { readonly kind: 'failed'; readonly code: string };
  readonly breached?: true;
  /** What was refused: how many different acts, and how many in all. */
  readonly violations?: { readonly distinct: number; readonly count: number };
  /** How the log ended: without it, nobody could see that its end was cut off. */
  readonly log?: LogEnd;
  readonly enforcement?: readonly Enforcement[];
  /** What is missing, where the host gave no namespaces. */
  readonly weaker?: Weaker;
}

/** `lost`: neither Pinfold nor its launcher is there any more, and nobody wrote how it ended. */
export type SessionState = 'live' | 'ended' | 'lost';

export interface ListedSession extends SessionRecord {
  readonly state: SessionState;
  readonly directory: string;
}

export type SessionStart = Omit<SessionRecord, 'version' | 'id' | 'started' | 'ended' | 'ending'>;

/**
 * Sorts by time: nine letters of milliseconds in base 36 last until the year 5188. The rest tells twins apart; it is no
 * secret, and `create` takes another one where the name is taken.
 */
function makeId(now: number): string {
  const twin = Math.floor(Math.random() * 0x10000);
  return `${now.toString(36).padStart(9, '0')}${twin.toString(16).padStart(4, '0')}`;
}

/** Readers see the old text or the new one, never half. */
function writeWhole(path: string, data: unknown): void {
  const draft = `${path}.new`;
  writeFileSync(draft, `${JSON.stringify(data)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

/** SECURITY: whoever may write the directory could put another session in the place of one (attack M-19). */
function refuseForeignHands(directory: string): void {
  const rule = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() };
  const why = describeForeignHands(statSync(directory), rule);
  if (why !== undefined) throw new Error(`${directory}: ${why}`);
}

/** A session that this process runs. */
export class OpenSession {
  readonly id: string;
  readonly directory: string;
  #record: SessionRecord;
  readonly #log: EventLog;
  #visible = false;

  constructor(directory: string, record: SessionRecord) {
    this.id = record.id;
    this.directory = directory;
    this.#record = record;
    this.#log = new EventLog(join(directory, 'events.jsonl'));
  }

  /** Makes the session visible to others: from here on it is live. */
  started(launcher: ProcessIdentity | undefined): void {
    this.#record = { ...this.#record, ...(launcher !== undefined && { launcher }) };
    this.#save();
    // A launcher that could not make the boundary is followed by another.
    if (this.#visible) return;
    this.#visible = true;
    this.#log.append({ kind: 'started', argv: this.#record.argv, cwd: this.#record.cwd });
  }

  /** What holds the command, for whoever asks while it runs. */
  enforced(enforcement: readonly Enforcement[]): void {
    this.#record = { ...this.#record, enforcement };
    this.#save();
  }

  /** A mechanism was lost while it runs. */
  weakened(enforcement: readonly Enforcement[]): void {
    this.enforced(enforcement);
    const missing = enforcement.flatMap((each) => (each.state === 'partial' ? [each] : []));
    this.#log.append({ kind: 'weakened', enforcement: missing });
  }

  /** The boundary had to be made without namespaces. Saved with what comes next. */
  weaker(weaker: Weaker): void {
    this.#record = { ...this.#record, weaker };
    const { why, guarantees, losses } = weaker;
    this.#log.append({ kind: 'weaker', why, missing: guarantees.map(({ id }) => id), losses });
  }

  append(event: SessionEvent): void {
    this.#log.append(event);
  }

  /** Throws ERR_STATE_UNWRITABLE: what nobody could read later must not pass for a run like any other. */
  ended(end: Pick<SessionRecord, 'ending' | 'enforcement' | 'breached' | 'violations'>): void {
    try {
      this.#log.append({ kind: 'ended', ending: end.ending });
      const log = this.#log.close();
      this.#record = { ...this.#record, ...end, ended: new Date().toISOString(), log };
      this.#save();
    } catch (cause) {
      throw new SandboxError('ERR_STATE_UNWRITABLE', {
        what: 'Cannot record how the session ended',
        why: cause instanceof Error ? cause.message : String(cause),
        fix: `Free space for ${this.directory}; the command had run to its end, and the boundary held`,
        cause,
      });
    }
  }

  #save(): void {
    writeWhole(join(this.directory, 'session.json'), this.#record);
  }
}

export class SessionStore {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = join(stateDir, 'sessions');
  }

  /** Throws ERR_STATE_UNWRITABLE: a run that cannot be recorded is not started. */
  create(start: SessionStart, policy: Policy): OpenSession {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      for (const directory of [dirname(this.#directory), this.#directory]) refuseForeignHands(directory);
      const now = Date.now();
      const id = this.#makeDirectory(now);
      const directory = join(this.#directory, id);
      writeFileSync(join(directory, 'policy.json'), `${JSON.stringify(policy)}\n`, { mode: 0o600 });
      return new OpenSession(directory, {
        version: 1,
        id,
        started: new Date(now).toISOString(),
        ...start,
        argv: commandWithoutSecrets(start.argv),
      });
    } catch (cause) {
      throw new SandboxError('ERR_STATE_UNWRITABLE', {
        what: 'Cannot record the session',
        why: cause instanceof Error ? cause.message : String(cause),
        fix: `Make ${this.#directory} writable, or set XDG_STATE_HOME to a directory that is`,
        cause,
      });
    }
  }

  /** Makes a session's own directory and returns its name. */
  #makeDirectory(now: number): string {
    for (;;) {
      const id = makeId(now);
      try {
        mkdirSync(join(this.#directory, id), { mode: 0o700 });
        return id;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** Oldest first. */
  list(): ListedSession[] {
    return this.#names().flatMap((name) => this.#read(name) ?? []);
  }

  liveSessions(): ListedSession[] {
    return this.list().filter(({ state }) => state === 'live');
  }

  /** Forgets the oldest sessions that are over. Call when nobody waits. */
  prune(): void {
    const names = this.#names();
    if (names.length <= KEPT + PRUNE_SLACK) return;
    for (const name of names.slice(0, names.length - KEPT)) {
      // A live one stays; one without a record never started, or was left by a crash.
      if (this.#read(name)?.state === 'live') continue;
      try {
        // Does not follow links: what a quarantine holds was made inside.
        rmSync(join(this.#directory, name), { recursive: true, force: true });
      } catch {
        // Made too deep or unreadable inside; it stays, and must not keep the others, or a run, from going on.
      }
    }
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory)
        .filter((name) => /^[0-9a-z]{13}$/.test(name))
        .sort();
    } catch (error) {
      // No session was ever recorded.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  #read(name: string): ListedSession | undefined {
    const directory = join(this.#directory, name);
    try {
      const record: SessionRecord = JSON.parse(readFileSync(join(directory, 'session.json'), 'utf8'));
      const state = stateOf(record);
      // Nobody else is left who could.
      if (state === 'lost') removeRemains(directory);
      return { ...record, directory, state };
    } catch {
      // Being made, being pruned by another, or damaged: none of these is a session to speak of.
      return undefined;
    }
  }
}

function stateOf({ ended, pinfold, launcher }: SessionRecord): SessionState {
  if (ended !== undefined) return 'ended';
  return [pinfold, launcher].some((one) => one !== undefined && isRunning(one)) ? 'live' : 'lost';
}

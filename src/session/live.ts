/** A live session: one boundary that stays, and commands that are started in it one after another or side by side. */
import { SandboxError } from '../errors.ts';
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Enforcement } from '../platform/backend.ts';
import type { CommandPlan } from '../platform/linux/plan.ts';
import type { Denial } from '../violations/types.ts';
import type { LiveGrants } from './live-grants.ts';
import { hostPidOf, identify } from './process-identity.ts';
import {
  type CommandRecord,
  type LiveControl,
  type Planned,
  type RunEvents,
  type RunOptions,
  runInside,
} from './run.ts';
import { type OpenSession, SessionStore } from './store.ts';
import type { LoadedPolicy, RunOutcome } from './types.ts';

export interface CommandNews {
  readonly event: CommandRecord['event'] | 'lost';
  /** The process as it is numbered inside, an errno, an exit code or a signal. */
  readonly value: number;
}

export interface CommandEvents {
  /** `lost`: the whole session has ended, and the command with it. */
  onRecord(record: CommandNews): void;
  /** Our end of a pipe, as `net.Socket` takes it; `stream` is 0, 1 or 2. Undefined: it will never come. */
  onHandle(stream: number, handle: object | undefined): void;
}

export interface LiveOptions extends RunOptions {
  /** Of the process that holds the session. */
  readonly pid: number;
  /** Working directory of commands that name none; absolute. */
  readonly cwd: string;
  readonly onDenial?: (denial: Denial) => void;
  readonly onTraffic?: (traffic: Traffic) => void;
}

interface Tracked {
  readonly events: CommandEvents;
  /** Streams whose handle has not come yet. A handle and the end of its command may come in either order. */
  readonly awaited: Set<number>;
  over: boolean;
}

interface Parts {
  readonly planned: Planned;
  readonly record: OpenSession;
  readonly control: LiveControl;
  readonly enforcement: readonly Enforcement[];
  readonly grants: () => Promise<LiveGrants>;
}

const SIGKILL = 9;

export class LiveSession {
  readonly planned: Planned;
  readonly id: string;
  readonly enforcement: readonly Enforcement[];
  /** Resolves when nothing inside is left; rejects with a SandboxError when it ended otherwise than by `close`. */
  readonly ended: Promise<RunOutcome>;
  /** Opens and closes hosts. */
  readonly grants: () => Promise<LiveGrants>;
  readonly #control: LiveControl;
  readonly #record: OpenSession;
  readonly #commands = new Map<number, Tracked>();
  #next = 1;
  #closing = false;
  #gone = false;

  /** `openLive` makes it. */
  constructor(parts: Parts, ended: Promise<RunOutcome>) {
    this.planned = parts.planned;
    this.id = parts.record.id;
    this.enforcement = parts.enforcement;
    this.ended = ended;
    this.grants = parts.grants;
    this.#control = parts.control;
    this.#record = parts.record;
    this.#control.onHandle((message, handle) => this.#deliver(message, handle as object));
    // An idle session keeps nobody's event loop alive: with the process it ends by itself.
    this.#control.hold(false);
    ended.then(
      () => this.#killAll(),
      () => this.#killAll(),
    );
  }

  /**
   * Starts a command; what becomes of it is told to `events`. Returns what signals its process group. Throws
   * ERR_SANDBOX_CLOSED once the session has ended.
   */
  start(command: CommandPlan, events: CommandEvents): (signal: number) => void {
    if (this.#gone) throw sandboxClosed();
    const id = this.#next++;
    const awaited = new Set([0, 1, 2].filter((stream) => command.streams[stream] === 'pipe'));
    this.#control.command(id, command);
    this.#commands.set(id, { events, awaited, over: false });
    if (this.#commands.size === 1) this.#control.hold(true);
    return (signal) => {
      const tracked = this.#commands.get(id);
      if (tracked?.over === false) this.#control.signalCommand(id, signal);
    };
  }

  /** The host's number of the process that has `inner` inside; undefined once it has been reaped. */
  hostPid(inner: number): number | undefined {
    const { pid } = this.#control;
    return pid === undefined ? undefined : hostPidOf(pid, inner);
  }

  /** An event for the session's log. */
  append(event: { readonly kind: string; readonly [key: string]: unknown }): void {
    this.#record.append(event);
  }

  /** Ends everything inside. */
  close(): Promise<RunOutcome> {
    this.#closing = true;
    this.#control.hold(true);
    this.#control.signal('SIGTERM');
    return this.ended;
  }

  hear({ id, event, value }: CommandRecord): void {
    const tracked = this.#commands.get(id);
    if (!tracked) return;
    if (event !== 'started') tracked.over = true;
    tracked.events.onRecord({ event, value });
    // What never was has no use for its pipes: those on their way are closed when they come.
    if (event === 'failed') this.#giveUp(id, tracked);
    else this.#forget(id, tracked);
  }

  /** Until then this process is kept from ending: somebody waits for what is to come. */
  #forget(id: number, { over, awaited }: Tracked): void {
    if (!over || awaited.size > 0) return;
    this.#commands.delete(id);
    if (this.#commands.size === 0 && !this.#closing) this.#control.hold(false);
  }

  #deliver(message: unknown, handle: object): void {
    const { command, stream } = message as { command?: number; stream: number };
    // Sockets of the sandbox's network come the same way; they are somebody else's.
    if (command === undefined) return;
    const tracked = this.#commands.get(command);
    if (!tracked?.awaited.delete(stream)) {
      (handle as { close(): void }).close();
      return;
    }
    tracked.events.onHandle(stream, handle);
    this.#forget(command, tracked);
  }

  #giveUp(id: number, tracked: Tracked): void {
    const awaited = [...tracked.awaited];
    tracked.awaited.clear();
    for (const stream of awaited) tracked.events.onHandle(stream, undefined);
    this.#forget(id, tracked);
  }

  #killAll(): void {
    this.#gone = true;
    for (const [id, tracked] of [...this.#commands]) {
      if (!tracked.over) {
        tracked.over = true;
        tracked.events.onRecord({ event: 'lost', value: SIGKILL });
      }
      this.#giveUp(id, tracked);
    }
  }
}

export function sandboxClosed(): SandboxError {
  return new SandboxError('ERR_SANDBOX_CLOSED', {
    what: 'Cannot use the sandbox',
    why: 'it was closed, or has ended',
    fix: 'Make another one with createSandbox',
  });
}

function openRecord({ policy, facts }: LoadedPolicy, { pid, cwd }: LiveOptions): OpenSession {
  return new SessionStore(facts.pinfold.stateDir).create(
    {
      pinfold: identify(pid),
      argv: [],
      cwd,
      project: policy.projectDir,
      mode: policy.mode.value,
      network: policy.network.access.value,
      ...(policy.profile !== undefined && { profile: policy.profile }),
    },
    policy,
  );
}

async function recorded(
  run: Promise<RunOutcome>,
  record: () => OpenSession | undefined,
): Promise<RunOutcome> {
  try {
    const outcome = await run;
    const { ending, enforcement, breached } = outcome;
    record()?.ended({ ending, enforcement, ...(breached && { breached }) });
    return outcome;
  } catch (error) {
    record()?.ended({
      ending: { kind: 'failed', code: (error as { code?: string }).code ?? 'ERR_INTERNAL' },
    });
    throw error;
  }
}

/** Throws SandboxError when the boundary could not be made; then nothing is left of it. */
export function openLive(loaded: LoadedPolicy, options: LiveOptions): Promise<LiveSession> {
  return new Promise((resolve, reject) => {
    let planned: Planned | undefined;
    let record: OpenSession | undefined;
    let control: LiveControl | undefined;
    let grants: (() => Promise<LiveGrants>) | undefined;
    let session: LiveSession | undefined;
    const events: RunEvents = {
      onPlanned(plan) {
        planned = plan;
        record = openRecord(loaded, options);
        return record;
      },
      onLive(given) {
        control = given;
      },
      onGrants(given) {
        grants = given;
      },
      onStarted(_control, launcherPid) {
        record?.started(launcherPid === undefined ? undefined : identify(launcherPid));
      },
      onEnforced(enforcement) {
        if (!planned || !record || !control || !grants) return;
        record.enforced(enforcement);
        session = new LiveSession({ planned, record, control, enforcement, grants }, ended);
        resolve(session);
      },
      onEvent: (event) => record?.append(event),
      onDenial: (denial) => options.onDenial?.(denial),
      onTraffic: (traffic) => options.onTraffic?.(traffic),
      onCommand: (one) => session?.hear(one),
    };
    const run = runInside(loaded, { argv: [], cwd: options.cwd }, { ...options, live: true }, events);
    const ended = recorded(run, () => record);
    // Before it is ready this is the failure of `openLive`; afterwards whoever closes the session awaits it.
    ended.catch(reject);
  });
}

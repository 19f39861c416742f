/** A live session: one boundary that stays, and commands that are started in it one after another or side by side. */
import { SandboxError } from '../errors.ts';
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Enforcement } from '../platform/backend.ts';
import type { CommandPlan } from '../platform/linux/plan.ts';
import type { AccessRequest } from '../violations/requests.ts';
import type { Denial } from '../violations/types.ts';
import type { CommandEvents, Commands } from './commands.ts';
import type { Exceeded } from './limits.ts';
import { Narrower } from './narrower.ts';
import type { Planned, RunOptions } from './plan-run.ts';
import { hostPidOf, identify } from './process-identity.ts';
import { runInside } from './run.ts';
import type { LiveControl, OpenGrants, RunEvents } from './run-events.ts';
import { type OpenSession, SessionStore } from './store.ts';
import { TemporaryPlaces } from './temporary-places.ts';
import type { LoadedPolicy, RunOutcome } from './types.ts';

export interface LiveOptions extends RunOptions {
  /** Of the process that holds the session. */
  readonly pid: number;
  /** Working directory of commands that name none; absolute. */
  readonly cwd: string;
  readonly onDenial?: (denial: Denial) => void;
  readonly onTraffic?: (traffic: Traffic) => void;
  readonly onRequest?: (request: AccessRequest) => void;
  readonly onExceeded?: (exceeded: Exceeded) => void;
}

interface Parts {
  readonly loaded: LoadedPolicy;
  readonly planned: Planned;
  readonly record: OpenSession;
  readonly control: LiveControl;
  readonly enforcement: readonly Enforcement[];
  readonly grants: () => Promise<OpenGrants>;
  readonly commands: Commands;
}

export class LiveSession {
  readonly planned: Planned;
  /** Makes commands narrower than the session. */
  readonly narrower: Narrower;
  readonly id: string;
  readonly enforcement: readonly Enforcement[];
  /** Resolves when nothing inside is left; rejects with a SandboxError when it ended otherwise than by `close`. */
  readonly ended: Promise<RunOutcome>;
  /** Opens and closes hosts. */
  readonly grants: () => Promise<OpenGrants>;
  readonly #control: LiveControl;
  readonly #record: OpenSession;
  readonly #commands: Commands;
  #closing = false;
  #settled = false;

  /** `openLive` makes it. */
  constructor(parts: Parts, ended: Promise<RunOutcome>) {
    this.planned = parts.planned;
    this.id = parts.record.id;
    this.enforcement = parts.enforcement;
    this.ended = ended;
    this.grants = parts.grants;
    this.#control = parts.control;
    this.#record = parts.record;
    this.#commands = parts.commands;
    const places = new TemporaryPlaces((plan, events) => parts.commands.start(plan, events));
    this.narrower = new Narrower(parts.loaded, parts.planned, places);
    // An idle session keeps nobody's event loop alive: with the process it ends by itself.
    this.#control.hold(false);
    this.#commands.onBusy((busy) => {
      if (busy || !this.#closing) this.#control.hold(busy);
    });
    const over = () => {
      this.#settled = true;
    };
    ended.then(over, over);
  }

  /** Nothing runs inside any more, and nothing will. */
  get over(): boolean {
    return this.#settled || this.#commands.ended;
  }

  /**
   * Starts a command; what becomes of it is told to `events`. Returns what signals its process group. Throws
   * ERR_SANDBOX_CLOSED once the session has ended.
   */
  start(command: CommandPlan | Promise<CommandPlan>, events: CommandEvents): (signal: number) => void {
    if (this.over) throw sandboxClosed();
    return command instanceof Promise
      ? this.#commands.startSoon(command, events)
      : this.#commands.start(command, events);
  }

  /** What of a part of a command's output may be passed on. */
  takeOutput(chunk: Buffer): Buffer {
    return this.#commands.takeOutput(chunk);
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
    let commands: Commands | undefined;
    let grants: (() => Promise<OpenGrants>) | undefined;
    let session: LiveSession | undefined;
    const events: RunEvents = {
      onPlanned(plan) {
        planned = plan;
        record = openRecord(loaded, options);
        return record;
      },
      onWeaker(plan, weaker) {
        planned = plan;
        record?.weaker(weaker);
      },
      onLive(given, table) {
        control = given;
        commands = table;
      },
      onGrants(given) {
        grants = given;
      },
      onStarted(_control, launcherPid) {
        record?.started(launcherPid === undefined ? undefined : identify(launcherPid));
      },
      onEnforced(enforcement) {
        if (!planned || !record || !control || !grants || !commands) return;
        record.enforced(enforcement);
        session = new LiveSession({ loaded, planned, record, control, enforcement, grants, commands }, ended);
        resolve(session);
      },
      onWeakened: (enforcement) => record?.weakened(enforcement),
      onEvent: (event) => record?.append(event),
      onDenial: (denial) => options.onDenial?.(denial),
      onRequest: (request) => options.onRequest?.(request),
      onTraffic: (traffic) => options.onTraffic?.(traffic),
      onExceeded: (exceeded) => options.onExceeded?.(exceeded),
    };
    const run = runInside(loaded, { argv: [], cwd: options.cwd }, { ...options, live: true }, events);
    const ended = recorded(run, () => record);
    // Before it is ready this is the failure of `openLive`; afterwards whoever closes the session awaits it.
    ended.catch(reject);
  });
}

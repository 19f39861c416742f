/** The library's sandbox: a live session with the methods that programs use. */
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import type { Enforcement, Weaker } from '../platform/backend.ts';
import type { CommandPlan, TerminalSize } from '../platform/linux/plan.ts';
import type { Policy } from '../policy/types.ts';
import type { GrantedPath } from '../session/held-paths.ts';
import type { Exceeded } from '../session/limits.ts';
import { type LiveSession, sandboxClosed } from '../session/live.ts';
import type { GrantedHost, RevokedHost } from '../session/live-grants.ts';
import type { OpenGrants } from '../session/run-events.ts';
import { onTerminal } from '../session/terminal-command.ts';
import type { AccessRequest } from '../violations/requests.ts';
import type { Denial } from '../violations/types.ts';
import { CommandProcess } from './command-process.ts';
import type { GivenEnvironment } from './given-environment.ts';
import { type HostGrant, type PathGrant, readGrant } from './live-grant.ts';
import { collect, type RunOptions, type RunResult } from './run-result.ts';
import { Shell, type ShellHost, type ShellOptions } from './shell.ts';
import { shellArgv } from './shell-script.ts';
import { commandPlan, type SpawnOptions, terminalOf } from './spawn-options.ts';

/** One refusal, as it was observed. */
export type Violation = Denial;

/** A command that is refused without end must not fill this process. */
const MOST_VIOLATIONS = 1000;

export interface SandboxStatus {
  readonly id: string;
  readonly state: 'live' | 'closing' | 'ended';
  /** What is enforced, one entry per mechanism. */
  readonly enforcement: readonly Enforcement[];
  /** What is missing, where the host gave no namespaces and `unsafeAcceptWeaker` let that be. */
  readonly weaker?: Weaker;
}

/** One connection from the inside to an allowed host, once it has ended. */
export interface Egress {
  /** The name that was asked for, or an address that was dialled as one. */
  readonly host: string;
  readonly port: number;
  /** Path of the executable as it is named inside; absent where it is not known. */
  readonly program?: string;
  /** Bytes from the sandbox and to it. */
  readonly up: number;
  readonly down: number;
}

/** A command inside, as Node's ChildProcess, and what only a sandbox can say of it. */
export interface SandboxProcess extends ChildProcess {
  /** What holds for this command besides the sandbox's boundary, once it has been spawned; empty where nothing is narrower. */
  readonly narrowing: readonly Enforcement[];
  /** Of the terminal that `pty` gave it. Throws ERR_USAGE where it has none. */
  resize(size: { readonly columns: number; readonly rows: number }): void;
}

export class Sandbox extends EventEmitter<{
  violation: [Violation];
  egress: [Egress];
  request: [AccessRequest];
  limit: [Exceeded];
}> {
  readonly #session: LiveSession;
  readonly #cwd: string;
  readonly #scrub: (given: GivenEnvironment) => readonly string[];
  #closing: Promise<void> | undefined;

  /** `openSandbox` makes it. */
  constructor(session: LiveSession, cwd: string, scrub: (given: GivenEnvironment) => readonly string[]) {
    super();
    this.#session = session;
    this.#cwd = cwd;
    this.#scrub = scrub;
  }

  get #state(): SandboxStatus['state'] {
    if (this.#session.over) return 'ended';
    return this.#closing === undefined ? 'live' : 'closing';
  }

  get id(): string {
    return this.#session.id;
  }

  /** The policy as enforced: every rule with its origin. */
  get policy(): Policy {
    return this.#session.planned.policy;
  }

  get status(): SandboxStatus {
    const { enforcement, planned } = this.#session;
    return {
      id: this.id,
      state: this.#state,
      enforcement,
      ...(planned.weaker && { weaker: planned.weaker }),
    };
  }

  /**
   * Starts a command inside, like `child_process.spawn`: an argv array, never a shell string. The process it returns has
   * a process group and session of its own, and `kill` reaches the whole group. Throws ERR_SANDBOX_CLOSED, ERR_USAGE;
   * a policy that is wider than the sandbox's: ERR_NARROWING; `pty` without namespaces: ERR_NAMESPACES_UNAVAILABLE. What goes wrong later is an `error` event, as with `child_process`.
   */
  spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): SandboxProcess {
    return this.#spawn(command, args, options) as unknown as SandboxProcess;
  }

  /**
   * Runs a command inside to its end and collects what it wrote. Rejects with ERR_COMMAND_NOT_STARTED when it cannot be
   * executed; a command that fails is a result.
   */
  async run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<RunResult> {
    const { input, maxOutput, encoding, ...rest } = options;
    const stdio: SpawnOptions['stdio'] = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
    const violations = this.#watch();
    try {
      const child = this.#spawn(command, args, { leftovers: 'keep', ...rest, stdio });
      const collected = await collect(child, { input, maxOutput, encoding });
      return { ...collected, violations: violations(), narrowing: child.narrowing };
    } finally {
      violations();
    }
  }

  /**
   * A shell that stays: its working directory and variables are kept from one `run` to the next. It reads no start-up files. Rejects
   * with ERR_SANDBOX_CLOSED, ERR_NARROWING, ERR_USAGE.
   */
  async shell(options: ShellOptions = {}): Promise<Shell> {
    if (this.#state !== 'live') throw sandboxClosed();
    const { shell = 'bash', cwd, env, mode, networkAccess, readOnly } = options;
    const [command = '', ...args] = shellArgv(shell);
    const spawned = { ...(cwd !== undefined && { cwd }), ...(env !== undefined && { env }) };
    const asked = commandPlan({ command, args, options: spawned, cwd: this.#cwd, scrub: this.#scrub });
    const { plan } = this.#session.narrower.narrow(asked, { mode, networkAccess, readOnly });
    const host: ShellHost = {
      plan,
      start: (started, events) => this.#session.start(started, events),
      takeOutput: (chunk) => this.#session.takeOutput(chunk),
      fence: async () => void (await this.run('true')),
      watch: () => this.#watch(),
    };
    return new Shell(host, asked.cwd);
  }

  /**
   * Opens a host, or shows a path of the host, for commands that run already: until the sandbox is closed, with `forMs` for
   * so many milliseconds, a host with `once` for one connection. Rejects with ERR_GRANT_REFUSED for what a rule denies on
   * purpose, and for a path that only the next sandbox can show.
   */
  async allow(grant: HostGrant): Promise<GrantedHost>;
  async allow(grant: PathGrant): Promise<GrantedPath>;
  async allow(grant: HostGrant | PathGrant): Promise<GrantedHost | GrantedPath> {
    const wanted = readGrant(grant, this.policy.projectDir);
    const control = await this.#grants();
    return wanted.kind === 'host'
      ? await control.grants.allow(wanted.host, wanted.lasting, 'library')
      : await control.paths.allow(wanted.path, wanted.access, wanted.lasting, 'library');
  }

  /**
   * Closes a host and the connections that nothing else allows, also one that the options opened; or hides a path that was
   * opened by `allow`. Rejects with ERR_GRANT_UNKNOWN where nothing opens it by exactly this name.
   */
  async revoke(grant: Pick<HostGrant, 'host'>): Promise<RevokedHost>;
  async revoke(grant: Pick<PathGrant, 'path'>): Promise<{ readonly path: string }>;
  async revoke(
    grant: Pick<HostGrant, 'host'> | Pick<PathGrant, 'path'>,
  ): Promise<RevokedHost | { readonly path: string }> {
    const wanted = readGrant(grant, this.policy.projectDir);
    const control = await this.#grants();
    return wanted.kind === 'host'
      ? await control.grants.revoke(wanted.host)
      : await control.paths.revoke(wanted.path);
  }

  /** Ends every command and the boundary itself; resolves when nothing is left. Calling it again changes nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#session.close().then(() => {});
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #grants(): Promise<OpenGrants> {
    if (this.#state !== 'live') throw sandboxClosed();
    return this.#session.grants();
  }

  #spawn(command: string, args: readonly string[], options: SpawnOptions): CommandProcess {
    if (this.#state !== 'live') throw sandboxClosed();
    const asked = commandPlan({ command, args, options, cwd: this.#cwd, scrub: this.#scrub });
    const size = terminalOf(options);
    const wide = size === undefined ? asked : this.#onTerminal(asked, size);
    const { plan, enforcement } = this.#session.narrower.narrow(wide, options);
    const child = new CommandProcess(wide, { narrowing: enforcement, terminal: size !== undefined });
    child.begin(this.#session, plan, options);
    return child;
  }

  /** Collects violations until the returned function is called, which gives them. */
  #watch(): () => readonly Violation[] {
    const violations: Violation[] = [];
    const note = (violation: Violation) => {
      if (violations.length < MOST_VIOLATIONS) violations.push(violation);
    };
    this.on('violation', note);
    return () => {
      this.off('violation', note);
      return violations;
    };
  }

  #onTerminal(plan: CommandPlan, size: TerminalSize): CommandPlan {
    const { capabilities, plan: session, weaker } = this.#session.planned;
    return onTerminal(plan, {
      arch: capabilities.arch,
      size,
      sessionEnvironment: session.environment,
      weaker,
    });
  }
}

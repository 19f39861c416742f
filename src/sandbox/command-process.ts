/** A command of a live session in the shape of Node's ChildProcess: same streams, properties, and events in the same order. */
import { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { SandboxError } from '../errors.ts';
import type { Enforcement } from '../platform/backend.ts';
import type { CommandPlan, TerminalSize } from '../platform/linux/plan.ts';
import type { CommandEvents, CommandNews } from '../session/commands.ts';
import type { LiveSession } from '../session/live.ts';
import { checkedSize } from '../session/terminal-command.ts';
import { CommandInput, CommandOutput } from './streams.ts';
import { TerminalStreams } from './terminal-streams.ts';

export interface CommandControls {
  /** Kills the process group (`killSignal`) when it aborts; the process then emits an AbortError. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which the process group is sent `killSignal`. */
  readonly timeout?: number | undefined;
  /** Default SIGTERM. */
  readonly killSignal?: NodeJS.Signals | number | undefined;
}

type SignalName = NodeJS.Signals;

const NAMES: ReadonlyMap<number, SignalName> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as SignalName]),
);

function numberOf(signal: SignalName | number): number {
  const number = typeof signal === 'number' ? signal : constants.signals[signal];
  if (number === 0 || (number !== undefined && NAMES.has(number))) return number;
  throw new SandboxError('ERR_USAGE', {
    what: `Cannot send ${String(signal)}`,
    why: 'there is no signal of this name or number',
  });
}

/** As Node words it: `spawn nonesuch ENOENT`. */
function spawnError(errno: number, argv: readonly string[]): NodeJS.ErrnoException {
  const [path = '', ...spawnargs] = argv;
  const code = getSystemErrorName(-errno);
  const syscall = `spawn ${path}`;
  return Object.assign(new Error(`${syscall} ${code}`), { errno: -errno, code, syscall, path, spawnargs });
}

function abortError(cause: unknown): Error {
  const error = new Error('The operation was aborted', { cause });
  error.name = 'AbortError';
  return Object.assign(error, { code: 'ABORT_ERR' });
}

/** What starts a command, and knows it by the host's number. */
export type Starter = Pick<LiveSession, 'start' | 'hostPid' | 'takeOutput'>;

export interface CommandSurroundings {
  readonly narrowing?: readonly Enforcement[];
  /** The streams are those of `TERMINAL_STREAMS`. */
  readonly terminal?: boolean;
}

export class CommandProcess extends EventEmitter {
  exitCode: number | null = null;
  signalCode: SignalName | null = null;
  killed = false;
  readonly connected = false;
  /** It was sent its `killSignal` because `timeout` was over. */
  timedOut = false;
  readonly spawnfile: string;
  readonly spawnargs: readonly string[];
  readonly stdin: CommandInput | null;
  readonly stdout: CommandOutput | null;
  readonly stderr: CommandOutput | null;
  readonly stdio: readonly (CommandInput | CommandOutput | null)[];
  #open = 1;
  #over = false;
  #send: (signal: number) => void = () => {};
  #onSpawned: () => void = () => {};
  #session: Starter | undefined;
  #inner: number | undefined;
  #pid: number | undefined;
  readonly #argv: readonly string[];
  readonly #release: (() => void)[] = [];

  readonly narrowing: readonly Enforcement[];

  readonly #terminal: TerminalStreams | undefined;

  constructor(plan: CommandPlan, { narrowing = [], terminal = false }: CommandSurroundings = {}) {
    super();
    this.narrowing = narrowing;
    this.#argv = plan.argv;
    this.spawnfile = plan.argv[0] ?? '';
    this.spawnargs = plan.argv;
    const [input, output, errors] = plan.streams;
    this.#terminal = terminal ? new TerminalStreams() : undefined;
    const { input: typed, output: shown } = this.#terminal ?? {};
    this.stdin = input === 'pipe' ? this.#watched(typed ?? new CommandInput(), false) : null;
    this.stdout = output === 'pipe' ? this.#watched(shown ?? new CommandOutput(), true) : null;
    this.stderr = errors === 'pipe' ? this.#watched(new CommandOutput(), true) : null;
    this.stdio = [this.stdin, this.stdout, this.stderr];
  }

  /**
   * The process as the host numbers it. Undefined until `spawn` is emitted, and where it is asked for only after the
   * process has gone: it is looked up in /proc at the first use, since few want it.
   */
  get pid(): number | undefined {
    if (this.#pid === undefined && this.#inner !== undefined) this.#pid = this.#session?.hostPid(this.#inner);
    return this.#pid;
  }

  /** Starts `plan` in the session. */
  begin(session: Starter, plan: CommandPlan | Promise<CommandPlan>, controls: CommandControls): void {
    const events: CommandEvents = {
      onRecord: (record) => this.#hear(record),
      onHandle: (stream, handle) => {
        if (this.#terminal) this.#terminal.connect(stream, handle);
        else this.stdio[stream]?.connect(handle);
      },
    };
    this.#session = session;
    for (const stream of [this.stdout, this.stderr]) stream?.count((chunk) => session.takeOutput(chunk));
    this.#send = session.start(plan, events);
    const stop = () => this.kill(controls.killSignal);
    if (controls.timeout) {
      const timer = setTimeout(() => {
        this.timedOut = stop();
      }, controls.timeout);
      this.#release.push(() => clearTimeout(timer));
    }
    const { signal } = controls;
    if (!signal) return;
    const abort = () => {
      stop();
      const tell = () => void this.emit('error', abortError(signal.reason));
      // A ChildProcess runs by then: `spawn` comes first.
      if (this.#inner === undefined) this.#onSpawned = tell;
      else tell();
    };
    if (signal.aborted) process.nextTick(abort);
    else signal.addEventListener('abort', abort, { once: true });
    this.#release.push(() => signal.removeEventListener('abort', abort));
  }

  /** Signals the whole process group. False when the command has ended. Throws ERR_USAGE for an unknown signal. */
  kill(signal: SignalName | number = 'SIGTERM'): boolean {
    const number = numberOf(signal);
    if (this.#over) return false;
    this.#send(number);
    if (number !== 0) this.killed = true;
    return true;
  }

  /** Of its terminal. Throws ERR_USAGE where it has none, and for what is no size. */
  resize(size: TerminalSize): void {
    if (this.#terminal === undefined) {
      throw new SandboxError('ERR_USAGE', {
        what: 'Cannot resize the terminal of this command',
        why: 'it has none',
        fix: 'Start it with pty: true',
      });
    }
    this.#terminal.resize(checkedSize(size));
  }

  /** A command that runs keeps the event loop alive, by its session; there is nothing to let go of singly. */
  ref(): void {}
  unref(): void {}

  [Symbol.dispose](): void {
    if (!this.#over) this.kill();
  }

  #watched<T extends CommandInput | CommandOutput>(stream: T, awaited: boolean): T {
    if (awaited) {
      this.#open++;
      stream.once('close', () => this.#closeOne());
    }
    return stream;
  }

  #hear({ event, value }: CommandNews): void {
    if (event === 'started') {
      this.#inner = value;
      this.emit('spawn');
      this.#onSpawned();
    } else if (event === 'failed') {
      this.#fail(value);
    } else {
      this.#end(event === 'exited', value);
    }
  }

  #fail(errno: number): void {
    this.#settle();
    this.exitCode = -errno;
    this.emit('error', spawnError(errno, this.#argv));
    this.#flush();
    this.#closeOne();
  }

  #end(exited: boolean, value: number): void {
    if (this.#over) return;
    this.#settle();
    if (exited) this.exitCode = value;
    else this.signalCode = NAMES.get(value) ?? null;
    this.emit('exit', this.exitCode, this.signalCode);
    this.#flush();
    this.#closeOne();
  }

  /** Output that nobody reads must not keep `close` from coming (child_process does the same). */
  #flush(): void {
    process.nextTick(() => {
      for (const stream of [this.stdout, this.stderr]) if (stream?.readable) stream.resume();
    });
  }

  #settle(): void {
    this.#over = true;
    for (const release of this.#release) release();
    this.stdin?.destroy();
    this.#terminal?.exited();
  }

  #closeOne(): void {
    if (--this.#open === 0) this.emit('close', this.exitCode, this.signalCode);
  }
}

// `instanceof ChildProcess` holds, without the constructor: it would make a native handle that is never used or freed.
Object.setPrototypeOf(CommandProcess.prototype, ChildProcess.prototype);

/** Speaks with the launcher: plan and orders in, records and handles out. */
import type { ChildProcess } from 'node:child_process';
import { constants as osConstants } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import { SandboxError } from '../../errors.ts';
import type { CallList } from './call-list.ts';
import { archHere, groundHere } from './ground.ts';
import type { LauncherProcess, LauncherStreams } from './launcher-process.ts';
import type { Settlement, SocketKind } from './network-codec.ts';
import type { CommandPlan, Plan, SocketAddress } from './plan.ts';
import {
  callsFrame,
  commandFrame,
  PROTOCOL_VERSION,
  planFrame,
  RecordReader,
  signalFrame,
  socketFrame,
  TARGET_ID,
  verdictFrame,
  type WireRecord,
} from './plan-codec.ts';
import { REINSTALL } from './programs.ts';
import { routeCalls } from './route-calls.ts';

type Listener = (record: WireRecord) => void;

interface Awaited {
  resolve(handle: object): void;
  reject(error: Error): void;
}

/** A socket could not be made inside; `errno` is positive. */
class NoSocket extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`the sandbox's network gave no socket (errno ${errno})`);
    this.errno = errno;
  }
}

/** Calls for a sandbox that runs were not all made; `errno` is positive. */
export class CallsFailed extends Error {
  readonly errno: number;
  /** What the call was for. */
  readonly at: string;

  constructor(errno: number, at: string) {
    super(`${at}: errno ${errno}`);
    this.errno = errno;
    this.at = at;
  }
}

const TRIPWIRE_FD = 5;

/** A running launcher. It carries out at most one plan; `close` ends it. */
export class Launcher {
  readonly #child: ChildProcess;
  readonly #control: Duplex;
  readonly #streams: readonly LauncherStreams[number][];
  readonly #listeners = new Set<Listener>();
  readonly #hello: Promise<{ landlockAbi: number }>;
  #ended: SandboxError | undefined;
  /** It carried out its plan and is about to exit. */
  #over = false;
  readonly #onEnd = new Set<(error: SandboxError) => void>();
  readonly #awaited = new Map<number, Awaited>();
  #tokens = 0;
  #signalled: NodeJS.Signals | undefined;

  constructor({ path, child, streams, channel, gone }: LauncherProcess) {
    // Node gives no streams at all where it could not make them (EMFILE).
    if ((child.stdio as unknown) === undefined) throw tooFewDescriptors();
    this.#child = child;
    this.#streams = streams.map((stream, fd) => (stream === 'inherit' ? fd : stream));
    this.#control = child.stdio[3] as Duplex;
    // EPIPE after the launcher has gone: its end is reported by `exit`, with more to say.
    this.#control.on('error', () => {});
    this.#hello = this.#greet();
    // Awaited later, by whoever needs it first; a failure before that must not count as unhandled.
    this.#hello.catch(() => {});
    this.#read(child.stdio[4] as Readable);
    if (channel) child.on('message', (message, handle) => this.#receive(message, handle));
    // Once it has said that all is over it has no more to say; before that its last records are waited for.
    child.on('exit', (code, signal) => {
      if (this.#over) this.#finish(died(code, signal));
    });
    void gone.then((end) =>
      this.#finish('cause' in end ? startFailure(path, end.cause) : died(end.code, end.signal)),
    );
  }

  /** Requests of the tripwire file system come, and answers go, while a plan with `tripwire` is carried out. */
  get tripwire(): Duplex | undefined {
    const stdio: readonly unknown[] = this.#child.stdio;
    return (stdio[TRIPWIRE_FD] as Duplex | null | undefined) ?? undefined;
  }

  /** What the target writes, where its streams are pipes. */
  get outputs(): { readonly output: Readable | null; readonly errors: Readable | null } {
    return { output: this.#child.stdout, errors: this.#child.stderr };
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What the launcher found when it started. Throws ERR_LAUNCHER_VERSION, ERR_LAUNCHER_MISSING, ERR_LAUNCHER_DIED. */
  hello(): Promise<{ landlockAbi: number }> {
    return this.#hello;
  }

  /** Carries the plan out; `onRecord` sees every record of the run. Resolves when everything inside has ended. */
  async run(plan: Plan, onRecord: Listener): Promise<void> {
    const done = this.#until((record) => {
      onRecord(record);
      return record.kind === 'ended' ? record : undefined;
    });
    this.#control.write(planFrame(plan, groundHere(this.#streams)));
    await done;
  }

  /** Answers an `asked` or a `making` record, or changes which destinations pass unasked. */
  settle(settlement: Settlement): void {
    this.#control.write(verdictFrame(settlement));
  }

  /**
   * A socket of the sandbox's network, as a handle for `server.listen(handle)`, `new Socket({ handle })` or
   * `dgram.bind(handle)`. Rejects with an error that has `errno` when it cannot be made. Needs the channel.
   */
  socket(kind: SocketKind, at: SocketAddress): Promise<object> {
    return this.#order(kind, at);
  }

  /** The sandbox's network takes every address that begins with the first `bits` of this one for its own. */
  async own(address: string, bits: number): Promise<void> {
    await this.calls(routeCalls(archHere(), address, bits));
  }

  /**
   * Has calls made by a process of ours, which can join the sandbox (joined-calls.ts). Rejects with CallsFailed for the first
   * that failed; those before it have been made.
   */
  async calls(list: CallList): Promise<void> {
    const token = ++this.#tokens;
    // A live session that idles keeps no process from ending; whoever waits for this does.
    const waiting = setInterval(() => {}, 2 ** 30);
    try {
      await new Promise((resolve, reject) => {
        this.#awaited.set(token, { resolve, reject });
        this.#control.write(callsFrame(token, list));
      });
    } finally {
      clearInterval(waiting);
    }
  }

  #order(kind: SocketKind, at: SocketAddress): Promise<object> {
    const token = ++this.#tokens;
    return new Promise((resolve, reject) => {
      this.#awaited.set(token, { resolve, reject });
      this.#control.write(socketFrame(token, kind, at));
    });
  }

  /** The first signal that was sent to the target. */
  get signalled(): NodeJS.Signals | undefined {
    return this.#signalled;
  }

  /** Sends a signal (`SIGTERM`) to the target. */
  signal(name: NodeJS.Signals): void {
    this.#signalled ??= name;
    this.#control.write(signalFrame(TARGET_ID, osConstants.signals[name]));
  }

  /** Starts a command in a live session under a number of the caller's; its pipes come through `onHandle`. */
  command(id: number, command: CommandPlan): void {
    this.#control.write(commandFrame(id, command));
  }

  /** Signals the process group of a command. */
  signalCommand(id: number, signal: number): void {
    this.#control.write(signalFrame(id, signal));
  }

  /** Handles that the launcher sends on the channel; raw ones, as `net.Socket` takes them. */
  onHandle(listener: (message: unknown, handle: unknown) => void): void {
    this.#child.on('message', listener);
  }

  /** Whether the launcher keeps this process from ending. */
  hold(held: boolean): void {
    for (const part of [this.#child, this.#child.channel, ...this.#child.stdio.slice(3, TRIPWIRE_FD + 1)]) {
      const one = part as { ref?(): void; unref?(): void } | null | undefined;
      if (held) one?.ref?.();
      else one?.unref?.();
    }
  }

  /** Ends the launcher and all inside; resolves when it has gone. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const gone = new Promise<void>((resolve) => this.#onEnd.add(() => resolve()));
    if (!this.#over) this.#control.end();
    await gone;
  }

  #receive(message: unknown, handle: unknown): void {
    const token = (message as { socket?: number }).socket ?? 0;
    this.#awaited.get(token)?.resolve(handle as object);
    this.#awaited.delete(token);
  }

  #missed({ token, errno }: { readonly token: number; readonly errno: number }): void {
    // 0: what was ordered has no socket.
    if (errno === 0) this.#awaited.get(token)?.resolve({});
    else this.#awaited.get(token)?.reject(new NoSocket(errno));
    this.#awaited.delete(token);
  }

  #called({
    token,
    errno,
    at,
  }: {
    readonly token: number;
    readonly errno: number;
    readonly at: string;
  }): void {
    if (errno === 0) this.#awaited.get(token)?.resolve({});
    else this.#awaited.get(token)?.reject(new CallsFailed(errno, at));
    this.#awaited.delete(token);
  }

  #read(stream: Readable): void {
    const reader = new RecordReader();
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const record of reader.push(chunk)) {
          if (record.kind === 'no-socket') this.#missed(record);
          if (record.kind === 'called') this.#called(record);
          if (record.kind === 'ended') this.#over = true;
          for (const listener of [...this.#listeners]) listener(record);
        }
      } catch (error) {
        this.#child.kill('SIGKILL');
        this.#finish(error as SandboxError);
      }
    });
  }

  async #greet(): Promise<{ landlockAbi: number }> {
    const hello = await this.#until((record) => (record.kind === 'hello' ? record : undefined));
    if (hello.version !== PROTOCOL_VERSION) {
      throw new SandboxError('ERR_LAUNCHER_VERSION', {
        what: 'Cannot use the launcher',
        why: `it speaks version ${hello.version} of the protocol, this package version ${PROTOCOL_VERSION}`,
        fix: 'Reinstall pinfold, so that both come from one release',
      });
    }
    return { landlockAbi: hello.landlockAbi };
  }

  #until<T>(pick: (record: WireRecord) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const settle = () => {
        this.#listeners.delete(listener);
        this.#onEnd.delete(onEnd);
      };
      const listener = (record: WireRecord) => {
        const found = pick(record);
        if (found === undefined) return;
        settle();
        resolve(found);
      };
      const onEnd = (error: SandboxError) => {
        settle();
        reject(error);
      };
      this.#listeners.add(listener);
      this.#onEnd.add(onEnd);
    });
  }

  #finish(error: SandboxError): void {
    if (this.#ended) return;
    this.#ended = error;
    for (const { reject } of this.#awaited.values()) reject(error);
    this.#awaited.clear();
    for (const onEnd of [...this.#onEnd]) onEnd(error);
  }
}

function startFailure(path: string, cause: Error): SandboxError {
  return new SandboxError('ERR_LAUNCHER_MISSING', {
    what: 'Cannot start the launcher',
    why: `${path}: ${cause.message}`,
    fix: REINSTALL,
    cause,
  });
}

function tooFewDescriptors(): SandboxError {
  return new SandboxError('ERR_LAUNCHER_MISSING', {
    what: 'Cannot start the launcher',
    why: 'this process may not open as many files as that takes (EMFILE)',
    fix: 'Raise the limit of open files: ulimit -n 1024',
  });
}

function died(code: number | null, signal: NodeJS.Signals | null): SandboxError {
  return new SandboxError('ERR_LAUNCHER_DIED', {
    what: 'The sandbox ended before its command did',
    why: signal ? `the launcher was killed by ${signal}` : `the launcher exited with code ${code}`,
  });
}

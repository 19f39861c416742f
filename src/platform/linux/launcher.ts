/** Speaks with the launcher: plan and orders in, records and handles out. */
import type { ChildProcess } from 'node:child_process';
import { constants as osConstants } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import type { CallList } from './call-list.ts';
import { archHere, groundHere } from './ground.ts';
import { died, neverBegan, otherVersion, startFailure, tooFewDescriptors } from './launcher-failures.ts';
import { LauncherOrders } from './launcher-orders.ts';
import type { LauncherProcess, LauncherStreams } from './launcher-process.ts';
import { LauncherRecords, type RecordListener } from './launcher-records.ts';
import type { Settlement, SocketKind } from './network-codec.ts';
import type { CommandPlan, Plan, SocketAddress } from './plan.ts';
import {
  callsFrame,
  commandFrame,
  PROTOCOL_VERSION,
  planFrame,
  signalFrame,
  socketFrame,
  TARGET_ID,
  verdictFrame,
} from './plan-codec.ts';
import { routeCalls } from './route-calls.ts';

const TRIPWIRE_FD = 5;

/** A running launcher. It carries out at most one plan; `close` ends it. */
export class Launcher {
  readonly #child: ChildProcess;
  readonly #control: Duplex;
  readonly #streams: readonly LauncherStreams[number][];
  readonly #orders = new LauncherOrders();
  readonly #records: LauncherRecords;
  readonly #hello: Promise<{ landlockAbi: number }>;
  /** It has said what it is. */
  #greeted = false;
  #signalled: NodeJS.Signals | undefined;

  constructor({ path, child, streams, channel, gone }: LauncherProcess) {
    // Node gives no streams at all where it could not make them (EMFILE).
    if ((child.stdio as unknown) === undefined) throw tooFewDescriptors();
    this.#child = child;
    this.#streams = streams.map((stream, fd) => (stream === 'inherit' ? fd : stream));
    this.#control = child.stdio[3] as Duplex;
    // EPIPE after the launcher has gone: its end is reported by `exit`, with more to say.
    this.#control.on('error', () => {});
    this.#records = new LauncherRecords(
      (record) => this.#orders.hear(record),
      (error) => this.#orders.fail(error),
    );
    this.#hello = this.#greet();
    // Awaited later, by whoever needs it first; a failure before that must not count as unhandled.
    this.#hello.catch(() => {});
    this.#records.read(child.stdio[4] as Readable, () => child.kill('SIGKILL'));
    if (channel) child.on('message', (message, handle) => this.#orders.receive(message, handle));
    // Once it has said that all is over it has no more to say; before that its last records are waited for.
    child.on('exit', (code, signal) => {
      if (this.#records.over) this.#records.end(died(code, signal));
    });
    void gone.then((end) => {
      if ('cause' in end) this.#records.end(startFailure(path, end.cause));
      else if (this.#greeted) this.#records.end(died(end.code, end.signal));
      else this.#records.end(neverBegan(path, end.code, end.signal));
    });
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
  async run(plan: Plan, onRecord: RecordListener): Promise<void> {
    const done = this.#records.until((record) => {
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
    return this.#orders.place((token) => this.#control.write(socketFrame(token, kind, at)));
  }

  /** The sandbox's network takes every address that begins with the first `bits` of this one for its own. */
  async own(address: string, bits: number): Promise<void> {
    await this.calls(routeCalls(archHere(), address, bits));
  }

  /**
   * Has calls made by a process of ours, which can join the sandbox (live-mounts.ts). Rejects with CallsFailed for the first
   * that failed; those before it have been made.
   */
  async calls(list: CallList): Promise<void> {
    // A live session that idles keeps no process from ending; whoever waits for this does.
    const waiting = setInterval(() => {}, 2 ** 30);
    try {
      await this.#orders.place((token) => this.#control.write(callsFrame(token, list)));
    } finally {
      clearInterval(waiting);
    }
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
    if (this.#records.ended) return;
    const gone = this.#records.untilEnd();
    if (!this.#records.over) this.#control.end();
    await gone;
  }

  async #greet(): Promise<{ landlockAbi: number }> {
    const hello = await this.#records.until((record) => (record.kind === 'hello' ? record : undefined));
    this.#greeted = true;
    if (hello.version !== PROTOCOL_VERSION) throw otherVersion(hello.version);
    return { landlockAbi: hello.landlockAbi };
  }
}

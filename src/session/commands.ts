/** The commands of one running boundary: each is known by a number until all that it is to bring has come. */
import type { CommandPlan } from '../platform/linux/plan.ts';
import type { CommandRecord, LiveControl } from './run-events.ts';

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

interface Tracked {
  readonly events: CommandEvents;
  /** Streams whose handle has not come yet. A handle and the end of its command may come in either order. */
  readonly awaited: Set<number>;
  over: boolean;
}

const SIGKILL = 9;
const EIO = 5;

export class Commands {
  readonly #control: LiveControl;
  readonly #known = new Map<number, Tracked>();
  readonly #onBusy: ((busy: boolean) => void)[] = [];
  readonly #takeOutput: (chunk: Buffer) => Buffer;
  #next = 0;
  #ended = false;

  /** `takeOutput`: what of a part of a command's output may be passed on. */
  constructor(control: LiveControl, takeOutput: (chunk: Buffer) => Buffer) {
    this.#control = control;
    this.#takeOutput = takeOutput;
  }

  /** The boundary has ended: whoever hears that a command is lost finds it so. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What whoever reads a command's pipes may pass on of a part; the rest is beyond the session's limit. */
  takeOutput(chunk: Buffer): Buffer {
    return this.#takeOutput(chunk);
  }

  /** Hears whether anything is under way whenever that changes. */
  onBusy(hear: (busy: boolean) => void): void {
    this.#onBusy.push(hear);
  }

  /** Starts a command; what becomes of it is told to `events`. Returns what signals its process group. */
  start(command: CommandPlan, events: CommandEvents): (signal: number) => void {
    if (this.#next === 0)
      this.#control.onHandle((message, handle) => this.#deliver(message, handle as object));
    const id = ++this.#next;
    // What is left of the session is its record: nobody inside would answer. Not before the event loop went round: who starts
    // the next command as soon as this one is lost would keep it from ever hearing that the session has ended.
    if (this.#ended) setImmediate(() => this.end());
    const awaited = new Set([0, 1, 2].filter((stream) => command.streams[stream] === 'pipe'));
    this.#control.command(id, command);
    this.#known.set(id, { events, awaited, over: false });
    if (this.#known.size === 1) this.#tell(true);
    return (signal) => {
      const tracked = this.#known.get(id);
      if (tracked?.over === false) this.#control.signalCommand(id, signal);
    };
  }

  /** The same for a command that something is made for first. Where that fails, the command could not be started. */
  startSoon(coming: Promise<CommandPlan>, events: CommandEvents): (signal: number) => void {
    const early: number[] = [];
    let send = (signal: number): void => void early.push(signal);
    const begin = (command: CommandPlan): void => {
      send = this.start(command, events);
      for (const signal of early) send(signal);
    };
    const fail = (): void => {
      events.onRecord(this.#ended ? { event: 'lost', value: SIGKILL } : { event: 'failed', value: EIO });
      for (const stream of [0, 1, 2]) events.onHandle(stream, undefined);
    };
    coming.then(begin, fail);
    return (signal) => send(signal);
  }

  hear({ id, event, value }: CommandRecord): void {
    const tracked = this.#known.get(id);
    if (!tracked) return;
    if (event !== 'started') tracked.over = true;
    tracked.events.onRecord({ event, value });
    // What never was has no use for its pipes: those on their way are closed when they come.
    if (event === 'failed') this.#giveUp(id, tracked);
    else this.#forget(id, tracked);
  }

  /** The boundary has ended, and every command with it. */
  end(): void {
    this.#ended = true;
    for (const [id, tracked] of [...this.#known]) {
      if (!tracked.over) {
        tracked.over = true;
        tracked.events.onRecord({ event: 'lost', value: SIGKILL });
      }
      this.#giveUp(id, tracked);
    }
  }

  /** Until then somebody waits for what is to come. */
  #forget(id: number, { over, awaited }: Tracked): void {
    if (!over || awaited.size > 0) return;
    this.#known.delete(id);
    if (this.#known.size === 0) this.#tell(false);
  }

  #tell(busy: boolean): void {
    for (const hear of this.#onBusy) hear(busy);
  }

  #deliver(message: unknown, handle: object): void {
    const { command, stream } = message as { command?: number; stream: number };
    // Sockets of the sandbox's network come the same way; they are somebody else's.
    if (command === undefined) return;
    const tracked = this.#known.get(command);
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
}

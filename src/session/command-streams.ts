/** The streams of one command of a session, as whoever relays them sees them: input in, output as it comes, and how it ended. */
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { CommandPlan, TerminalSize } from '../platform/linux/plan.ts';
import { winsize } from '../platform/linux/terminal-calls.ts';
import type { CommandEvents, CommandNews, Commands } from './commands.ts';
import { END_OF_INPUT } from './terminal-command.ts';

/** Milliseconds of silence after which output that a left process holds open is not waited for any more. */
const QUIET = 250;

const SIGKILL = 9;

export interface RelayedCommand {
  readonly plan: CommandPlan | Promise<CommandPlan>;
  /** Its streams are those of a terminal. */
  readonly terminal: boolean;
  /** Nobody hears it: it has no pipes. */
  readonly silent?: boolean;
}

export interface CommandHearer {
  /** False: no more of it until `resume`. */
  onOutput(kind: 'output' | 'errors', chunk: Buffer): boolean;
  onStarted?(news: CommandNews): void;
  /** The command has ended, and all that it had to say has been said. */
  onEnded(news: CommandNews): void;
}

/** `handle` is no part of the public types; it is what Node itself makes the streams of its children from. */
function socketOf(handle: object): Socket {
  return new Socket({ handle, allowHalfOpen: true } as SocketConstructorOpts);
}

interface Early {
  readonly bytes: Buffer | undefined;
  readonly taken: () => void;
}

export class CommandStreams {
  readonly #hearer: CommandHearer;
  readonly #commands: Commands;
  readonly #terminal: boolean;
  readonly #outputs = new Set<Socket>();
  #awaited: number;
  #input: Socket | undefined;
  /** Beside the bytes of a terminal. */
  #sizes: Socket | undefined;
  /** What came for the command before its pipe did; without bytes: the end. */
  #early: Early[] = [];
  #news: CommandNews | undefined;
  #quiet: NodeJS.Timeout | undefined;
  #done = false;
  /** Something that it wrote was beyond the session's limit. */
  #cut = false;
  readonly #signal: (signal: number) => void;

  constructor(commands: Commands, { plan, terminal, silent }: RelayedCommand, hearer: CommandHearer) {
    this.#hearer = hearer;
    this.#commands = commands;
    this.#terminal = terminal;
    this.#awaited = silent ? 0 : terminal ? 1 : 2;
    const events: CommandEvents = {
      onRecord: (news) => this.#hear(news),
      onHandle: (stream, handle) => this.#connect(stream, handle),
    };
    this.#signal = plan instanceof Promise ? commands.startSoon(plan, events) : commands.start(plan, events);
  }

  /** Its process group; nothing once it has ended. */
  signal(number: number): void {
    this.#signal(number);
  }

  /** `taken` is called when the command's pipe has them. */
  write(bytes: Buffer, taken: () => void = () => {}): void {
    if (this.#input === undefined) this.#early.push({ bytes, taken });
    else this.#input.write(bytes, taken);
  }

  /** Of a terminal it is typed, and nothing ends. */
  endInput(): void {
    if (this.#input === undefined) this.#early.push({ bytes: undefined, taken: () => {} });
    else if (this.#terminal) this.#input.write(END_OF_INPUT);
    else this.#input.end();
  }

  resize(size: TerminalSize): void {
    if (this.#sizes?.destroyed === false) this.#sizes.write(winsize(size));
  }

  resume(): void {
    for (const output of this.#outputs) output.resume();
  }

  /** Nobody will write to it any more. */
  dropInput(): void {
    this.#input?.destroy();
  }

  #connect(stream: number, handle: object | undefined): void {
    const socket = handle && socketOf(handle);
    // The command reads no more; what is left for it goes nowhere.
    socket?.on('error', () => {});
    if (this.#terminal && stream === 1) this.#sizes = socket?.resume();
    if (stream === 0 && socket) {
      this.#input = socket.resume();
      for (const { bytes, taken } of this.#early.splice(0)) {
        if (bytes === undefined) this.endInput();
        else this.write(bytes, taken);
      }
    }
    if (stream !== (this.#terminal ? 1 : 0)) this.#show(stream, socket);
  }

  #show(stream: number, output: Socket | undefined): void {
    if (output === undefined) {
      this.#closed();
      return;
    }
    this.#outputs.add(output);
    output.on('data', (chunk: Buffer) => {
      this.#quiet?.refresh();
      const part = this.#commands.takeOutput(chunk);
      this.#cut ||= part.length < chunk.length;
      const flows = part.length === 0 || this.#hearer.onOutput(stream === 2 ? 'errors' : 'output', part);
      if (!flows) output.pause();
    });
    // Letting go of a terminal hangs its command up, which may still be on the way to its exit.
    output.on('end', () => {
      if (!this.#terminal || this.#news !== undefined) output.destroy();
    });
    output.on('close', () => {
      this.#outputs.delete(output);
      this.#closed();
    });
  }

  #closed(): void {
    this.#awaited -= 1;
    this.#finish();
  }

  #hear(news: CommandNews): void {
    if (news.event === 'started') {
      this.#hearer.onStarted?.(news);
      return;
    }
    this.#news = news;
    if (!this.#terminal || this.#input?.readableEnded) this.#input?.destroy();
    this.#quiet = setTimeout(() => {
      for (const output of this.#outputs) output.destroy();
    }, QUIET);
    this.#finish();
  }

  #finish(): void {
    if (this.#done || this.#news === undefined || this.#awaited > 0) return;
    this.#done = true;
    this.#sizes?.destroy();
    clearTimeout(this.#quiet);
    // It may have ended by itself before the session could be: that must not pass for a success.
    this.#hearer.onEnded(this.#cut ? { event: 'killed', value: SIGKILL } : this.#news);
  }
}

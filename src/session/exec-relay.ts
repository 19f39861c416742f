/** One command of a session, joined to the connection of whoever asked for it: streams, signals, and how it ended. */
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { CommandPlan } from '../platform/linux/plan.ts';
import { winsize } from '../platform/linux/terminal-calls.ts';
import type { CommandEvents, CommandNews, Commands } from './commands.ts';
import { type Frame, type FrameKind, FrameReader, frame, frames, sizeFrom } from './exec-frames.ts';
import { END_OF_INPUT } from './terminal-command.ts';

const SIGHUP = 1;
const SIGKILL = 9;
/** Milliseconds that a command has to end once whoever asked for it has gone. */
const GRACE = 5000;
/** Milliseconds of silence after which output that a left process holds open is not waited for any more. */
const QUIET = 250;

/** `handle` is no part of the public types; it is what Node itself makes the streams of its children from. */
function socketOf(handle: object): Socket {
  return new Socket({ handle, allowHalfOpen: true } as SocketConstructorOpts);
}

export interface RelayedCommand {
  readonly plan: CommandPlan | Promise<CommandPlan>;
  /** Its streams are those of a terminal. */
  readonly terminal: boolean;
}

export class ExecRelay {
  readonly #peer: Socket;
  readonly #reader = new FrameReader();
  readonly #outputs = new Set<Socket>();
  #awaited: number;
  #input: Socket | undefined;
  /** Beside the bytes of a terminal. */
  #sizes: Socket | undefined;
  readonly #terminal: boolean;
  /** What came for the command before its pipe did. */
  #early: Frame[] = [];
  #news: CommandNews | undefined;
  #quiet: NodeJS.Timeout | undefined;
  #done = false;
  readonly #signal: (signal: number) => void;

  /** `peer` has been read up to where the frames begin. */
  constructor(peer: Socket, commands: Commands, { plan, terminal }: RelayedCommand) {
    this.#peer = peer;
    this.#terminal = terminal;
    this.#awaited = terminal ? 1 : 2;
    const events: CommandEvents = {
      onRecord: (news) => this.#hear(news),
      onHandle: (stream, handle) => this.#connect(stream, handle),
    };
    this.#signal = plan instanceof Promise ? commands.startSoon(plan, events) : commands.start(plan, events);
    peer.setTimeout(0);
    peer.on('data', (chunk: Buffer) => this.#take(chunk));
    peer.on('drain', () => {
      for (const output of this.#outputs) output.resume();
    });
    // The end of the command's input is a frame; the end of the connection is the end of whoever asked.
    peer.on('end', () => peer.destroy());
    peer.on('close', () => this.#abandon());
  }

  /** Frames that came with the request. */
  take(chunk: Buffer): void {
    if (chunk.length > 0) this.#take(chunk);
  }

  #take(chunk: Buffer): void {
    const heard = this.#reader.push(chunk);
    if (heard === undefined) {
      this.#peer.destroy();
      return;
    }
    for (const each of heard) this.#obey(each);
  }

  #obey(each: Frame): void {
    const [number] = each.bytes;
    if (each.kind === 'signal' && number !== undefined) this.#signal(number);
    const size = each.kind === 'size' ? sizeFrom(each.bytes) : undefined;
    if (size && this.#sizes?.destroyed === false) this.#sizes.write(winsize(size));
    if (each.kind !== 'input' && each.kind !== 'input-end') return;
    const { length } = each.bytes;
    if (this.#input === undefined) this.#early.push(each);
    else if (each.kind === 'input-end' && this.#terminal) this.#input.write(END_OF_INPUT);
    else if (each.kind === 'input-end') this.#input.end();
    else {
      const taken = Buffer.alloc(4);
      taken.writeUInt32BE(length);
      this.#input.write(each.bytes, () => this.#send('taken', taken));
    }
  }

  #connect(stream: number, handle: object | undefined): void {
    const socket = handle && socketOf(handle);
    // The command reads no more; what is left for it goes nowhere.
    socket?.on('error', () => {});
    if (this.#terminal && stream === 1) this.#sizes = socket?.resume();
    if (stream === 0 && socket) {
      this.#input = socket.resume();
      for (const each of this.#early.splice(0)) this.#obey(each);
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
      for (const part of frames(stream === 2 ? 'errors' : 'output', chunk)) {
        if (!this.#peer.write(part)) output.pause();
      }
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
    if (news.event === 'started') return;
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
    this.#send('ended', Buffer.from(JSON.stringify(this.#news)));
    this.#peer.end();
  }

  #send(kind: FrameKind, bytes: Buffer): void {
    if (!this.#peer.destroyed && this.#peer.writable) this.#peer.write(frame(kind, bytes));
  }

  /** Nobody hears the command any more: it ends as with a terminal that is closed. */
  #abandon(): void {
    if (this.#news !== undefined) return;
    this.#signal(SIGHUP);
    setTimeout(() => this.#signal(SIGKILL), GRACE).unref();
    for (const output of this.#outputs) output.resume();
    this.#input?.destroy();
  }
}

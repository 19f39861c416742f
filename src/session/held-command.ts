/**
 * The command of a detached session: it runs whether or not anybody looks, what it says last is kept, and whoever attaches gets its
 * streams, all at a time if there are several.
 */
import type { Socket } from 'node:net';
import { CommandStreams, type RelayedCommand } from './command-streams.ts';
import type { CommandNews, Commands } from './commands.ts';
import { misuse } from './control-protocol.ts';
import type { SessionEvent } from './event-log.ts';
import {
  type Frame,
  type FrameKind,
  FrameReader,
  frame,
  frames,
  lengthBytes,
  sizeFrom,
} from './exec-frames.ts';
import { KeptOutput, recallOutput } from './kept-output.ts';

/** Milliseconds that those who are attached have to take the last of it before the session ends. */
const FAREWELL = 10_000;

export interface HeldCommandOptions {
  /** Of the session. */
  readonly directory: string;
  readonly append: (event: SessionEvent) => void;
  readonly onStarted: () => void;
  /** It has ended, and whoever is attached was told. */
  readonly onEnded: (news: CommandNews) => void;
}

interface Peer {
  readonly socket: Socket;
  readonly reader: FrameReader;
}

export class HeldCommand {
  readonly #options: HeldCommandOptions;
  readonly #terminal: boolean;
  readonly #input: boolean;
  readonly #streams: CommandStreams;
  readonly #kept: KeptOutput;
  readonly #peers = new Set<Peer>();
  #news: CommandNews | undefined;
  #farewell: NodeJS.Timeout | undefined;

  /** Starts it. `input`: it has one that somebody may write to. */
  constructor(
    commands: Commands,
    { input, ...relayed }: RelayedCommand & { readonly input: boolean },
    options: HeldCommandOptions,
  ) {
    const { directory, append } = options;
    this.#options = options;
    this.#terminal = relayed.terminal;
    this.#input = input;
    this.#kept = new KeptOutput(directory, (why) => append({ kind: 'output-lost', why }));
    this.#streams = new CommandStreams(commands, relayed, {
      onOutput: (kind, chunk) => this.#show(kind, chunk),
      onStarted: () => options.onStarted(),
      onEnded: (news) => this.#end(news),
    });
  }

  signal(number: number): void {
    this.#streams.signal(number);
  }

  /** Reads a request to attach. What it gives takes the connection over once the request was answered. Throws ERR_USAGE. */
  attach(request: Readonly<Record<string, unknown>>): (socket: Socket, rest: Buffer) => void {
    const { recall } = request;
    const odd = Object.keys(request).find((key) => !['version', 'op', 'recall'].includes(key));
    if (odd !== undefined) throw misuse(`it knows no ${JSON.stringify(odd)}`);
    if (typeof recall !== 'boolean') throw misuse('it does not say whether what was kept is wanted');
    return (socket, rest) => this.#join({ socket, reader: new FrameReader() }, rest, recall);
  }

  #join(peer: Peer, rest: Buffer, recall: boolean): void {
    const { socket } = peer;
    this.#options.append({ kind: 'attached' });
    socket.setTimeout(0);
    socket.on('data', (chunk: Buffer) => this.#take(peer, chunk));
    socket.on('drain', () => this.#resume());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#leave(peer));
    this.#peers.add(peer);
    const { directory } = this.#options;
    const terminal = this.#terminal;
    for (const each of recall ? recallOutput(directory, { terminal }) : []) socket.write(each);
    if (this.#news !== undefined) this.#tell(peer, this.#news);
    this.#take(peer, rest);
  }

  #leave(peer: Peer): void {
    this.#peers.delete(peer);
    this.#options.append({ kind: 'detached' });
    this.#resume();
    if (this.#news !== undefined && this.#peers.size === 0) this.#over();
  }

  #take(peer: Peer, chunk: Buffer): void {
    const heard = peer.reader.push(chunk);
    if (heard === undefined) peer.socket.destroy();
    for (const each of heard ?? []) this.#obey(peer, each);
  }

  #obey({ socket }: Peer, { kind, bytes }: Frame): void {
    const size = kind === 'size' ? sizeFrom(bytes) : undefined;
    if (size) {
      // A program that keeps the whole screen draws it anew when its size changes, and this one may be as large as the last.
      this.#streams.resize({ ...size, rows: size.rows === 1 ? 2 : size.rows - 1 });
      this.#streams.resize(size);
    }
    const taken = () => this.#send(socket, 'taken', lengthBytes(bytes));
    // Who leaves a terminal does not end what goes on there.
    if (kind === 'input-end' && this.#input && !this.#terminal) this.#streams.endInput();
    if (kind !== 'input') return;
    if (this.#input) this.#streams.write(bytes, taken);
    else taken();
  }

  /** As fast as the slowest of those who are attached; with nobody there, as fast as it is kept. */
  #show(kind: 'output' | 'errors', chunk: Buffer): boolean {
    this.#kept.keep(kind, chunk);
    const parts = frames(kind, chunk);
    for (const { socket } of this.#peers) for (const part of parts) socket.write(part);
    return !this.#slow();
  }

  #slow(): boolean {
    return [...this.#peers].some(({ socket }) => socket.writableNeedDrain);
  }

  #resume(): void {
    if (!this.#slow()) this.#streams.resume();
  }

  #end(news: CommandNews): void {
    this.#news = news;
    this.#kept.close();
    for (const peer of this.#peers) this.#tell(peer, news);
    if (this.#peers.size === 0) this.#over();
    else this.#farewell = setTimeout(() => this.#over(), FAREWELL);
  }

  #tell({ socket }: Peer, news: CommandNews): void {
    this.#send(socket, 'ended', Buffer.from(JSON.stringify(news)));
    socket.end();
  }

  #over(): void {
    clearTimeout(this.#farewell);
    this.#options.onEnded(this.#news!);
  }

  #send(socket: Socket, kind: FrameKind, bytes: Buffer): void {
    if (socket.writable) socket.write(frame(kind, bytes));
  }
}

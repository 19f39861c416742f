/** One command of a session, joined to the connection of whoever asked for it: streams, signals, and how it ended. */
import type { Socket } from 'node:net';
import { CommandStreams, type RelayedCommand } from './command-streams.ts';
import type { CommandNews, Commands } from './commands.ts';
import {
  type Frame,
  type FrameKind,
  FrameReader,
  frame,
  frames,
  lengthBytes,
  sizeFrom,
} from './exec-frames.ts';

const SIGHUP = 1;
const SIGKILL = 9;
/** Milliseconds that a command has to end once whoever asked for it has gone. */
const GRACE = 5000;

export class ExecRelay {
  readonly #peer: Socket;
  readonly #reader = new FrameReader();
  readonly #streams: CommandStreams;
  #over = false;

  /** `peer` has been read up to where the frames begin. */
  constructor(peer: Socket, commands: Commands, relayed: RelayedCommand) {
    this.#peer = peer;
    this.#streams = new CommandStreams(commands, relayed, {
      onOutput: (kind, chunk) => this.#show(kind, chunk),
      onStarted: (news) => {
        // That it runs is all there is to hear of it, and it stays when its connection ends.
        if (relayed.silent) this.#end(news);
      },
      onEnded: (news) => this.#end(news),
    });
    peer.setTimeout(0);
    peer.on('data', (chunk: Buffer) => this.take(chunk));
    peer.on('drain', () => this.#streams.resume());
    // The end of the command's input is a frame; the end of the connection is the end of whoever asked.
    peer.on('end', () => peer.destroy());
    peer.on('close', () => this.#abandon());
  }

  /** Frames that came with the request, and after it. */
  take(chunk: Buffer): void {
    const heard = this.#reader.push(chunk);
    if (heard === undefined) this.#peer.destroy();
    for (const each of heard ?? []) this.#obey(each);
  }

  #obey({ kind, bytes }: Frame): void {
    const [number] = bytes;
    if (kind === 'signal' && number !== undefined) this.#streams.signal(number);
    const size = kind === 'size' ? sizeFrom(bytes) : undefined;
    if (size) this.#streams.resize(size);
    if (kind === 'input-end') this.#streams.endInput();
    if (kind === 'input') this.#streams.write(bytes, () => this.#send('taken', lengthBytes(bytes)));
  }

  #show(kind: 'output' | 'errors', chunk: Buffer): boolean {
    // Whoever went away takes nothing, and must not hold the command up on its way to its end.
    if (this.#peer.destroyed) return true;
    return frames(kind, chunk)
      .map((part) => this.#peer.write(part))
      .every(Boolean);
  }

  #end(news: CommandNews): void {
    if (this.#over) return;
    this.#over = true;
    this.#send('ended', Buffer.from(JSON.stringify(news)));
    this.#peer.end();
  }

  #send(kind: FrameKind, bytes: Buffer): void {
    if (!this.#peer.destroyed && this.#peer.writable) this.#peer.write(frame(kind, bytes));
  }

  /** Nobody hears the command any more: it ends as with a terminal that is closed. */
  #abandon(): void {
    if (this.#over) return;
    this.#streams.signal(SIGHUP);
    setTimeout(() => this.#streams.signal(SIGKILL), GRACE).unref();
    this.#streams.resume();
    this.#streams.dropInput();
  }
}

/** The two streams of a command on a terminal: one socket, both ways, and the sizes that go beside it. */
import type { Socket } from 'node:net';
import type { TerminalSize } from '../platform/linux/plan.ts';
import { winsize } from '../platform/linux/terminal-calls.ts';
import { END_OF_INPUT } from '../session/terminal-command.ts';
import { CommandInput, CommandOutput, socketOf } from './streams.ts';

/** Its end is typed, and its being destroyed leaves the output alone: only that hangs the terminal up. */
class TerminalInput extends CommandInput {
  override _final(done: (error?: Error | null) => void): void {
    this._write(Buffer.from(END_OF_INPUT), 'latin1', done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    done(error);
  }
}

/** Its being destroyed hangs the terminal up; its end does not. */
class TerminalOutput extends CommandOutput {
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.readableEnded) done(error);
    else super._destroy(error, done);
  }
}

export class TerminalStreams {
  readonly input = new TerminalInput();
  readonly output = new TerminalOutput();
  #data: Socket | undefined;
  #sizes: Socket | undefined;
  #exited = false;
  /** Asked for before there was a way to say so. */
  #size: TerminalSize | undefined;

  connect(stream: number, handle: object | undefined): void {
    if (stream === 1) {
      if (handle === undefined) return;
      this.#sizes = socketOf(handle, { readable: true, writable: true });
      // The terminal has gone, and its size with it.
      this.#sizes.on('error', () => {});
      this.#sizes.resume();
      if (this.#size) this.resize(this.#size);
      return;
    }
    const socket = handle && socketOf(handle, { readable: true, writable: true, allowHalfOpen: true });
    this.#data = socket;
    this.output.attach(socket);
    this.input.attach(socket);
    socket?.on('end', () => this.#release());
    socket?.on('close', () => this.#sizes?.destroy());
  }

  /** The command has ended; others may still write on its terminal. */
  exited(): void {
    this.#exited = true;
    this.#release();
  }

  /** Not as soon as nobody holds the terminal: the command may still be on the way to its exit, and would be hung up. */
  #release(): void {
    if (this.#exited && this.#data?.readableEnded) this.#data.destroy();
  }

  resize(size: TerminalSize): void {
    if (this.#sizes === undefined) this.#size = size;
    else if (!this.#sizes.destroyed) this.#sizes.write(winsize(size));
  }
}

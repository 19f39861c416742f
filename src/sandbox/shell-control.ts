/** The socket on which a persistent shell takes its commands, and says how each did. */
import type { Socket } from 'node:net';
import { socketOf } from './streams.ts';

export class ShellControl {
  #socket: Socket | undefined;
  /** What was written before there was a socket. */
  readonly #waiting: Buffer[] = [];
  /** What the shell has said and nobody has taken yet. */
  #said: Buffer = Buffer.alloc(0);
  #onSaid: (() => void) | undefined;

  connect(handle: object): void {
    const socket = socketOf(handle, { readable: true, writable: true });
    // What an end of the shell means is told by its record.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#said = Buffer.concat([this.#said, chunk]);
      this.#onSaid?.();
    });
    this.#socket = socket;
    for (const bytes of this.#waiting.splice(0)) socket.write(bytes);
  }

  write(bytes: Buffer): void {
    if (this.#socket) this.#socket.write(bytes);
    else this.#waiting.push(bytes);
  }

  /** How the command did and where the shell is, once it says so. */
  async answer(): Promise<{ readonly status: number; readonly cwd: string }> {
    for (;;) {
      const end = this.#said.indexOf(0);
      if (end >= 0) {
        const words = this.#said.toString('utf8', 0, end);
        this.#said = this.#said.subarray(end + 1);
        const space = words.indexOf(' ');
        return { status: Number(words.slice(0, space)) & 0xff, cwd: words.slice(space + 1) };
      }
      await new Promise<void>((resolve) => {
        this.#onSaid = resolve;
      });
    }
  }

  /** There are no more commands. */
  end(): void {
    this.#socket?.end();
  }

  destroy(): void {
    this.#socket?.destroy();
  }
}

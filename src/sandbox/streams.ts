/** Streams of a command that exist at once and are connected when its pipe has come. */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { Readable, Writable } from 'node:stream';

/** `handle` is no part of the public types; it is what Node itself makes the streams of its children from. */
export function socketOf(
  handle: object,
  ways: { readonly readable: boolean; readonly writable: boolean; readonly allowHalfOpen?: boolean },
): Socket {
  return new Socket({ handle, ...ways } as SocketConstructorOpts);
}

/** What a command writes. Reads from the pipe only as fast as somebody reads from here. */
export class CommandOutput extends Readable {
  #socket: Socket | undefined;
  #ended = false;
  /** Something of it was beyond the limit of the sandbox, and is not here. */
  cut = false;
  #take: (chunk: Buffer) => Buffer = (chunk) => chunk;

  constructor() {
    super({ highWaterMark: 65536 });
  }

  /** `take` gives what of each part may be read. */
  count(take: (chunk: Buffer) => Buffer): void {
    this.#take = take;
  }

  connect(handle: object | undefined): void {
    this.attach(handle && socketOf(handle, { readable: true, writable: false }));
  }

  /** Undefined: the pipe will never come, so there is nothing more to read. */
  attach(socket: Socket | undefined): void {
    if (socket === undefined) {
      this.#finish();
      return;
    }
    this.#socket = socket;
    if (this.destroyed) {
      socket.destroy();
      return;
    }
    socket.on('data', (chunk: Buffer) => {
      const part = this.#take(chunk);
      this.cut ||= part.length < chunk.length;
      if (part.length > 0 && !this.push(part)) socket.pause();
    });
    socket.on('end', () => this.#finish());
    // A reset is how the kernel tells that the other end went with unread input; what was written has come by then.
    socket.on('error', () => this.#finish());
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket?.destroy();
    done(error);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.push(null);
  }
}

/** What a command reads. What is written before the pipe has come waits. */
export class CommandInput extends Writable {
  #socket: Socket | undefined;
  #onConnect: (() => void) | undefined;

  connect(handle: object | undefined): void {
    this.attach(handle && socketOf(handle, { readable: false, writable: true }));
  }

  attach(socket: Socket | undefined): void {
    if (socket === undefined) {
      this.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    if (this.destroyed) socket.destroy();
    else this.#onConnect?.();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket) this.#socket.write(chunk, encoding, done);
    else this.#onConnect = () => this.#socket?.write(chunk, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket) this.#socket.end(() => done());
    else this.#onConnect = () => this.#socket?.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket?.destroy();
    done(error);
  }
}

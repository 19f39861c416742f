/** Runs a command in a session for whoever holds these streams, and says how it ended. */
import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../platform/linux/plan.ts';
import type { Narrowing } from '../policy/narrowing.ts';
import type { CommandNews } from './commands.ts';
import { connectSession, request, sessionGone } from './control-client.ts';
import { FrameReader, frame, frames, sizeBytes, WINDOW_BYTES } from './exec-frames.ts';
import type { ListedSession } from './store.ts';

export interface ExecStreams {
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
}

export interface ExecControl {
  signal(number: number): void;
  resize(size: TerminalSize): void;
}

export interface ExecRequest {
  readonly argv: readonly string[];
  /** Absolute. Default: that of the session. */
  readonly cwd?: string;
  readonly narrowing?: Narrowing;
  /** The command gets a terminal of its own, of this size at first. */
  readonly terminal?: TerminalSize & { readonly name?: string | undefined };
  readonly streams: ExecStreams;
  /** Called when the command is under way. */
  readonly onStarted: (control: ExecControl) => void;
}

/** Throws ERR_SESSION_UNREACHABLE when the session ended before the command said how it did. */
export async function execInSession(session: ListedSession, wanted: ExecRequest): Promise<CommandNews> {
  const { argv, cwd, terminal, narrowing, streams, onStarted } = wanted;
  const { input, output, errors } = streams;
  const socket = await connectSession(session);
  await request(session, socket, 'exec', {
    argv,
    ...(cwd !== undefined && { cwd }),
    ...(terminal && { terminal }),
    ...(narrowing && { narrowing }),
  }).catch((error) => {
    // Refused: a connection that stays would keep this process.
    socket.destroy();
    throw error;
  });
  onStarted({
    signal: (number) => socket.write(frame('signal', Buffer.of(number))),
    resize: (size) => socket.write(frame('size', sizeBytes(size))),
  });
  let underWay = 0;
  input.on('data', (chunk: Buffer) => {
    underWay += chunk.length;
    if (underWay >= WINDOW_BYTES) input.pause();
    for (const part of frames('input', chunk)) socket.write(part);
  });
  input.on('end', () => socket.write(frame('input-end')));
  for (const stream of [output, errors]) stream.on('drain', () => socket.resume());
  const reader = new FrameReader();
  return await new Promise((resolve, reject) => {
    socket.on('close', () => reject(sessionGone(session)));
    socket.on('data', (chunk: Buffer) => {
      for (const { kind, bytes } of reader.push(chunk) ?? []) {
        const stream = kind === 'output' ? output : kind === 'errors' ? errors : undefined;
        if (stream?.write(bytes) === false) socket.pause();
        if (kind === 'ended') resolve(JSON.parse(bytes.toString('utf8')));
        if (kind !== 'taken') continue;
        underWay -= bytes.readUInt32BE(0);
        if (underWay < WINDOW_BYTES) input.resume();
      }
    });
    socket.resume();
  });
}

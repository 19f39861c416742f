/** Runs a command in a session, or attaches to that of a detached one, for whoever holds these streams, and says how it ended. */
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../platform/linux/plan.ts';
import type { Narrowing } from '../policy/narrowing.ts';
import type { CommandNews } from './commands.ts';
import { connectSession, request, sessionGone } from './control-client.ts';
import { FrameReader, frame, frames, sizeBytes, WINDOW_BYTES } from './exec-frames.ts';
import type { ListedSession } from './store.ts';

export interface ExecStreams {
  /** Undefined: nothing is typed, and the end of it is not told. */
  readonly input: Readable | undefined;
  readonly output: Writable;
  readonly errors: Writable;
}

export interface ExecControl {
  signal(number: number): void;
  resize(size: TerminalSize): void;
  /** Goes away; what becomes of the command then is up to the session. */
  leave(): void;
}

export interface ExecRequest {
  readonly argv: readonly string[];
  /** Absolute. Default: that of the session. */
  readonly cwd?: string;
  readonly narrowing?: Narrowing;
  /** The command gets a terminal of its own, of this size at first. */
  readonly terminal?: TerminalSize & { readonly name?: string | undefined };
  /** Resolves with `started` once it runs. */
  readonly detach?: boolean;
  readonly joined: Joined;
}

/** Whoever is joined to a command. */
export interface Joined {
  readonly streams: ExecStreams;
  /** Called when the command is under way. */
  readonly onStarted: (control: ExecControl) => void;
}

/** Throws ERR_SESSION_UNREACHABLE when the session ended before the command said how it did. */
export function execInSession(session: ListedSession, wanted: ExecRequest): Promise<CommandNews> {
  const { argv, cwd, terminal, narrowing, detach, joined } = wanted;
  const asks = {
    argv,
    ...(cwd !== undefined && { cwd }),
    ...(terminal && { terminal }),
    ...(narrowing && { narrowing }),
    ...(detach && { detach }),
  };
  return join(session, (socket) => request(session, socket, 'exec', asks), joined);
}

/** The same for the command of a detached session. Throws ERR_NOT_DETACHED. */
export function attachToSession(
  session: ListedSession,
  { recall, joined }: { readonly recall: boolean; readonly joined: Joined },
): Promise<CommandNews> {
  return join(session, (socket) => request(session, socket, 'attach', { recall }), joined);
}

async function join(
  session: ListedSession,
  ask: (socket: Socket) => Promise<object>,
  joined: Joined,
): Promise<CommandNews> {
  const socket = await connectSession(session);
  try {
    await ask(socket);
    return await relay(session, socket, joined);
  } finally {
    // A connection that stays would keep this process.
    socket.destroy();
  }
}

function relay(session: ListedSession, socket: Socket, { streams, onStarted }: Joined): Promise<CommandNews> {
  const { input, output, errors } = streams;
  onStarted({
    signal: (number) => socket.write(frame('signal', Buffer.of(number))),
    resize: (size) => socket.write(frame('size', sizeBytes(size))),
    leave: () => socket.destroy(),
  });
  let underWay = 0;
  input?.on('data', (chunk: Buffer) => {
    underWay += chunk.length;
    if (underWay >= WINDOW_BYTES) input.pause();
    for (const part of frames('input', chunk)) socket.write(part);
  });
  input?.on('end', () => socket.write(frame('input-end')));
  for (const stream of [output, errors]) stream.on('drain', () => socket.resume());
  const reader = new FrameReader();
  return new Promise((resolve, reject) => {
    // Half-open otherwise, and nobody is left to close it where the session was killed.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => reject(sessionGone(session)));
    socket.on('data', (chunk: Buffer) => {
      for (const { kind, bytes } of reader.push(chunk) ?? []) {
        const stream = kind === 'output' ? output : kind === 'errors' ? errors : undefined;
        if (stream?.write(bytes) === false) socket.pause();
        if (kind === 'ended') resolve(JSON.parse(bytes.toString('utf8')));
        if (kind !== 'taken') continue;
        underWay -= bytes.readUInt32BE(0);
        if (underWay < WINDOW_BYTES) input?.resume();
      }
    });
    socket.resume();
  });
}

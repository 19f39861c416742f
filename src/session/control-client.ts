/** Speaks with a session that runs, through its control socket. */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SandboxError } from '../errors.ts';
import {
  CONTROL_NAME,
  CONTROL_VERSION,
  type ControlAnswer,
  type ControlOp,
  type ControlOps,
  errorFrom,
  MAX_LINE_BYTES,
} from './control-protocol.ts';
import { type SocketPlace, socketPlace } from './socket-place.ts';
import type { ListedSession } from './store.ts';

/** Milliseconds. A session answers within a few; one that is stopped (Ctrl-Z) does not. */
const PATIENCE = 10_000;
const START = 2000;
const STEP = 50;

function unreachable(
  session: Pick<ListedSession, 'id' | 'pinfold'>,
  why: string,
  cause?: unknown,
): SandboxError {
  return new SandboxError('ERR_SESSION_UNREACHABLE', {
    what: `Cannot reach session ${session.id}`,
    why,
    fix: `pinfold sessions lists what is live; its process is ${session.pinfold.pid}`,
    cause,
  });
}

/** The connection ended before what was to come over it. */
export function sessionGone(session: Pick<ListedSession, 'id' | 'pinfold'>): SandboxError {
  return unreachable(session, 'it ended meanwhile');
}

/** What connect(2) met, in the words of a person. */
function whyNot(error: NodeJS.ErrnoException, session: ListedSession): string {
  if (session.state === 'lost') return 'it was killed, and nobody is left to answer';
  if (session.state === 'ended') return 'it has ended';
  if (error.code === 'ECONNREFUSED') return 'the process that held it has ended';
  if (error.code === 'ENOENT') return 'it has no control socket';
  return error.message;
}

function connectOnce(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // Its end says all there is to say.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/** A session has its socket a moment after its start. */
async function connectSoon(path: string, live: boolean): Promise<Socket> {
  for (let waited = 0; ; waited += STEP) {
    try {
      return await connectOnce(path);
    } catch (error) {
      if (!live || waited >= START || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await delay(STEP);
    }
  }
}

/** Throws ERR_SESSION_UNREACHABLE. Nothing of the connection is read yet. */
export async function connectSession(session: ListedSession): Promise<Socket> {
  let place: SocketPlace | undefined;
  try {
    place = socketPlace(session.directory, CONTROL_NAME);
    return await connectSoon(place.path, session.state === 'live');
  } catch (error) {
    throw unreachable(session, whyNot(error as NodeJS.ErrnoException, session), error);
  } finally {
    place?.close();
  }
}

/** Sends one request and resolves with what came back. Throws what the session answered, or ERR_SESSION_UNREACHABLE. */
export function request<K extends ControlOp>(
  session: ListedSession,
  socket: Socket,
  op: K,
  asks: ControlOps[K]['asks'],
): Promise<ControlOps[K]['gives']> {
  return new Promise((resolve, reject) => {
    let answer: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => fail('it does not answer; it may be stopped (Ctrl-Z)'), PATIENCE);
    const settle = () => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', onClose);
    };
    const fail = (why: string) => {
      settle();
      socket.destroy();
      reject(unreachable(session, why));
    };
    const onClose = () => fail('it ended before it answered');
    const onData = (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf(10);
      if (end === -1 && answer.length > MAX_LINE_BYTES) fail('its answer is too long');
      if (end === -1) return;
      settle();
      // What comes behind the answer belongs to whoever reads on, and need not be lines.
      socket.pause();
      const rest = answer.subarray(end + 1);
      if (rest.length > 0) socket.unshift(rest);
      const said: ControlAnswer = JSON.parse(answer.toString('utf8', 0, end));
      if (said.ok) resolve(said.result as ControlOps[K]['gives']);
      else reject(errorFrom(said.error));
    };
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.write(`${JSON.stringify({ version: CONTROL_VERSION, op, ...asks })}\n`);
  });
}

/** One request on a connection of its own. */
export async function askSession<K extends ControlOp>(
  session: ListedSession,
  op: K,
  asks: ControlOps[K]['asks'],
): Promise<ControlOps[K]['gives']> {
  const socket = await connectSession(session);
  try {
    return await request(session, socket, op, asks);
  } finally {
    socket.destroy();
  }
}

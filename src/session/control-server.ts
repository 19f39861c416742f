/**
 * Answers the person's other commands about a session that runs. Whoever can connect is that person (the directory lets nobody
 * else in), so a message is not judged by who sent it; but it is bounded, and a wrong one is an answer and never a crash.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { SandboxError } from '../errors.ts';
import type { Connected } from '../network/types.ts';
import type { Policy } from '../policy/types.ts';
import {
  type ControlAnswer,
  type ControlOp,
  type ControlOps,
  errorData,
  LineReader,
  misuse,
} from './control-protocol.ts';
import { accessOf, lastingOf, pathOf, text, understand } from './control-request.ts';
import type { SessionEvent } from './event-log.ts';
import { type GrantableNetwork, LiveGrants } from './live-grants.ts';
import type { LivePaths } from './live-paths.ts';

/** What a session lets its control socket do. */
export interface ControlledSession {
  /** As enforced. */
  readonly policy: Policy;
  readonly network: () => Promise<GrantableNetwork>;
  /** Its loopback is its own, and no connection to it is asked about: a grant of a place there would change nothing. */
  readonly deafLoopback?: boolean;
  readonly append: (event: SessionEvent) => void;
  readonly signal: (name: NodeJS.Signals) => void;
  /** What whoever attaches is joined to. Absent: the session is not detached. */
  readonly held?: HeldSession | undefined;
  /** What it can do on this platform alone; absent where that is nothing. Loaded with the first connection. */
  readonly abilities?: () => Promise<SessionAbilities>;
}

/** Reads a request. What it gives speaks on the connection from then on. */
type Joining = (request: Readonly<Record<string, unknown>>) => (socket: Socket, rest: Buffer) => void;

/** A session whose command nobody has to look at. */
export interface HeldSession {
  readonly attach: Joining;
  /** SIGTERM to its command; the session ends when that does. */
  terminate(): void;
  /** Nobody is joined to it any more, and none of it is recorded. */
  close(): void;
}

/** Neither backend is loaded for what both have, so what one of them can do comes through this. */
export interface SessionAbilities {
  readonly paths: Pick<LivePaths, 'allow' | 'revoke' | 'paths' | 'refusalOf' | 'canBeOnce'>;
  /** For one more command, which starts when the connection is handed over. */
  readonly command: Joining;
  close(): void;
}

/** Milliseconds until the first request must have come, and between two. */
const PATIENCE = 60_000;
/** Milliseconds that whoever is joined to a command has, once the session has ended, to take how that did. */
const FAREWELL = 2000;

type Handlers = {
  readonly [K in Exclude<ControlOp, 'exec' | 'attach'>]: (
    asks: ControlOps[K]['asks'],
  ) => Promise<ControlOps[K]['gives']>;
};

function noPaths(): SandboxError {
  return new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
    what: 'Cannot change which paths the running session is shown',
    why: 'on this system they are fixed when a command starts',
    fix: 'Grant it for good (--project or --user): it holds from the next command on',
  });
}

function noCommands(): SandboxError {
  return new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
    what: 'Cannot run one more command in the session',
    why: 'on this system a session runs the one command that it was started with',
    fix: 'Start the command in a sandbox of its own: pinfold run -- COMMAND',
  });
}

function notDetached(): SandboxError {
  return new SandboxError('ERR_NOT_DETACHED', {
    what: 'Cannot attach to the session',
    why: 'its command has the streams of whoever started it',
    fix: 'pinfold exec runs another command in it; pinfold run --detach starts one that can be attached to',
  });
}

type Start = ReturnType<Joining>;

export class ControlServer {
  readonly grants: LiveGrants;
  readonly #abilities: SessionAbilities | undefined;
  readonly #session: ControlledSession;
  readonly #handlers: Handlers;
  /** Connections that were handed over: what they were joined to ends them. */
  readonly #joined = new Set<Socket>();
  #killing: NodeJS.Timeout | undefined;

  constructor(session: ControlledSession, abilities?: SessionAbilities) {
    this.#session = session;
    this.#abilities = abilities;
    this.grants = new LiveGrants(session);
    this.#handlers = {
      allow: ({ host, lasting }) => this.grants.allow(text(host, 'host'), lastingOf(lasting), 'allow'),
      revoke: ({ host }) => this.grants.revoke(text(host, 'host')),
      'allow-path': async ({ path, access, lasting }) =>
        await this.paths.allow(pathOf(path), accessOf(access), lastingOf(lasting), 'allow'),
      'revoke-path': async ({ path }) => await this.paths.revoke(pathOf(path)),
      grants: async () => ({ hosts: this.grants.hosts, paths: this.#abilities?.paths.paths ?? [] }),
      stop: async ({ graceMs }) => this.#stop(graceMs),
    };
  }

  /** Throws ERR_PLATFORM_UNSUPPORTED where a running session is shown no further path. */
  get paths(): SessionAbilities['paths'] {
    if (this.#abilities === undefined) throw noPaths();
    return this.#abilities.paths;
  }

  /** A connection through the gate, which may be the first use of a grant. */
  connected(connected: Connected): void {
    this.grants.connected(connected);
  }

  /** Resolves once everybody who is joined to a command has taken how it ended, or has had the time to. */
  async farewell(): Promise<void> {
    if (this.#joined.size === 0) return;
    const patience = new AbortController();
    const gone = [...this.#joined].map((socket) => once(socket, 'close', patience));
    const late = setTimeout(() => patience.abort(), FAREWELL);
    await Promise.allSettled(gone);
    clearTimeout(late);
  }

  close(): void {
    this.grants.close();
    this.#abilities?.close();
    clearTimeout(this.#killing);
  }

  /** Takes over a connection that was not read from. */
  serve(socket: Socket): void {
    const reader = new LineReader();
    let before = Promise.resolve();
    // The session keeps its process alive, and not whoever looks at it.
    socket.unref();
    socket.setTimeout(PATIENCE, () => socket.destroy());
    socket.on('end', () => void before.then(() => socket.end()));
    const onData = (chunk: Buffer): void => {
      const lines = reader.push(chunk);
      if (lines === undefined) {
        answer(socket, { version: 1, ok: false, error: errorData(misuse('a line is too long')) });
        socket.destroySoon();
        return;
      }
      for (const line of lines) {
        before = before
          .then(() => this.#answer(line, (start) => this.#handOver(socket, start, reader, onData)))
          .then((said) => said && answer(socket, said));
      }
    };
    socket.on('data', onData);
    socket.resume();
  }

  /** Undefined: the connection was handed over, and was answered. */
  async #answer(line: string, handOver: (start: Start) => void): Promise<ControlAnswer | undefined> {
    try {
      const request = understand(line);
      const join = this.#joiningOf(request.op);
      if (join !== undefined) {
        handOver(join(request));
        return undefined;
      }
      return { version: 1, ok: true, result: await this.#carryOut(request) };
    } catch (thrown) {
      return { version: 1, ok: false, error: errorData(thrown) };
    }
  }

  /** What takes a connection over for this request; undefined: it is answered like any other. */
  #joiningOf(op: unknown): Joining | undefined {
    if (op === 'exec') {
      if (this.#abilities === undefined) throw noCommands();
      return (request) => this.#abilities!.command(request);
    }
    if (op !== 'attach') return undefined;
    const { held } = this.#session;
    if (held === undefined) throw notDetached();
    return (request) => held.attach(request);
  }

  #handOver(socket: Socket, start: Start, reader: LineReader, onData: (chunk: Buffer) => void): void {
    socket.off('data', onData);
    socket.removeAllListeners('end');
    this.#joined.add(socket);
    socket.on('close', () => this.#joined.delete(socket));
    answer(socket, { version: 1, ok: true, result: {} });
    start(socket, reader.rest);
  }

  #carryOut(request: Readonly<Record<string, unknown>>): Promise<unknown> {
    const op = String(request.op);
    if (!Object.hasOwn(this.#handlers, op)) throw misuse(`it knows no ${JSON.stringify(op)}`);
    const handler = this.#handlers[op as keyof Handlers] as (asks: unknown) => Promise<unknown>;
    return handler(request);
  }

  #stop(graceMs: number): object {
    this.#session.append({ kind: 'stop' });
    const { held } = this.#session;
    if (held === undefined) this.#session.signal('SIGTERM');
    else held.terminate();
    const grace = Number.isFinite(graceMs) ? Math.min(Math.max(graceMs, 0), 600_000) : 0;
    this.#killing ??= setTimeout(() => this.#session.signal('SIGKILL'), grace);
    return {};
  }
}

function answer(socket: Socket, said: ControlAnswer): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(said)}\n`);
}

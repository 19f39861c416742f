/** Reads what sessions left behind: which one is meant, its log while it grows, and the policy it ran under. */
import { closeSync, openSync, readFileSync, readSync, watch } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { SandboxError } from '../errors.ts';
import type { Policy } from '../policy/types.ts';
import type { SessionEvent } from './event-log.ts';
import type { ListedSession, SessionStore } from './store.ts';

const LOG = 'events.jsonl';
/** How long a follower waits for news of a file before it looks whether anybody is left to write. Milliseconds. */
const PATIENCE = 1000;
const CHUNK = 64 * 1024;

export function logPath({ directory }: Pick<ListedSession, 'directory'>): string {
  return join(directory, LOG);
}

function unknown(what: string, why: string): SandboxError {
  return new SandboxError('ERR_SESSION_UNKNOWN', { what, why, fix: 'pinfold log lists every session' });
}

/**
 * The session of this id (or of the only one that begins so), else the latest of the project, else the latest of all.
 * Throws ERR_SESSION_UNKNOWN.
 */
export function findSession(
  store: SessionStore,
  { id, projectDir }: { readonly id: string | undefined; readonly projectDir: string | undefined },
): ListedSession {
  const sessions = store.list();
  if (id !== undefined) {
    const found = sessions.filter((session) => session.id.startsWith(id));
    if (found.length === 1 && id !== '') return found[0]!;
    const why = found.length === 0 ? 'none has this id' : `${found.length} begin with this`;
    throw unknown(`Cannot find the session ${JSON.stringify(id)}`, why);
  }
  const mine = sessions.filter(({ project }) => projectDir === undefined || project === projectDir);
  const latest = mine.at(-1);
  if (latest !== undefined) return latest;
  const where = projectDir === undefined ? 'nothing was ever run' : `nothing was run in ${projectDir}`;
  throw unknown('There is no session to look at', where);
}

function parse(line: string, path: string): SessionEvent {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new SandboxError('ERR_LOG_BROKEN', {
      what: `Cannot read ${path}`,
      why: 'a line of it is not JSON',
      fix: 'pinfold log verify says which; what stands before it can still be read as text',
      cause,
    });
  }
}

/** Takes a log apart as it grows. A last line without its end is being written, or was cut by a crash: it waits. */
class LogReader {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #decoder = new StringDecoder('utf8');
  readonly #buffer = Buffer.alloc(CHUNK);
  #rest = '';

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, 'r');
  }

  next(): SessionEvent[] {
    const events: SessionEvent[] = [];
    for (;;) {
      const length = readSync(this.#descriptor, this.#buffer, 0, CHUNK, null);
      if (length === 0) return events;
      const lines = (this.#rest + this.#decoder.write(this.#buffer.subarray(0, length))).split('\n');
      this.#rest = lines.pop()!;
      events.push(...lines.map((line) => parse(line, this.#path)));
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Throws ERR_LOG_BROKEN. */
export function readEvents(session: Pick<ListedSession, 'directory'>): SessionEvent[] {
  const reader = new LogReader(logPath(session));
  try {
    return reader.next();
  } finally {
    reader.close();
  }
}

export function readSessionPolicy({ directory }: Pick<ListedSession, 'directory'>): Policy {
  return JSON.parse(readFileSync(join(directory, 'policy.json'), 'utf8'));
}

/** Resolves on the next change of a file, and at the latest when patience or `signal` ends. */
function changed(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(path);
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      watcher.close();
      resolve();
    };
    const timer = setTimeout(done, PATIENCE);
    watcher.once('change', done);
    watcher.once('error', done);
    signal.addEventListener('abort', done);
  });
}

/** Every record of a session from its first, then each as it is written, until the session is over or `signal` aborts. */
export async function* followEvents(
  session: Pick<ListedSession, 'directory'>,
  isOver: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<SessionEvent> {
  const path = logPath(session);
  const reader = new LogReader(path);
  try {
    for (;;) {
      // Asked before reading: what is written between the two is still read.
      const over = isOver();
      const events = reader.next();
      yield* events;
      if (over || signal.aborted || events.some(({ kind }) => kind === 'ended')) return;
      if (events.length === 0) await changed(path, signal);
    }
  } finally {
    reader.close();
  }
}

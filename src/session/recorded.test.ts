import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makePolicy } from '../violations/cases.fixture.ts';
import { verifyLog } from './event-log.ts';
import { findSession, followEvents, logPath, readEvents } from './recorded.ts';
import { type OpenSession, SessionStore } from './store.ts';

let state = '';
let store: SessionStore;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'pinfold-recorded-'));
  store = new SessionStore(state);
});
afterEach(() => rmSync(state, { recursive: true }));

function open(project = '/p'): OpenSession {
  const session = store.create(
    { pinfold: { pid: process.pid }, argv: ['true'], cwd: '/p', project, mode: 'strict', network: 'none' },
    makePolicy(),
  );
  session.started(undefined);
  return session;
}

const never = new AbortController().signal;

describe('the session that is meant', () => {
  test('is the latest of the project, or the one that an id or its beginning names', async () => {
    const first = open();
    // Ids tell milliseconds apart, and what is made in the same one comes in any order.
    while (Date.now() === Number.parseInt(first.id.slice(0, 9), 36)) await new Promise(setImmediate);
    const second = open();
    while (Date.now() === Number.parseInt(second.id.slice(0, 9), 36)) await new Promise(setImmediate);
    const other = open('/other');
    const find = (id: string | undefined, projectDir: string | undefined) =>
      findSession(store, { id, projectDir }).id;
    expect(find(undefined, '/p')).toBe(second.id);
    expect(find(undefined, undefined)).toBe(other.id);
    expect(find(first.id, undefined)).toBe(first.id);
    expect(find(first.id.slice(0, 12), undefined)).toBe(first.id);
    expect(() => find('0', undefined)).toThrow(/3 begin with this/);
  });

  test.each([
    ['zzz', undefined, 'none has this id'],
    ['', undefined, 'begin with this|none has this id'],
    [undefined, '/elsewhere', 'nothing was run in /elsewhere'],
  ])('is none for %j in %j', (id, projectDir, why) => {
    open();
    expect(() => findSession(store, { id, projectDir })).toThrow(new RegExp(why));
    expect(() => findSession(store, { id, projectDir })).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_UNKNOWN' }),
    );
  });
});

describe('a log that is followed', () => {
  test('gives what is there and what comes, and ends with the session', async () => {
    const session = open();
    session.append({ kind: 'a' });
    const kinds: string[] = [];
    for await (const event of followEvents(session, () => false, never)) {
      kinds.push(event.kind);
      if (event.kind === 'a') setImmediate(() => session.append({ kind: 'b' }));
      if (event.kind === 'b') setImmediate(() => session.ended({ ending: { kind: 'exited', code: 0 } }));
    }
    expect(kinds).toEqual(['started', 'a', 'b', 'ended']);
  });

  test('ends when nobody is left to write, and when the reader wants no more', async () => {
    const session = open();
    const kinds = async (isOver: () => boolean, signal: AbortSignal) => {
      const found: string[] = [];
      for await (const { kind } of followEvents(session, isOver, signal)) found.push(kind);
      return found;
    };
    expect(await kinds(() => true, never)).toEqual(['started']);
    const stop = new AbortController();
    setImmediate(() => stop.abort());
    expect(await kinds(() => false, stop.signal)).toEqual(['started']);
  });

  test('a line that is only half written is not taken for one', () => {
    const session = open();
    appendFileSync(logPath(session), '{"kind":"hal');
    expect(readEvents(session).map(({ kind }) => kind)).toEqual(['started']);
    appendFileSync(logPath(session), 'f"}\nnot json\n');
    expect(() => readEvents(session)).toThrow(expect.objectContaining({ code: 'ERR_LOG_BROKEN' }));
  });
});

test('a log that was cut at its end is known by what the session says of it', () => {
  const session = open();
  session.append({ kind: 'violation' });
  session.ended({ ending: { kind: 'exited', code: 0 } });
  const [listed] = store.list();
  const path = logPath(session);
  expect(verifyLog(path, listed!.log)).toEqual({ kind: 'intact', records: 3 });
  const cut = join(state, 'cut');
  mkdirSync(cut);
  const lines = readEvents(session).slice(0, 2);
  expect(lines).toHaveLength(2);
  const copy = join(cut, 'events.jsonl');
  for (const line of lines) appendFileSync(copy, `${JSON.stringify(line)}\n`);
  expect(verifyLog(copy)).toEqual({ kind: 'intact', records: 2 });
  expect(verifyLog(copy, listed!.log)).toEqual({ kind: 'broken', line: 3, why: 'it ended with line 3' });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Policy } from '../policy/types.ts';
import { verifyLog } from './event-log.ts';
import { identify, isRunning } from './process-identity.ts';
import { SessionStore } from './store.ts';

let stateDir = '';
let store: SessionStore;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'pinfold-store-'));
  store = new SessionStore(stateDir);
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const policy = { projectDir: '/p' } as Policy;

function start() {
  return store.create(
    {
      pinfold: identify(process.pid),
      argv: ['true'],
      cwd: '/p',
      project: '/p',
      mode: 'strict',
      network: 'none',
    },
    policy,
  );
}

function editRecord(directory: string, change: (record: Record<string, unknown>) => void): void {
  const path = join(directory, 'session.json');
  const record = JSON.parse(readFileSync(path, 'utf8'));
  change(record);
  writeFileSync(path, JSON.stringify(record));
}

describe('a session', () => {
  test('is live from its start to its end', () => {
    const session = start();
    expect(store.list()).toEqual([]);
    session.started(undefined);
    expect(store.liveSessions().map(({ id }) => id)).toEqual([session.id]);
    session.ended({ ending: { kind: 'exited', code: 3 } });
    expect(store.liveSessions()).toEqual([]);
    expect(store.list()).toMatchObject([
      { id: session.id, state: 'ended', ending: { kind: 'exited', code: 3 }, argv: ['true'], mode: 'strict' },
    ]);
  });

  test('is not recorded where every user may write', () => {
    chmodSync(stateDir, 0o777);
    const why = `${stateDir}: every user may write it`;
    expect(start).toThrow(expect.objectContaining({ code: 'ERR_STATE_UNWRITABLE', why }));
    chmodSync(stateDir, 0o700);
    expect(start().id).toMatch(/^0/);
  });

  test('keeps its files from other users', () => {
    const session = start();
    session.started(undefined);
    expect(statSync(session.directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(session.directory).sort()).toEqual(['events.jsonl', 'policy.json', 'session.json']);
    for (const name of readdirSync(session.directory)) {
      expect(statSync(join(session.directory, name)).mode & 0o777).toBe(0o600);
    }
    session.ended({ ending: { kind: 'exited', code: 0 } });
  });

  test('leaves a log whose chain holds', () => {
    const session = start();
    session.started(undefined);
    session.append({ kind: 'guarded', path: '/p/.git/hooks' });
    session.ended({ ending: { kind: 'killed', signal: 9 } });
    expect(verifyLog(join(session.directory, 'events.jsonl'))).toEqual({ kind: 'intact', records: 3 });
  });

  test('has an id of its own that sorts by time', async () => {
    const first = start();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const second = start();
    expect([second.id, first.id].sort()).toEqual([first.id, second.id]);
    expect(first.id).toMatch(/^[0-9a-z]{13}$/);
  });

  test('whose processes are gone is lost, not live', async () => {
    const child = spawn('sleep', ['60']);
    const session = start();
    session.started(identify(child.pid!));
    editRecord(session.directory, (record) => {
      record.pinfold = { pid: 1, startTicks: '0', boot: 'another' };
    });
    expect(store.list()).toMatchObject([{ state: 'live' }]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(store.list()).toMatchObject([{ state: 'lost' }]);
  });
});

describe('a process', () => {
  test('is known again, and another one with its number is not taken for it', () => {
    const self = identify(process.pid);
    expect(isRunning(self)).toBe(true);
    expect(isRunning({ ...self, startTicks: String(Number(self.startTicks) - 1) })).toBe(false);
    expect(isRunning({ ...self, boot: 'another boot' })).toBe(false);
  });

  test('whose name holds brackets and spaces is known again', () => {
    const odd = join(stateDir, ') S 1 (');
    spawnSync('cp', [spawnSync('which', ['sleep'], { encoding: 'utf8' }).stdout.trim(), odd]);
    const child = spawn(odd, ['60']);
    const identity = identify(child.pid!);
    expect(Number(identity.startTicks)).toBeGreaterThan(0);
    expect(isRunning(identity)).toBe(true);
    child.kill('SIGKILL');
  });
});

test('a state directory that cannot be written is refused before anything runs', () => {
  const file = join(stateDir, 'file');
  writeFileSync(file, '');
  store = new SessionStore(file);
  expect(start).toThrow(expect.objectContaining({ code: 'ERR_STATE_UNWRITABLE' }));
});

test('the newest 200 sessions are kept, and a live one however old', () => {
  const live = start();
  live.started(undefined);
  const old = start();
  old.started(undefined);
  old.ended({ ending: { kind: 'exited', code: 0 } });
  for (let count = 0; count < 230; count++) {
    const session = start();
    session.started(undefined);
    session.ended({ ending: { kind: 'exited', code: 0 } });
  }
  store.prune();
  const left = store.list();
  expect(left.filter(({ state }) => state === 'ended').length).toBeLessThanOrEqual(200);
  expect(left.some(({ id }) => id === live.id)).toBe(true);
  live.ended({ ending: { kind: 'exited', code: 0 } });
  expect(existsSync(live.directory)).toBe(true);
});

import { describe, expect, test } from 'vitest';
import { EgressRules } from '../network/egress-rules.ts';
import { HOME, makePolicy, PROJECT } from '../violations/cases.fixture.ts';
import type { GrantEntry, LoggedEvent, RecordedSession } from './types.ts';
import { auditGrants, removable } from './use.ts';

const FILE = `${PROJECT}/.pinfold/settings.json`;
const origin = { scope: 'project', file: FILE, line: 3, column: 5, text: '"x"' } as const;

function host(text: string, more: Partial<GrantEntry> = {}): GrantEntry {
  return {
    key: 'allowedDomains',
    text,
    pattern: text,
    origin,
    index: 0,
    trusted: true,
    expired: false,
    ...more,
  };
}

function path(text: string, more: Partial<GrantEntry> = {}): GrantEntry {
  return { ...host(text), key: 'allowedPaths', mode: 'write', place: 'there', ...more };
}

function session(events: readonly LoggedEvent[], more: Partial<RecordedSession> = {}): RecordedSession {
  const policy = makePolicy({
    scope: 'project',
    file: FILE,
    allowedDomains: ['api.test', '*.wild.test:443', 'localhost:5432'].map((value) => ({ value, origin })),
    allowedPaths: [{ value: { path: '/data', mode: 'write' }, origin }],
  });
  return {
    id: 's1',
    project: PROJECT,
    started: '2026-11-20T10:00:00.000Z',
    ended: '2026-11-20T10:05:00.000Z',
    whole: true,
    policy,
    events,
    ...more,
  };
}

function traffic(host: string, port: number, connections: number, way = 'egress'): LoggedEvent {
  return { kind: 'traffic', way, host, port, connections, up: 1, down: 1 } as LoggedEvent;
}

function audit(entry: GrantEntry, sessions: readonly RecordedSession[]) {
  const makeRules = (domains: ConstructorParameters<typeof EgressRules>[0]) => new EgressRules([...domains]);
  return auditGrants({ projectDir: PROJECT, entries: [entry], sessions, findings: [], makeRules })[0]!;
}

describe('hosts are counted', () => {
  test('connections go to the entry that decided, over all sessions, with the last one that had any', () => {
    const sessions = [
      session([traffic('api.test', 443, 3), traffic('a.wild.test', 443, 2)]),
      session([traffic('api.test', 80, 4)], { started: '2026-11-21T10:00:00.000Z' }),
      session([], { started: '2026-11-22T10:00:00.000Z' }),
    ];
    expect(audit(host('api.test'), sessions)).toMatchObject({
      sessions: 3,
      use: { kind: 'counted', connections: 7 },
      lastUse: '2026-11-21T10:00:00.000Z',
    });
    expect(audit(host('*.wild.test:443'), sessions).use).toEqual({ kind: 'counted', connections: 2 });
  });

  test('a service of the host’s loopback counts for the name under which it is listed', () => {
    const sessions = [session([traffic('127.0.0.1', 5432, 2, 'host')])];
    expect(audit(host('localhost:5432'), sessions).use).toEqual({ kind: 'counted', connections: 2 });
  });

  test('none in whole sessions is never, and enough of those may go', () => {
    const never = audit(host('api.test'), [session([traffic('a.wild.test', 443, 2)]), session([])]);
    expect(never).toMatchObject({ sessions: 2, use: { kind: 'counted', connections: 0 } });
    expect([removable(never, 2), removable(never, 3)]).toEqual(['never-used', undefined]);
  });

  test.each<readonly [string, GrantEntry, readonly RecordedSession[]]>([
    ['no session had it in force', host('new.test'), [session([])]],
    ['a session still runs', host('api.test'), [session([]), session([], { whole: false })]],
    ['hosts were too many to tell apart', host('api.test'), [session([traffic('other hosts', 0, 9)])]],
    [
      'it was asked for and could not be reached',
      host('api.test'),
      [
        session([
          {
            kind: 'violation',
            violation: { id: 'b1', denial: { rule: { pattern: 'api.test', access: 'allow' } } },
          } as LoggedEvent,
        ]),
      ],
    ],
    ['all sessions were another project’s', host('api.test'), [session([], { project: '/else' })]],
  ])('unknown and never removed where %s', (_why, entry, sessions) => {
    const audited = audit(entry, sessions);
    expect(audited.use.kind).toBe('unknown');
    expect(removable(audited, 0)).toBeUndefined();
  });

  test('a person’s own entry is judged by the sessions of every project', () => {
    const entry = host('api.test', { origin: { ...origin, scope: 'user' } });
    const elsewhere = session([traffic('api.test', 443, 1)], { project: '/else' });
    expect(audit(entry, [session([]), elsewhere]).use).toEqual({ kind: 'counted', connections: 1 });
  });

  test('a session that was cut off counts the first connection that it logged', () => {
    const reached = { kind: 'reached', way: 'egress', host: 'api.test', port: 443 } as LoggedEvent;
    expect(audit(host('api.test'), [session([reached], { whole: false })]).use).toEqual({
      kind: 'counted',
      connections: 1,
    });
  });
});

describe('paths are only ever seen', () => {
  const seen = (how: object) =>
    ({ kind: 'grant-use', looks: 2, paths: [{ pattern: '/data', ...how }] }) as LoggedEvent;

  test('open and changed are told apart', () => {
    const sessions = [
      session([seen({ open: true, changed: true })]),
      session([seen({ changed: true })]),
      session([]),
    ];
    expect(audit(path('/data'), sessions)).toMatchObject({
      sessions: 3,
      use: { kind: 'seen', open: 1, changed: 2 },
    });
  });

  test('what was not seen is unknown and is not removed, however many sessions there were', () => {
    const audited = audit(
      path('/data'),
      Array.from({ length: 50 }, () => session([])),
    );
    expect(audited).toMatchObject({ sessions: 50, use: { kind: 'unknown' } });
    expect(removable(audited, 1)).toBeUndefined();
  });

  test('what is gone or expired may go; a file that nobody trusts is left alone', () => {
    const judge = (more: Partial<GrantEntry>) => removable(audit(path(`${HOME}/x`, more), []), 1);
    expect(judge({ place: 'gone' })).toBe('gone');
    expect(judge({ place: 'unclear' })).toBeUndefined();
    expect(judge({ expired: true, expires: '2020-01-01' })).toBe('expired');
    expect(judge({ expired: true, trusted: false })).toBeUndefined();
  });
});

import { describe, expect, test } from 'vitest';
import { EgressRules } from '../network/egress-rules.ts';
import { makeFacts, PROJECT } from '../policy/facts.fixture.ts';
import { mergePolicy } from '../policy/merge.ts';
import type { Mode, Policy, SettingsLayer } from '../policy/types.ts';
import { denialOf } from '../violations/cases.fixture.ts';
import type { Denial } from '../violations/types.ts';
import { replaySession } from './replay.ts';
import type { LoggedEvent } from './types.ts';

const origin = { scope: 'flag', text: 'test' } as const;

function policyOf(mode: Mode, layer: Partial<SettingsLayer> = {}): Policy {
  const flags: SettingsLayer = { scope: 'flag', trusted: true, mode: { value: mode, origin }, ...layer };
  return mergePolicy({ layers: [flags], facts: makeFacts(), now: new Date(0) });
}

const sourced = <T>(value: T) => ({ value, origin });

function violation(denial: Denial, count = 1): LoggedEvent {
  // The log numbers them; what is different has a different text.
  return { kind: 'violation', violation: { id: JSON.stringify(denial), count, denial } } as LoggedEvent;
}

function traffic(way: string, host: string, port: number): LoggedEvent {
  return { kind: 'traffic', way, host, port, connections: 2 } as LoggedEvent;
}

function replay(events: readonly LoggedEvent[], before: Policy, after: Policy) {
  const session = { id: 's', project: PROJECT, started: '', whole: true, policy: before, events };
  return replaySession(session, after, (domains) => new EgressRules(domains));
}

const standard = policyOf('standard');
const strict = policyOf('strict');

describe('refusals', () => {
  test('of a hidden path: pass where the other policy opens it, and only for the access it gives', () => {
    const open = policyOf('standard', { allowedPaths: [sourced({ path: '/data', mode: 'read' } as const)] });
    const events = [violation(denialOf('/data/x'), 3), violation(denialOf('/data/y', { act: 'write' }))];
    expect(replay(events, standard, open).acts).toMatchObject([
      { act: 'read', count: 3, before: 'refused', after: 'passes' },
      { act: 'write', before: 'refused', after: 'refused' },
    ]);
    // The control: under the policy that refused them nothing changes.
    expect(replay(events, standard, standard).acts.map(({ after }) => after)).toEqual(['refused', 'refused']);
  });

  test('of a host: by its rule; where its name leads has to be listed itself', () => {
    const subject = { kind: 'host', host: 'db.test', port: 5432 } as const;
    const denial: Denial = { act: 'connect', subject, observer: 'gate', outcome: 'refused' };
    const remedy = { kind: 'host', host: '10.0.0.1' } as const;
    const events = [violation(denial), violation({ ...denial, remedy })];
    const named = policyOf('standard', { allowedDomains: [sourced('db.test')] });
    const both = policyOf('standard', { allowedDomains: [sourced('db.test'), sourced('10.0.0.1')] });
    const verdicts = (policy: Policy) => replay(events, standard, policy).acts.map((act) => act.after);
    expect([verdicts(standard), verdicts(named), verdicts(both)]).toEqual([
      ['refused', 'refused'],
      ['passes', 'refused'],
      ['passes', 'passes'],
    ]);
  });

  test('that no setting changes stay', () => {
    const subject = { kind: 'host', host: 'gone.test', port: 80 } as const;
    const base = { subject, observer: 'gate', outcome: 'refused' } as const;
    const open = policyOf('standard', { allowedDomains: [sourced('gone.test')] });
    const events = [
      violation({ ...base, act: 'connect', remedy: { kind: 'none' } }),
      violation({ ...base, act: 'send' }),
    ];
    expect(replay(events, standard, open).acts.map(({ after }) => after)).toEqual(['refused', 'refused']);
  });
});

describe('connections', () => {
  test('to the host’s loopback and to servers inside need networkAccess local', () => {
    const events = [traffic('host', '127.0.0.1', 5432), traffic('published', '127.0.0.1', 3000)];
    const verdicts = (policy: Policy) => replay(events, standard, policy).acts.map((act) => act.after);
    expect(verdicts(standard)).toEqual(['passes', 'passes']);
    expect(verdicts(strict)).toEqual(['refused', 'refused']);
    expect(verdicts(policyOf('strict', { allowedDomains: [sourced('localhost:5432')] }))).toEqual([
      'passes',
      'refused',
    ]);
  });

  test('to the host’s loopback are refused by a denial, and beside the listed ports', () => {
    const events = [traffic('host', '127.0.0.1', 5432)];
    const verdict = (layer: Partial<SettingsLayer>) =>
      replay(events, standard, policyOf('standard', layer)).acts[0]?.after;
    expect(verdict({ deniedDomains: [sourced('localhost:5432')] })).toBe('refused');
    expect(verdict({ localPorts: [sourced(3000)] })).toBe('refused');
    expect(verdict({ localPorts: [sourced(5432)] })).toBe('passes');
  });

  test('to a host need its rule', () => {
    const open = policyOf('standard', { allowedDomains: [sourced('*.test')] });
    const events = [traffic('egress', 'a.test', 443)];
    expect(replay(events, open, open).acts[0]).toMatchObject({ before: 'passed', after: 'passes' });
    expect(replay(events, open, standard).acts[0]).toMatchObject({ before: 'passed', after: 'refused' });
  });
});

test('places that would be narrower are named, with what was seen of them, since what was done there was not recorded', () => {
  const layer = { allowedPaths: [sourced({ path: '/data', mode: 'write' } as const)] };
  const events = [{ kind: 'grant-use', paths: [{ pattern: '/data', open: true }] } as LoggedEvent];
  const reading = policyOf('standard', { allowedPaths: [sourced({ path: '/data', mode: 'read' } as const)] });
  const narrowed = (policy: Policy) => replay(events, policyOf('standard', layer), policy).narrowed;
  expect(narrowed(reading)).toEqual([{ path: '/data', was: 'write', becomes: 'read', seen: ['open'] }]);
  expect(narrowed(strict)).toContainEqual({ path: '/data', was: 'write', becomes: 'none', seen: ['open'] });
  expect(narrowed(policyOf('standard', layer))).toEqual([]);
});

test('hosts that were opened while it ran are named and not counted as open', () => {
  const events = [{ kind: 'grant', host: 'live.test' } as LoggedEvent, traffic('egress', 'live.test', 443)];
  const { grantedLive, acts } = replay(events, standard, standard);
  expect(grantedLive).toEqual(['live.test']);
  expect(acts[0]).toMatchObject({ before: 'passed', after: 'refused' });
});

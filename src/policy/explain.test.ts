/** Claims about what is said of a path, and that what is suggested works. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decider } from './decide.ts';
import { describeRule, explainPath } from './explain.ts';
import { HOME, makeFacts, PROJECT } from './facts.fixture.ts';
import { mergePolicy } from './merge.ts';
import type { Origin, Policy, SettingsLayer } from './types.ts';

const origin = (text: string): Origin => ({ scope: 'user', file: '/etc/s.json', line: 4, column: 7, text });

function policyWith(
  words: { allowed?: string[]; denied?: string[]; managed?: string[]; mode?: 'permissive' } = {},
): Policy {
  const layers: SettingsLayer[] = [
    {
      scope: 'user',
      trusted: true,
      ...(words.mode && { mode: { value: words.mode, origin: origin(words.mode) } }),
      allowedPaths: (words.allowed ?? []).map((path) => ({
        value: { path, mode: 'write' as const },
        origin: origin(path),
      })),
      deniedPaths: (words.denied ?? []).map((path) => ({ value: path, origin: origin(path) })),
    },
    {
      scope: 'managed',
      trusted: true,
      deniedPaths: (words.managed ?? []).map((path) => ({
        value: path,
        origin: { scope: 'managed' as const, text: path },
      })),
    },
  ];
  return mergePolicy({ layers, facts: makeFacts(), now: new Date(0) });
}

test('what nothing mentions is hidden, and one grant of that path alone would show it', () => {
  expect(explainPath(policyWith(), '/data/in put', 'read')).toEqual({
    path: '/data/in put',
    want: 'read',
    verdict: 'denied',
    access: 'none',
    runnersUp: [],
    remedy: {
      kind: 'grant',
      command: "pinfold run --allow '/data/in put:ro'",
      setting: { path: '/data/in put', mode: 'read' },
    },
    risk: { level: 'low', why: 'what runs inside could read everything beneath it' },
  });
});

test('what is allowed has a rule and neither remedy nor risk', () => {
  const explanation = explainPath(policyWith(), `${PROJECT}/src`, 'write');
  expect(explanation).toMatchObject({
    verdict: 'allowed',
    rule: { origin: 'built in (standard)', why: 'the project directory' },
  });
  expect([explanation.remedy, explanation.risk]).toEqual([undefined, undefined]);
});

test('a protected name says why, what comes next, and how to open it', () => {
  const { rule, runnersUp, remedy, risk } = explainPath(
    policyWith(),
    `${PROJECT}/.git/hooks/pre-commit`,
    'write',
  );
  expect(rule).toMatchObject({ access: 'read', why: 'git runs hooks', origin: 'built in (standard)' });
  expect(runnersUp[0]).toMatchObject({ pattern: PROJECT, access: 'write' });
  expect(remedy).toMatchObject({
    kind: 'grant',
    command: `pinfold run --allow ${PROJECT}/.git/hooks/pre-commit:rw`,
  });
  expect(risk?.level).toBe('high');
});

describe('a denial', () => {
  test("of a person's is named by file, line and column, and a deeper grant opens it", () => {
    const { rule, remedy } = explainPath(
      policyWith({ denied: ['./secrets'] }),
      `${PROJECT}/secrets/x`,
      'read',
    );
    expect(rule).toMatchObject({ text: './secrets', origin: '/etc/s.json:4:7' });
    expect(remedy?.kind).toBe('grant');
  });

  test('that no grant outweighs has to go', () => {
    expect(explainPath(policyWith({ denied: ['**/.env'] }), `${PROJECT}/.env`, 'read').remedy).toMatchObject({
      kind: 'remove',
      rule: { text: '**/.env', origin: '/etc/s.json:4:7' },
    });
  });

  test("of the administrator's, of Pinfold's own and of a whole home have no remedy", () => {
    const kind = (policy: Policy, path: string, want: 'read' | 'write') =>
      explainPath(policy, path, want).remedy?.kind;
    expect(kind(policyWith({ managed: ['/data'] }), '/data/x', 'read')).toBe('none');
    expect(kind(policyWith(), `${HOME}/.local/state/pinfold/x`, 'read')).toBe('none');
    expect(kind(policyWith(), HOME, 'write')).toBe('none');
    expect(kind(policyWith(), HOME, 'read')).toBe('grant');
  });
});

test('a credential store is high risk', () => {
  expect(explainPath(policyWith({ mode: 'permissive' }), `${HOME}/.ssh/id_ed25519`, 'read')).toMatchObject({
    verdict: 'denied',
    rule: { why: 'holds ssh keys', origin: 'built in (permissive)' },
    risk: { level: 'high' },
  });
});

test('a rule in one line', () => {
  const policy = policyWith({ denied: ['./secrets'] });
  const rule = policy.rules.find(({ category }) => category === 'setting');
  expect(rule && describeRule(rule, 'standard')).toBe(
    `"./secrets" hides ${PROJECT}/secrets: denied (/etc/s.json:4:7)`,
  );
});

test('the verdict is what decide says, and a suggested grant opens the path', () => {
  const place = fc.constantFrom('./a', './a/b', '**/b', '~/x', '/data', '/data/d', '.');
  const path = fc.constantFrom('a', 'a/b', '.git/config').map((each) => `${PROJECT}/${each}`);
  const probe = fc.oneof(
    path,
    fc.constantFrom(`${HOME}/x/y`, '/data/d/e', '/usr/bin', '/tmp', `${HOME}/.aws/config`),
  );
  const words = fc.record({
    allowed: fc.array(place.filter((each) => !each.includes('*'))),
    denied: fc.array(place),
  });
  fc.assert(
    fc.property(words, probe, fc.constantFrom<'read' | 'write'>('read', 'write'), (said, at, want) => {
      const policy = policyWith(said);
      const { verdict, remedy } = explainPath(policy, at, want);
      expect(verdict === 'allowed').toBe(new Decider(policy).decide(at, want).allowed);
      expect(remedy === undefined).toBe(verdict === 'allowed');
      if (remedy?.kind !== 'grant') return;
      const flag = {
        value: { path: remedy.setting.path, mode: remedy.setting.mode },
        origin: origin('--allow'),
      };
      const granted = mergePolicy({
        layers: [
          {
            scope: 'user',
            trusted: true,
            deniedPaths: said.denied.map((each) => ({ value: each, origin: origin(each) })),
          },
          { scope: 'flag', trusted: true, allowedPaths: [flag] },
        ],
        facts: makeFacts(),
        now: new Date(0),
      });
      expect(new Decider(granted).decide(at, want).allowed).toBe(true);
    }),
  );
});

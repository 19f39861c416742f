import { describe, expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import type { Notice, PathRule, Policy } from '../../policy/types.ts';
import type { RunOutcome } from '../../session/types.ts';
import type { Denial, Violation } from '../../violations/types.ts';
import { renderBanner, renderNotices, renderSummary } from './run.ts';

const builtin = { scope: 'builtin', text: 'mode strict' } as const;

function rule(pattern: string, parts: Partial<PathRule> = {}): PathRule {
  return {
    pattern,
    glob: false,
    access: 'write',
    category: 'setting',
    why: 'allowed',
    origin: builtin,
    ...parts,
  };
}

const policy: Policy = {
  mode: { value: 'strict', origin: builtin },
  enabled: { value: true, origin: builtin },
  monitor: { value: 'full', origin: builtin },
  acceptWeaker: { value: false, origin: { scope: 'builtin', text: 'default' } },
  projectDir: '/p',
  homeDir: '/home/ada',
  sandboxHome: '/home/ada/.local/share/pinfold/homes/p',
  rules: [
    rule('/p', { category: 'project' }),
    rule('/data'),
    rule('/tmp', { category: 'private' }),
    rule('/p/secret', { access: 'none', origin: { scope: 'flag', text: '--deny secret' } }),
    rule('/home/ada/.ssh', { access: 'none', category: 'credential' }),
  ],
  network: { access: { value: 'local', origin: builtin }, domains: [] },
  environment: { pass: [], set: {}, drop: [] },
  limits: { memory: { value: 4 * 1024 ** 3, origin: builtin }, wallTime: { value: 5400, origin: builtin } },
  notices: [],
};

const outcome: RunOutcome = {
  sessionId: 's',
  ending: { kind: 'exited', code: 0 },
  enforcement: [],
  violations: [],
  dropped: 0,
  requests: [],
  breached: false,
  traffic: [],
  published: [],
  exceeded: [],
};

describe('the banner', () => {
  test('is one line that says what is open', () => {
    expect(renderBanner(plainOutput(), policy)).toBe(
      'pinfold strict · write 2 · denied 1 · net local · home hidden · memory 4 GiB · wallTime 1 h 30 min\n',
    );
  });

  test('says that home is open in permissive', () => {
    const open: Policy = {
      ...policy,
      mode: { value: 'permissive', origin: builtin },
      network: { access: { value: 'none', origin: builtin }, domains: [] },
      limits: {},
    };
    expect(renderBanner(plainOutput(), open)).toBe(
      'pinfold permissive · write 2 · denied 1 · net none · home open, credentials hidden\n',
    );
  });
});

describe('notices', () => {
  const notice = (kind: Notice['kind'], message: string): Notice => ({
    kind,
    message,
    origin: { scope: 'project', file: '/p/.pinfold/settings.json', line: 3, column: 5, text: '"../x\x1b"' },
  });
  const noticed = {
    ...policy,
    notices: [notice('untrusted', 'not granted'), notice('unmatched', 'not matched')],
  };

  test('a grant that does not count is always told, with its place and nothing harmful', () => {
    expect(renderNotices(plainOutput(), noticed, { all: false })).toBe(
      'notice: not granted (/p/.pinfold/settings.json:3:5 "../x\\e")\n',
    );
  });

  test('the others are told to those who look', () => {
    expect(renderNotices(plainOutput(), noticed, { all: true }).split('\n')).toHaveLength(3);
  });
});

describe('the summary', () => {
  const made = (path: string, parts: Partial<Denial> = {}): Denial => ({
    act: 'create',
    subject: { kind: 'path', path },
    observer: 'supervisor',
    outcome: 'refused',
    rule: rule('/p/**/.git/hooks', { access: 'read', category: 'host-run', why: 'git runs hooks' }),
    ...parts,
  });
  const violation = (denial: Denial, count = 1, id = 'b1'): Violation => ({
    id,
    first: 0,
    last: 0,
    count,
    denial,
    risk: { level: 'high', reasons: ['git runs hooks'] },
  });

  test('on a terminal says where servers inside were reached, and which ports were not given to the host', () => {
    const published = [
      { address: '127.0.0.1', port: 3000 },
      { address: '::1', port: 3000 },
      { address: '127.0.0.1', port: 5432, why: 'it is taken outside' },
      { address: '127.0.0.1', port: 9229, why: 'the host’s tools would trust what answers there' },
    ];
    expect(renderSummary({ ...plainOutput(), isTerminal: true }, policy, { ...outcome, published })).toBe(
      [
        'pinfold net servers inside were reached at 127.0.0.1:3000, [::1]:3000',
        'pinfold net port 5432 is taken outside; reachable only inside',
        'pinfold net port 9229 is reachable only inside: the host’s tools would trust what answers there',
        '',
      ].join('\n'),
    );
    expect(renderSummary(plainOutput(), policy, { ...outcome, published })).toBe('');
  });

  test('is empty when nothing happened', () => {
    expect(renderSummary(plainOutput(), policy, outcome)).toBe('');
  });

  test('names each refusal once, with its count, program and reason, and nothing harmful', () => {
    const refused = made('/p/.git/hooks/pre-commit\n\x1b[2J', {
      actor: { pid: 7, program: '/usr/bin/touch', command: ['touch', 'a\x1b]0;b'] },
    });
    const shown = { ...outcome, violations: [violation(refused, 2)] };
    expect(renderSummary(plainOutput(), policy, shown)).toBe(
      [
        "✗ pinfold blocked create /p/.git/hooks/pre-commit\\n\\e[2J  2×  by touch $'a\\e]0;b': git runs hooks  [b1]",
        'pinfold 1 refusal, 2 attempts · why: pinfold why b1',
        '',
      ].join('\n'),
    );
  });

  test('shows ten of many and says where the others and the uncounted are', () => {
    const many = Array.from({ length: 12 }, (_, at) => violation(made(`/x/${at}`), 1, `b${at + 1}`));
    const lines = renderSummary(plainOutput(), policy, { ...outcome, violations: many, dropped: 5000 }).split(
      '\n',
    );
    expect(lines).toHaveLength(12);
    expect(lines[10]).toBe(
      'pinfold 12 refusals, 5,012 attempts · 2 not shown here · 5,000 attempts not told apart · all: pinfold violations',
    );
  });

  test('says that the session was ended, and where the caught file is', () => {
    const caught = violation(made('/p/.envrc', { outcome: 'quarantined', movedTo: '/q/1' }));
    const shown = renderSummary(plainOutput(), policy, { ...outcome, breached: true, violations: [caught] });
    expect(shown).toContain('ended the session');
    expect(shown).toContain('caught create /p/.envrc; moved to /q/1');
  });

  test('says how often something was asked for', () => {
    const subject = { kind: 'path', path: '/data' } as const;
    const requests = [{ id: 'r1', want: 'read', subject, time: 0 }] as const;
    expect(renderSummary(plainOutput(), policy, { ...outcome, requests })).toBe(
      'pinfold was asked for 1 grant from inside: pinfold violations\n',
    );
  });

  test('says which limit was exceeded, and where it was set', () => {
    const origin = { scope: 'flag', text: '--limit wallTime=90m' } as const;
    const late = {
      limit: 'wallTime',
      value: 5400,
      origin,
      by: 'watchdog',
      consequence: 'ended',
      count: 1,
    } as const;
    expect(renderSummary(plainOutput(), policy, { ...outcome, exceeded: [late] })).toBe(
      'pinfold ended the command: it ran longer than wallTime, 1 h 30 min (--limit wallTime=90m)\n',
    );
  });
});

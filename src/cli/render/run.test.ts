import { describe, expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import type { Notice, PathRule, Policy } from '../../policy/types.ts';
import type { GuardReport, RunOutcome } from '../../session/types.ts';
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
  guarded: [],
  breached: false,
};

describe('the banner', () => {
  test('is one line that says what is open and that there is no network', () => {
    expect(renderBanner(plainOutput(), policy)).toBe(
      'pinfold strict · write 2 · denied 1 · net none (local is not built yet: only a private loopback) · home hidden · memory 4 GiB · wallTime 1 h 30 min\n',
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
  const refused: GuardReport = {
    path: '/p/.git/hooks/pre-commit\n\x1b[2J',
    rule: rule('/p/**/.git/hooks', { access: 'read', category: 'host-run', why: 'git runs hooks' }),
    program: '/usr/bin/touch',
    outcome: 'refused',
  };

  test('is empty when nothing happened', () => {
    expect(renderSummary(plainOutput(), policy, outcome)).toBe('');
  });

  test('names each refusal once, with its count, program and reason, and nothing harmful', () => {
    expect(renderSummary(plainOutput(), policy, { ...outcome, guarded: [refused, refused] })).toBe(
      [
        'pinfold refused to let files be made that the host runs by itself:',
        '  refused making /p/.git/hooks/pre-commit\\n\\e[2J by /usr/bin/touch (2 times): git runs hooks',
        '',
      ].join('\n'),
    );
  });

  test('says that the session was ended, and where the caught file is', () => {
    const caught: GuardReport = {
      path: '/p/.envrc',
      rule: undefined,
      outcome: 'quarantined',
      movedTo: '/q/1',
    };
    const shown = renderSummary(plainOutput(), policy, { ...outcome, breached: true, guarded: [caught] });
    expect(shown).toContain('ended the session');
    expect(shown).toContain('caught /p/.envrc; moved to /q/1');
  });

  test('says that time was up', () => {
    expect(renderSummary(plainOutput(), policy, { ...outcome, timedOut: true })).toContain(
      'it ran longer than wallTime, 1 h 30 min',
    );
  });
});

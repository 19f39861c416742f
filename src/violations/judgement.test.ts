import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decider } from '../policy/decide.ts';
import type { DomainRule, Policy } from '../policy/types.ts';
import { agentEvent } from './agent-event.ts';
import { alternativesTo } from './alternatives.ts';
import { denialOf, HOME, HOOKS, makePolicy, PROJECT } from './cases.fixture.ts';
import { grantCommand, grantFor, keepCommand } from './grant.ts';
import { Recorder } from './recorder.ts';
import { riskOf } from './risk.ts';
import { causeOf } from './rules.ts';
import type { Act, Denial, RiskLevel } from './types.ts';

const policy = makePolicy();
const decider = new Decider(policy);

/** As an observer would tell it: with the rule that decides. */
function refused(act: Act, path: string): Denial {
  const [first] = decider.candidates(path);
  return denialOf(path, { act, ...(first && { rule: first.rule }) });
}

function toHost(host: string, port?: number, parts: Partial<Denial> = {}): Denial {
  const subject = { kind: 'host' as const, host, ...(port !== undefined && { port }) };
  return denialOf('', { act: 'connect', subject, observer: 'gate', ...parts });
}

function toSocket(path: string): Denial {
  return denialOf('', { act: 'connect', subject: { kind: 'socket', path } });
}

describe('the risk of a grant', () => {
  const cases: readonly (readonly [Denial, RiskLevel, string])[] = [
    [refused('read', `${HOME}/.ssh/id_ed25519`), 'high', 'holds ssh keys'],
    [refused('list', `${HOME}/.aws`), 'high', 'holds cloud credentials'],
    [refused('read', `${HOME}/.npmrc`), 'high', 'may hold a registry token'],
    [refused('list', HOME), 'high', '.ssh in it: holds ssh keys'],
    [refused('list', '/'), 'high', 'in it: holds ssh keys'],
    [refused('read', `${HOME}/code/other/.env`), 'high', 'its name says that it holds a secret'],
    [refused('write', `${HOME}/.bashrc`), 'high', 'outside the boundary'],
    [refused('create', `${PROJECT}/.git/hooks/pre-commit`), 'high', 'git runs hooks, outside the boundary'],
    [refused('create', `${PROJECT}/sub/.vscode`), 'high', 'outside the boundary'],
    [refused('create', `${HOME}/.local/bin/ls`), 'high', 'it is on PATH, outside the boundary'],
    [refused('write', '/etc/passwd'), 'high', 'it is part of the system'],
    [refused('create', '/usr/share/x'), 'high', 'it is part of the system'],
    [
      refused('read', `${HOME}/.config/pinfold/settings.json`),
      'high',
      'it is what decides about the boundary',
    ],
    [refused('write', `${HOME}/.cache/pip/http`), 'medium', 'other projects run what is in this cache'],
    [refused('read', `${HOME}/.cache/pip/http`), 'low', 'shared with other projects'],
    [refused('read', `${HOME}/projects/other/README`), 'medium', 'it is outside the project'],
    [refused('write', `${HOME}/notes`), 'medium', 'where others use it'],
    [refused('read', '/srv/data'), 'low', 'outside the project and your home'],
    [refused('write', '/srv/data'), 'medium', 'outside the project and your home'],
    [toHost('api.example.com', 443), 'medium', 'uploaded there'],
    [toHost('gist.github.com', 443), 'high', 'anyone can keep what is sent'],
    [toHost('bucket.s3.amazonaws.com', 443), 'high', 'anyone can keep what is sent'],
    [toHost('169.254.169.254', 80), 'high', 'credentials of this machine'],
    [toHost('10.1.2.3', 22), 'high', 'your own network'],
    [toHost('fd12:3456::1', 22), 'high', 'your own network'],
    [toSocket('/run/docker.sock'), 'high', 'starts containers'],
    [toSocket('/run/user/1000/bus'), 'high', 'D-Bus'],
    [toSocket('/tmp/ssh-XYZ/agent.123'), 'high', 'signs with your keys'],
    [toSocket('@/tmp/.X11-unix/X0'), 'high', 'your screen'],
    [toSocket('/run/postgresql/.s.PGSQL.5432'), 'medium', 'a service of the host'],
  ];

  test.each(cases)('%o is %s: %s', (denial, level, reason) => {
    const risk = riskOf(denial, policy);
    expect(risk.level).toBe(level);
    expect(risk.reasons.join('; ')).toContain(reason);
  });

  test('of reading says whether it could be uploaded: only where some host is allowed', () => {
    const denial = denialOf('/srv/data');
    const open = makePolicy({
      allowedDomains: [{ value: 'a.test', origin: { scope: 'flag', text: '--allow-domain a.test' } }],
    });
    expect(riskOf(denial, open).reasons.join()).toContain('uploaded');
    expect(riskOf(denial, policy).reasons.join()).not.toContain('uploaded');
  });
});

describe('the smallest grant', () => {
  const everything = () => true;

  test.each<[string, Denial, string]>([
    ['reading a file', refused('read', '/srv/data'), '/srv/data:ro'],
    ['listing', refused('list', '/srv/data'), '/srv/data:ro'],
    ['running a program', refused('execute', '/srv/tool'), '/srv/tool:ro'],
    ['writing a file', refused('write', '/srv/data'), '/srv/data'],
    ['a name that a shell would split', refused('read', '/srv/a b'), "'/srv/a b':ro"],
  ])('for %s', (_what, denial, words) => {
    const grant = grantFor(denial, policy, everything);
    const commands = [true, false].map(
      (running) => grant.kind === 'grant' && grantCommand(grant, { running }),
    );
    const inNext = `pinfold run --allow ${words} -- COMMAND`;
    const live = words.endsWith(':ro')
      ? `pinfold allow ${words.slice(0, -3)}`
      : `pinfold allow ${words} --write`;
    expect(commands).toEqual([live, inNext]);
  });

  test.each<[string, Denial, Policy, (path: string) => boolean]>([
    ['what is not there', refused('write', '/srv/data'), policy, (path) => path !== '/srv/data'],
    [
      'what nobody would hear of',
      refused('write', '/srv/data'),
      { ...policy, monitor: { ...policy.monitor, value: 'off' } },
      everything,
    ],
    [
      'what the host runs code from',
      {
        ...refused('write', '/srv/.vscode'),
        rule: {
          ...policy.rules[0]!,
          access: 'read',
          category: 'host-run',
          origin: { scope: 'builtin', text: 'x' },
        },
      },
      policy,
      everything,
    ],
  ])('to write %s is a matter of the next run', (_what, denial, under, exists) => {
    const grant = grantFor(denial, under, exists);
    expect(grant.kind === 'grant' && grantCommand(grant, { running: true })).toMatch(/^pinfold run --allow /);
  });

  test('for a socket is its relay, never its file', () => {
    expect(grantFor(toSocket('/run/docker.sock'), policy, everything)).toEqual({
      kind: 'grant',
      flags: ['--allow-socket', '/run/docker.sock'],
      words: ['/run/docker.sock'],
      live: false,
      setting: { key: 'allowedSockets', value: '/run/docker.sock' },
    });
  });

  test.each<[Denial, string]>([
    [toHost('api.example.com', 443), 'api.example.com:443'],
    [toHost('api.example.com'), 'api.example.com'],
    [toHost('2001:db8::1', 80), "'[2001:db8::1]:80'"],
  ])('for a host: %o', (denial, words) => {
    const grant = grantFor(denial, policy, everything);
    expect(grant.kind === 'grant' && grant.flags).toEqual(['--allow-domain', words]);
    const commands = [true, false].map(
      (running) => grant.kind === 'grant' && grantCommand(grant, { running }),
    );
    expect(commands).toEqual([`pinfold allow ${words}`, `pinfold run --allow-domain ${words} -- COMMAND`]);
    expect(grant.kind === 'grant' && keepCommand(grant)).toBe(`pinfold allow ${words} --project`);
  });

  test('is the address where a name leads to one that names may not, and nothing where no setting helps', () => {
    const remedy = { kind: 'host', host: '10.0.0.7' } as const;
    expect(grantFor(toHost('intranet.example', 443, { remedy }), policy, everything)).toMatchObject({
      flags: ['--allow-domain', '10.0.0.7:443'],
    });
    expect(
      grantFor(toHost('nowhere.example', 443, { remedy: { kind: 'none' } }), policy, everything),
    ).toEqual({
      kind: 'none',
      why: 'no setting changes this',
    });
    expect(grantFor(toHost('new.example', 443), policy, everything)).toMatchObject({
      flags: ['--allow-domain', 'new.example:443'],
    });
  });

  test('for what is absent in a directory of the person’s is that directory', () => {
    const exists = (path: string) => path === `${HOME}/.ssh` || path === HOME || path === '/';
    const grant = grantFor(refused('read', `${HOME}/.ssh/new`), policy, exists);
    expect(grant.kind === 'grant' && grant.flags).toEqual(['--allow', `${HOME}/.ssh:ro`]);
  });

  const denied: DomainRule = {
    pattern: 'gist.github.com',
    access: 'deny',
    origin: { scope: 'user', text: '"gist.github.com"' },
  };
  const explicit = makePolicy({
    deniedPaths: [{ value: '/srv/secret', origin: { scope: 'user', text: '"/srv/secret"' } }],
  }).rules.find(({ pattern }) => pattern === '/srv/secret')!;

  test.each<[string, Denial, string]>([
    ['a path that a person denied', denialOf('/srv/secret', { rule: explicit }), 'denied on purpose'],
    ['a host that a person denied', toHost('gist.github.com', 443, { rule: denied }), 'denied on purpose'],
    ['a managed denial', denialOf('/srv/x', { rule: { ...explicit, ceiling: true } }), 'administrator'],
    ['Pinfold’s own', refused('read', `${HOME}/.local/state/pinfold/trust.json`), 'never opened'],
    ['the whole home', refused('list', HOME), 'whole home'],
    ['the root', refused('list', '/'), 'never opened'],
    ['an abstract socket', toSocket('@x'), 'without a path'],
    ['binding', denialOf('/run/x', { act: 'bind' }), 'no setting'],
    ['a name that is not UTF-8', denialOf('/srv/a\udcff'), 'cannot be written'],
  ])('is none for %s', (_what, denial, why) => {
    expect(grantFor(denial, policy, everything)).toEqual({
      kind: 'none',
      why: expect.stringContaining(why),
    });
  });
});

describe('without a grant', () => {
  test.each<[Act, string, string | undefined]>([
    ['write', `${HOME}/.cache/pip/http/x`, 'PIP_CACHE_DIR=$TMPDIR/pip'],
    ['read', `${HOME}/.cache/pip/http/x`, 'PIP_CACHE_DIR=$TMPDIR/pip'],
    ['create', `${HOME}/.cache/some-tool`, 'XDG_CACHE_HOME=$TMPDIR/cache'],
    ['create', `${HOME}/.npm/_cacache`, 'npm_config_cache=$TMPDIR/npm'],
    ['read', `${HOME}/.npmrc`, 'npm_config_userconfig=$TMPDIR/npmrc'],
    ['create', `${HOME}/.cargo/registry`, 'CARGO_HOME=$TMPDIR/cargo'],
    ['create', `${HOME}/.cache/go-build`, 'GOCACHE=$TMPDIR/go-build'],
    ['create', `${HOME}/go/pkg/mod/cache`, 'GOMODCACHE=$TMPDIR/go-mod'],
    ['create', `${HOME}/.gradle/wrapper`, 'GRADLE_USER_HOME=$TMPDIR/gradle'],
    ['create', `${HOME}/.config/tool`, 'XDG_CONFIG_HOME=$TMPDIR/config'],
    ['read', `${HOME}/.config/tool`, undefined],
    ['read', `${HOME}/.docker/config.json`, undefined],
    ['read', `${HOME}/.ssh/id_rsa`, undefined],
    [
      'create',
      `${PROJECT}/.git/hooks/pre-commit`,
      'git -c core.hooksPath=$TMPDIR/hooks …, or git init in $TMPDIR',
    ],
    ['write', `${PROJECT}/.git/config`, 'git -c NAME=VALUE …, or git init in $TMPDIR'],
    ['create', '/usr/local/lib/node_modules/x', 'npm_config_prefix=$TMPDIR/npm-global'],
    ['create', '/usr/lib/python3/dist-packages/x', 'python3 -m venv $TMPDIR/venv'],
    [
      'create',
      `${PROJECT}/.vscode`,
      'write the change to a file in the project and ask the person to apply it',
    ],
    ['read', '/srv/data', undefined],
  ])('%s %s: %s', (act, path, text) => {
    expect(alternativesTo(refused(act, path), policy)[0]?.text).toBe(text);
  });
});

describe('the cause', () => {
  test.each<[Denial, string]>([
    [denialOf('/srv/x'), 'no rule mentions it, and what no rule mentions is hidden'],
    [denialOf('/x', { rule: HOOKS, act: 'create' }), 'git runs hooks'],
    [refused('write', '/usr/bin/x'), 'programs and libraries, to be read and not written'],
    [refused('read', `${HOME}/.ssh/x`), 'holds ssh keys'],
    [toHost('a.test', 80), 'no rule allows this host'],
    [
      toHost('a.test', 80, { detail: 'it resolves to a private address' }),
      'it resolves to a private address',
    ],
    [toSocket('/run/docker.sock'), 'no service of the host can be asked'],
  ])('of %o is: %s', (denial, cause) => {
    expect(causeOf(denial)).toBe(cause);
  });
});

describe('what the inside is told', () => {
  test('has no word of the settings, of the log or of who else did it', () => {
    const recorder = new Recorder({ policy, now: () => 0, write: () => {} });
    const origin = { scope: 'user', file: '/home/ann/.config/pinfold/settings.json', text: '"x"' } as const;
    recorder.record(
      denialOf('/x', { rule: { ...HOOKS, origin }, actor: { pid: 1, program: '/usr/bin/secret-tool' } }),
    );
    const event = agentEvent(recorder.violations[0]!, policy);
    expect(Object.keys(event).sort()).toEqual(['act', 'grant', 'id', 'retry', 'rule', 'subject', 'version']);
    expect(JSON.stringify(event)).not.toMatch(/settings|secret-tool/);
  });

  test('is the same whether a hidden path exists or not', () => {
    // The grant would be the directory where the host were asked; inside, that would tell what the host has.
    const event = (path: string) => {
      const recorder = new Recorder({ policy, now: () => 0, write: () => {} });
      recorder.record(refused('read', path));
      return agentEvent(recorder.violations[0]!, policy).grant.command;
    };
    expect(event(`${HOME}/.ssh/id_rsa`)).toBe(`pinfold allow ${HOME}/.ssh/id_rsa`);
  });
});

test('nothing that an observer may say makes the judgement fail', () => {
  const acts: readonly Act[] = ['read', 'list', 'look-up', 'write', 'create', 'rename', 'remove', 'link'];
  const more: readonly Act[] = ['metadata', 'execute', 'connect', 'bind', 'send', 'resolve'];
  const text = fc.string({ unit: 'binary', maxLength: 50 });
  const subject = fc.oneof(
    text.map((path) => ({ kind: 'path' as const, path })),
    text.map((path) => ({ kind: 'path' as const, path: `/${path}` })),
    text.map((path) => ({ kind: 'socket' as const, path })),
    fc.tuple(text, fc.nat()).map(([host, port]) => ({ kind: 'host' as const, host, port })),
  );
  const denial = fc.record({
    act: fc.constantFrom(...acts, ...more),
    subject,
    observer: fc.constant('gate' as const),
    outcome: fc.constantFrom('refused' as const, 'quarantined' as const),
  });
  fc.assert(
    fc.property(denial, (one) => {
      const recorder = new Recorder({ policy, now: () => 0, write: () => {} });
      expect(recorder.record(one)).toBe('b1');
      const [violation] = recorder.violations;
      expect(violation!.risk.reasons.length).toBeGreaterThan(0);
      expect(agentEvent(violation!, policy).retry).toBe('will_fail');
    }),
  );
});

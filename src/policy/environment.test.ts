/** Claims about which variables reach the inside. Values that look like secrets are made up and put together here. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scrubEnvironment } from './environment.ts';
import { HOME, makeFacts, PRIVATE_HOME, PROJECT } from './facts.fixture.ts';
import { mergePolicy } from './merge.ts';
import type { Mode, Policy, Sourced } from './types.ts';

const source = <T>(value: T): Sourced<T> => ({ value, origin: { scope: 'user', text: String(value) } });

function policyWith(
  environment: { pass?: string[]; drop?: string[]; set?: Record<string, string> } = {},
  mode: Mode = 'standard',
): Policy {
  const layer = {
    scope: 'user' as const,
    trusted: true,
    mode: source(mode),
    environment: {
      pass: (environment.pass ?? []).map(source),
      drop: (environment.drop ?? []).map(source),
      set: Object.fromEntries(
        Object.entries(environment.set ?? {}).map(([name, value]) => [name, source(value)]),
      ),
    },
  };
  return mergePolicy({ layers: [layer], facts: makeFacts(), now: new Date(0) });
}

function scrub(environment: Record<string, string>, policy = policyWith()) {
  return scrubEnvironment(environment, policy, makeFacts().toolchains);
}

const many = (text: string) => text.trim().split(/\s+/);

test('what is given to every program inside', () => {
  expect({
    ...scrub({ TERM: 'xterm', LANG: 'C.UTF-8', EDITOR: 'vi', HOME, TMPDIR: '/var/tmp/ann' }).environment,
  }).toEqual({
    TERM: 'xterm',
    LANG: 'C.UTF-8',
    EDITOR: 'vi',
    RUSTUP_HOME: `${HOME}/.rustup`,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: PRIVATE_HOME,
    TMPDIR: '/tmp',
    TMPPREFIX: '/tmp/zsh',
    pnpm_config_store_dir: `${PRIVATE_HOME}/.local/share/pnpm/store`,
    PINFOLD: '1',
    PINFOLD_MODE: 'standard',
  });
});

test('in permissive, $HOME is the real one', () => {
  const { environment } = scrub({}, policyWith({}, 'permissive'));
  expect(environment.HOME).toBe(HOME);
  expect(environment).not.toHaveProperty('pnpm_config_store_dir');
});

describe('by name', () => {
  test.each(
    many(`LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH GLIBC_TUNABLES BASH_ENV ENV PROMPT_COMMAND
      BASH_FUNC_x%% NODE_OPTIONS PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5LIB PERL5OPT RUBYOPT JAVA_TOOL_OPTIONS GIT_DIR
      GIT_SSH_COMMAND SSH_AUTH_SOCK SSH_AGENT_PID GPG_AGENT_INFO DBUS_SESSION_BUS_ADDRESS DISPLAY WAYLAND_DISPLAY XAUTHORITY
      XDG_RUNTIME_DIR DOCKER_HOST KUBECONFIG VSCODE_IPC_HOOK_CLI TMUX STY HTTP_PROXY https_proxy no_proxy
      GITHUB_TOKEN GH_TOKEN NPM_TOKEN npm_config__authToken MY_SECRET DB_PASSWORD MYSQL_PWD DB_PASS X_API_KEY X_APIKEY
      AWS_ACCESS_KEY_ID AWS_PROFILE AZURE_X GOOGLE_APPLICATION_CREDENTIALS OPENAI_API_KEY ANTHROPIC_API_KEY SENTRY_DSN
      STRIPE_KEY SLACK_WEBHOOK SESSION_COOKIE CI_JOB_JWT AZURE_PAT PINFOLD_SESSION`),
  )('%s is dropped, with the reason', (name) => {
    const { environment, dropped } = scrub({ [name]: 'x', KEPT: 'x' });
    expect([environment[name], environment.KEPT]).toEqual([undefined, 'x']);
    expect(dropped.map((each) => each.name)).toEqual([name]);
    expect(dropped[0]?.why).not.toBe('');
  });

  test.each(
    many(`USER LOGNAME SHELL TERM COLORTERM LANG LC_ALL TZ NO_COLOR CI EDITOR KEYBOARD PASSAGE_COUNT AUTHOR MONKEY
      GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL TOKENIZERS_PARALLELISM CFLAGS RUST_BACKTRACE MAKEFLAGS NODE_ENV DEBUG`),
  )('%s is kept', (name) => {
    expect(scrub({ [name]: 'x' })).toMatchObject({ environment: { [name]: 'x' }, dropped: [] });
  });
});

describe('by the shape of the value', () => {
  const long = 'A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8I9j0';
  test.each([
    ['an API key', `sk-${long}`],
    ['a GitHub token', `ghp_${long}`],
    ['a fine-grained GitHub token', `github_pat_${long}`],
    ['a GitLab token', `glpat-${long}`],
    ['an AWS key', `AKIA${'A1B2C3D4E5F6G7H8'}`],
    ['a Slack token', `xoxb-${long}`],
    ['a JWT', `eyJ${long}.${long}.${long}`],
    ['a private key', `-----BEGIN OPENSSH ${'PRIVATE'} KEY-----\nx`],
    ['an address with a password', 'postgres://ann:hunter2@db.example/app'],
    ['a token in the midst of other words', `--header=x ghp_${long} y`],
  ])('%s is dropped under an innocent name', (_, value) => {
    expect(scrub({ INNOCENT: value, KEPT: 'x' })).toMatchObject({
      environment: { KEPT: 'x' },
      dropped: [{ name: 'INNOCENT' }],
    });
  });

  test.each([
    'https://example.com/a:b@c',
    'sk-short',
    'task-list-of-things',
    'eyJ',
    '/home/ann/projects/app',
    'ann@example.com',
  ])('%j is kept', (value) => {
    expect(scrub({ INNOCENT: value }).environment.INNOCENT).toBe(value);
  });
});

describe("a person's own word", () => {
  test('pass lets a secret in by name, and drop outweighs it', () => {
    expect(scrub({ MY_TOKEN: 'x' }, policyWith({ pass: ['MY_TOKEN'] })).environment.MY_TOKEN).toBe('x');
    const both = scrub({ MY_TOKEN: 'x' }, policyWith({ pass: ['MY_TOKEN'], drop: ['MY_TOKEN'] }));
    expect(both).toMatchObject({ dropped: [{ name: 'MY_TOKEN', why: 'the settings drop it' }] });
    expect(both.environment.MY_TOKEN).toBe(undefined);
  });

  test('drop takes what a tool chain brings, and set puts in what is said', () => {
    const { environment } = scrub(
      { FOO: 'host' },
      policyWith({ drop: ['RUSTUP_HOME', 'FOO'], set: { FOO: 'mine', TMPDIR: '/tmp/t' } }),
    );
    expect([environment.RUSTUP_HOME, environment.FOO, environment.TMPDIR]).toEqual([
      undefined,
      'mine',
      '/tmp/t',
    ]);
  });

  test('does not reach the marks that say what encloses the program', () => {
    const { environment } = scrub(
      { PINFOLD_MODE: 'none' },
      policyWith({ pass: ['PINFOLD_MODE'], set: { PINFOLD: '0' } }),
    );
    expect([environment.PINFOLD, environment.PINFOLD_MODE]).toEqual(['1', 'standard']);
  });
});

describe('PATH', () => {
  test('keeps what is shown read-only, in its order and once', () => {
    const { environment, dropped } = scrub({ PATH: `${HOME}/.cargo/bin:/usr/bin:/usr/sbin:/usr/bin` });
    expect([environment.PATH, dropped]).toEqual([`${HOME}/.cargo/bin:/usr/bin:/usr/sbin`, []]);
  });

  test.each([
    [`${PROJECT}/node_modules/.bin`, 'can be written from inside'],
    ['/tmp/bin', 'can be written from inside'],
    [`${HOME}/x/bin`, 'is not visible inside'],
    ['bin', 'is not absolute'],
    ['.', 'is not absolute'],
  ])('loses %s, which %s', (entry, why) => {
    const { environment, dropped } = scrub({ PATH: `${entry}:/usr/bin::` });
    expect([environment.PATH, dropped]).toEqual([
      '/usr/bin',
      [{ name: 'PATH', why: `its entry ${entry} ${why}` }],
    ]);
  });
});

test('whatever the host has, no variable is both kept and dropped, and none holds a NUL', () => {
  const name = fc.oneof(
    fc.string({ unit: fc.constantFrom('A', 'b', '_', '=', 'KEY') }),
    fc.constantFrom('LD_PRELOAD', '__proto__', 'HOME'),
  );
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ unit: fc.constantFrom('a', '\0', ':', '/') })), (host) => {
      const { environment, dropped } = scrub(host);
      for (const each of dropped) {
        if (!['PATH', 'HOME'].includes(each.name)) expect(Object.hasOwn(environment, each.name)).toBe(false);
      }
      for (const [key, value] of Object.entries(environment))
        expect([key.includes('='), value.includes('\0')]).toEqual([false, false]);
    }),
  );
});

test('a huge value is judged without backtracking', () => {
  const values = [
    'a.'.repeat(60_000),
    '-eyJ'.repeat(30_000),
    `x://${':'.repeat(100_000)}`,
    'sk-'.repeat(40_000),
  ];
  for (const value of values) expect(scrub({ INNOCENT: value }).environment).toBeDefined();
});

/** Claims about what layers of settings come to. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSandboxError } from '../errors.ts';
import { Decider } from './decide.ts';
import { HOME, makeFacts, PROJECT } from './facts.fixture.ts';
import { mergePolicy } from './merge.ts';
import { withoutWidening } from './merge-paths.ts';
import type {
  AllowedPath,
  MacService,
  Mode,
  NetworkAccess,
  Policy,
  SettingsLayer,
  Sourced,
} from './types.ts';

const now = new Date('2026-06-01T12:00:00Z');

type Scope = SettingsLayer['scope'];

/** The plain words of a settings file; `layer` gives them an origin. */
interface Words {
  readonly enabled?: boolean;
  readonly acceptWeaker?: boolean;
  readonly mode?: Mode;
  readonly networkAccess?: NetworkAccess;
  readonly allowedPaths?: readonly (string | AllowedPath)[];
  readonly deniedPaths?: readonly string[];
  readonly allowedDomains?: readonly string[];
  readonly deniedDomains?: readonly string[];
  readonly upstreamProxy?: 'environment';
  readonly localPorts?: readonly number[];
  readonly macServices?: readonly MacService[];
  readonly environment?: {
    readonly pass?: string[];
    readonly drop?: string[];
    readonly set?: Record<string, string>;
  };
  readonly limits?: { readonly memory?: number };
  readonly profiles?: Readonly<Record<string, Words>>;
}

function layer(scope: Scope, words: Words, trusted = true): SettingsLayer {
  const source = <T>(value: T): Sourced<T> => ({ value, origin: { scope, text: JSON.stringify(value) } });
  const allowed = (entry: string | AllowedPath) =>
    source<AllowedPath>(typeof entry === 'string' ? { path: entry, mode: 'write' } : entry);
  const { environment: env } = words;
  return {
    scope,
    trusted,
    ...(words.enabled !== undefined && { enabled: source(words.enabled) }),
    ...(words.acceptWeaker !== undefined && { acceptWeaker: source(words.acceptWeaker) }),
    ...(words.mode && { mode: source(words.mode) }),
    ...(words.networkAccess && { networkAccess: source(words.networkAccess) }),
    ...(words.allowedPaths && { allowedPaths: words.allowedPaths.map(allowed) }),
    ...(words.deniedPaths && { deniedPaths: words.deniedPaths.map(source) }),
    ...(words.allowedDomains && { allowedDomains: words.allowedDomains.map(source) }),
    ...(words.deniedDomains && { deniedDomains: words.deniedDomains.map(source) }),
    ...(words.localPorts && { localPorts: words.localPorts.map(source) }),
    ...(words.macServices && { macServices: words.macServices.map(source) }),
    ...(words.upstreamProxy && { upstreamProxy: source(words.upstreamProxy) }),
    ...(env && {
      environment: {
        pass: (env.pass ?? []).map(source),
        drop: (env.drop ?? []).map(source),
        set: Object.fromEntries(Object.entries(env.set ?? {}).map(([name, value]) => [name, source(value)])),
      },
    }),
    ...(words.limits?.memory !== undefined && { limits: { memory: source(words.limits.memory) } }),
    ...(words.profiles && {
      profiles: Object.fromEntries(
        Object.entries(words.profiles).map(([name, each]) => [name, layer(scope, each, trusted)]),
      ),
    }),
  };
}

function merge(layers: readonly SettingsLayer[], profile?: string): Policy {
  return mergePolicy({ layers, facts: makeFacts(), now, ...(profile !== undefined && { profile }) });
}

const untrusted = (words: Words) => layer('project', words, false);
const accessIn = (policy: Policy, path: string) => new Decider(policy).accessOf(path);
const noticesOf = (policy: Policy) => policy.notices.map(({ kind, origin }) => `${kind} ${origin.text}`);
const errorOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (isSandboxError(error)) return { code: error.code, fix: error.fix };
    throw error;
  }
  return undefined;
};

describe('mode and network', () => {
  test('are standard and local when nobody says', () => {
    const { mode, network, enabled } = merge([]);
    expect([mode.value, network.access.value, enabled.value]).toEqual(['standard', 'local', true]);
  });

  test.each([
    ['strict', 'none'],
    ['standard', 'local'],
    ['permissive', 'filtered'],
  ] as const)('mode %s brings network %s', (mode, network) => {
    expect(merge([layer('user', { mode })]).network.access.value).toBe(network);
  });

  test('come from the strongest layer, whatever order they are handed over in', () => {
    const layers = [
      layer('flag', { mode: 'strict' }),
      layer('user', { mode: 'permissive' }),
      layer('local', { mode: 'standard' }),
    ];
    expect(merge(layers).mode).toEqual({ value: 'strict', origin: { scope: 'flag', text: '"strict"' } });
  });

  test('an untrusted file tightens without being trusted, and widens only with it', () => {
    expect(merge([untrusted({ mode: 'strict' })]).mode.value).toBe('strict');
    const refused = merge([untrusted({ mode: 'permissive' })]);
    expect([refused.mode.value, noticesOf(refused)]).toEqual(['standard', ['untrusted "permissive"']]);
    expect(merge([layer('project', { mode: 'permissive' })]).mode.value).toBe('permissive');
  });

  test('an untrusted file is measured against what the person has, not against the default', () => {
    expect(merge([layer('user', { mode: 'permissive' }), untrusted({ mode: 'standard' })]).mode.value).toBe(
      'standard',
    );
    expect(merge([layer('user', { mode: 'strict' }), untrusted({ mode: 'standard' })]).mode.value).toBe(
      'strict',
    );
  });

  test("an untrusted network does not outlive a person's --mode strict", () => {
    const flag = layer('flag', { mode: 'strict' });
    expect(merge([untrusted({ networkAccess: 'local' }), flag]).network.access.value).toBe('none');
    expect(merge([layer('project', { networkAccess: 'local' }), flag]).network.access.value).toBe('local');
  });

  test('an untrusted file that asks for strict may keep the network that the person has', () => {
    expect(merge([untrusted({ mode: 'strict' })]).network.access.value).toBe('none');
    const kept = merge([untrusted({ mode: 'strict', networkAccess: 'local' })]);
    expect([kept.network.access.value, kept.notices]).toEqual(['local', []]);
  });

  test('an untrusted file cannot switch the sandbox off, and a person can', () => {
    const refused = merge([untrusted({ enabled: false })]);
    expect([refused.enabled.value, noticesOf(refused)]).toEqual([true, ['untrusted false']]);
    expect(merge([layer('user', { enabled: false })]).enabled.value).toBe(false);
  });

  test('a weaker boundary is accepted by a person only, and the administrator may forbid it', () => {
    expect(merge([]).acceptWeaker.value).toBe(false);
    const refused = merge([untrusted({ acceptWeaker: true })]);
    expect([refused.acceptWeaker.value, noticesOf(refused)]).toEqual([false, ['untrusted true']]);
    const flag = layer('flag', { acceptWeaker: true });
    expect(merge([flag]).acceptWeaker.value).toBe(true);
    const capped = merge([flag, layer('managed', { acceptWeaker: false })]);
    expect([capped.acceptWeaker.value, capped.acceptWeaker.origin.scope]).toEqual([false, 'managed']);
    expect(merge([layer('managed', { acceptWeaker: true })]).acceptWeaker.value).toBe(false);
  });
});

describe('paths', () => {
  test('relative ones are relative to the project, ~ is the home, and a string means writing', () => {
    const policy = merge([layer('user', { allowedPaths: ['../lib', { path: '~/data', mode: 'read' }] })]);
    expect(accessIn(policy, '/home/ann/projects/lib/x')).toBe('write');
    expect(accessIn(policy, '/home/ann/data/x')).toBe('read');
    expect(accessIn(policy, '/home/ann/other')).toBe('none');
  });

  test('a denial closes what it names, beneath a glob at any depth', () => {
    const policy = merge([layer('user', { deniedPaths: ['**/.env', './secrets', 'keys/**'] })]);
    for (const path of ['.env', 'a/b/.env', 'secrets/x', 'keys', 'keys/a/b']) {
      expect(accessIn(policy, `${PROJECT}/${path}`)).toBe('none');
    }
    expect(accessIn(policy, `${PROJECT}/.env.example`)).toBe('write');
  });

  test('a denial that looks like a pattern closes the directory of that very name too', () => {
    const policy = merge([layer('user', { deniedPaths: ['app/[slug]'] })]);
    expect(accessIn(policy, `${PROJECT}/app/[slug]/page.ts`)).toBe('none');
    expect(accessIn(policy, `${PROJECT}/app/s`)).toBe('none');
    expect(accessIn(policy, `${PROJECT}/app/slug`)).toBe('write');
  });

  test('an allowed path of brackets is that directory and nothing else', () => {
    const policy = merge([layer('user', { allowedPaths: ['/srv/[ab]'] })]);
    expect([accessIn(policy, '/srv/[ab]/x'), accessIn(policy, '/srv/a')]).toEqual(['write', 'none']);
  });

  test('an explicit entry opens a protected place, and one above it does not', () => {
    const policy = merge([
      layer('user', {
        mode: 'permissive',
        allowedPaths: [{ path: '~/.ssh', mode: 'read' }, '~/.config', './.vscode'],
      }),
    ]);
    expect(accessIn(policy, `${HOME}/.ssh/config`)).toBe('read');
    expect(accessIn(policy, `${HOME}/.config/gh/hosts.yml`)).toBe('none');
    expect(accessIn(policy, `${HOME}/.config/autostart/x`)).toBe('read');
    expect(accessIn(policy, `${PROJECT}/.vscode/tasks.json`)).toBe('write');
    expect(accessIn(policy, `${PROJECT}/sub/.vscode/tasks.json`)).toBe('read');
  });

  test('a writable grant is protected as the project is', () => {
    const policy = merge([layer('user', { allowedPaths: ['~/lib', '~/.config'] })]);
    expect(accessIn(policy, `${HOME}/lib/.git/hooks/x`)).toBe('read');
    expect(accessIn(policy, `${HOME}/lib/.git/index`)).toBe('write');
    expect(accessIn(policy, `${HOME}/.config/autostart/x.desktop`)).toBe('read');
    expect(accessIn(policy, `${HOME}/.config/gh/hosts.yml`)).toBe('none');
  });

  test.each(['~', '/', '/home', '~/../ann'])('%s is refused as a writable path without the flag', (path) => {
    expect(errorOf(() => merge([layer('user', { allowedPaths: [path] })]))?.code).toBe('ERR_PATH_TOO_BROAD');
    expect(
      errorOf(() => merge([{ ...layer('user', { allowedPaths: [path] }), unsafeAllowBroad: true }]))?.code,
    ).toBe('ERR_PATH_TOO_BROAD');
    const flagged = merge([{ ...layer('flag', { allowedPaths: [path] }), unsafeAllowBroad: true }]);
    expect(accessIn(flagged, `${HOME}/notes`)).toBe('write');
    expect(accessIn(flagged, `${HOME}/.ssh/id`)).toBe('none');
  });

  test('~ may be named where it is writable anyway', () => {
    expect(accessIn(merge([layer('user', { mode: 'permissive', allowedPaths: ['~'] })]), `${HOME}/x`)).toBe(
      'write',
    );
  });

  test('an expired grant is told and does nothing; one that lasts counts', () => {
    const entry = (expires: string): AllowedPath => ({ path: '/data', mode: 'read', expires });
    const expired = merge([layer('user', { allowedPaths: [entry('2026-05-30')] })]);
    expect([accessIn(expired, '/data'), expired.notices.map(({ kind }) => kind)]).toEqual([
      'none',
      ['expired'],
    ]);
    const lasting = merge([layer('user', { allowedPaths: [entry('2026-06-03')] })]);
    expect([accessIn(lasting, '/data'), lasting.notices]).toEqual(['read', []]);
  });

  test("Pinfold's own directories are not opened by anybody", () => {
    const paths = ['~/.config/pinfold', '~/.local/state/pinfold/sessions', '~/.local/share/pinfold'];
    const policy = merge([layer('flag', { allowedPaths: paths })]);
    for (const path of paths) expect(accessIn(policy, path.replace('~', HOME))).toBe('none');
    expect(policy.notices.map(({ kind }) => kind)).toEqual(['ceiling', 'ceiling', 'ceiling']);
  });
});

describe('an untrusted file', () => {
  test('loses what it grants, each with a notice that names `pinfold trust`', () => {
    const policy = merge([
      untrusted({
        allowedPaths: ['/data', { path: '~', mode: 'read' }, './.git/hooks'],
        allowedDomains: ['evil.example'],
        environment: { pass: ['AWS_PROFILE'], set: { GIT_SSH_COMMAND: 'x' } },
      }),
    ]);
    expect(['/data', HOME, `${PROJECT}/.git/hooks/x`].map((path) => accessIn(policy, path))).toEqual([
      'none',
      'none',
      'read',
    ]);
    expect([policy.network.domains, policy.environment]).toEqual([
      [],
      { pass: [], set: Object.create(null), drop: [] },
    ]);
    expect(
      policy.notices.every(({ kind, message }) => kind === 'untrusted' && message.includes('pinfold trust')),
    ).toBe(true);
    expect(policy.notices).toHaveLength(6);
  });

  test('names no proxy: whoever does decides where allowed names lead', () => {
    const words: Words = { upstreamProxy: 'environment' };
    const policy = merge([untrusted(words)]);
    expect([policy.network.upstreamProxy, noticesOf(policy)]).toEqual([
      undefined,
      ['untrusted "environment"'],
    ]);
    expect(merge([layer('project', words)]).network.upstreamProxy?.value).toBe('environment');
    const both = merge([layer('managed', words), layer('flag', words), untrusted(words)]);
    expect(both.network.upstreamProxy?.origin.scope).toBe('managed');
  });

  test('narrows the ports of the loopback and opens none', () => {
    const ports = (...layers: SettingsLayer[]) => {
      const policy = merge(layers);
      return [policy.network.localPorts?.map(({ value }) => value), noticesOf(policy)];
    };
    expect(ports()).toEqual([undefined, []]);
    expect(ports(layer('user', { localPorts: [5432] }), layer('local', { localPorts: [9229] }))).toEqual([
      [5432, 9229],
      [],
    ]);
    expect(ports(untrusted({ localPorts: [5432, 9229] }))).toEqual([[5432], ['untrusted 9229']]);
    expect(ports(layer('user', { localPorts: [5432] }), untrusted({ localPorts: [5432, 6379] }))).toEqual([
      [5432],
      ['untrusted 6379'],
    ]);
    expect(ports(layer('user', { localPorts: [5432, 6379] }), untrusted({ localPorts: [] }))).toEqual([
      [],
      [],
    ]);
    expect(
      ports(layer('flag', { localPorts: [5432, 9229] }), layer('managed', { localPorts: [5432] })),
    ).toEqual([[5432], ['ceiling 9229']]);
    expect(ports(layer('managed', { localPorts: [9229] }))).toEqual([[9229], []]);
  });

  test('opens no services of macOS, and the administrator says which may be opened', () => {
    const services = (...layers: SettingsLayer[]) => {
      const policy = merge(layers);
      return [policy.macServices?.map(({ value }) => value), noticesOf(policy)];
    };
    const wanted = layer('user', { macServices: ['tls', 'keychain'] });
    expect(services()).toEqual([undefined, []]);
    expect(services(wanted, layer('local', { macServices: ['chromium'] }))).toEqual([
      ['tls', 'keychain', 'chromium'],
      [],
    ]);
    expect(services(untrusted({ macServices: ['tls'] }))).toEqual([undefined, ['untrusted "tls"']]);
    expect(services(wanted, layer('managed', { macServices: ['tls'] }))).toEqual([
      ['tls'],
      ['ceiling "keychain"'],
    ]);
    expect(services(layer('managed', { macServices: ['tls'] }))).toEqual([undefined, []]);
  });

  test('keeps what it narrows, without a notice', () => {
    const policy = merge([
      untrusted({
        allowedPaths: [{ path: './vendor', mode: 'read' }, '.'],
        deniedPaths: ['./secrets'],
        deniedDomains: ['gist.github.com'],
        environment: { drop: ['FOO'] },
      }),
    ]);
    expect([accessIn(policy, `${PROJECT}/vendor/x`), accessIn(policy, `${PROJECT}/secrets`)]).toEqual([
      'read',
      'none',
    ]);
    expect(policy.network.domains.map(({ pattern, access }) => [pattern, access])).toEqual([
      ['gist.github.com', 'deny'],
    ]);
    expect(policy.environment.drop.map(({ value }) => value)).toEqual(['FOO']);
    expect(policy.notices).toEqual([]);
  });

  test("does not reopen part of what a person's denial closes", () => {
    const person = layer('user', { deniedPaths: ['./secrets'] });
    const words: Words = { allowedPaths: [{ path: './secrets/x', mode: 'read' }] };
    expect(accessIn(merge([person, untrusted(words)]), `${PROJECT}/secrets/x`)).toBe('none');
    expect(accessIn(merge([person, layer('project', words)]), `${PROJECT}/secrets/x`)).toBe('read');
  });

  test('loses a grant that proves to lie behind a denied link once links are followed', () => {
    const person = layer('user', { deniedPaths: ['./link'] });
    const merged = merge([person, untrusted({ allowedPaths: [{ path: './real/x', mode: 'read' }] })]);
    const rules = merged.rules.map((rule) =>
      rule.pattern === `${PROJECT}/link` ? { ...rule, resolved: `${PROJECT}/real` } : rule,
    );
    const followed = { ...merged, rules };
    expect(accessIn(followed, `${PROJECT}/real/x`)).toBe('read');
    const narrowed = withoutWidening(followed);
    expect([accessIn(narrowed, `${PROJECT}/real/x`), narrowed.notices.map(({ kind }) => kind)]).toEqual([
      'none',
      ['untrusted'],
    ]);
  });
});

describe('the managed file', () => {
  test('caps mode and network, over flags too, and says so', () => {
    const managed = layer('managed', { mode: 'standard', networkAccess: 'none' });
    const policy = merge([managed, layer('flag', { mode: 'permissive', networkAccess: 'filtered' })]);
    expect([policy.mode.value, policy.network.access.value]).toEqual(['standard', 'none']);
    expect(noticesOf(policy)).toEqual(['ceiling "permissive"', 'ceiling "filtered"']);
  });

  test('never raises', () => {
    const policy = merge([layer('managed', { mode: 'permissive', networkAccess: 'filtered' })]);
    expect([policy.mode.value, policy.network.access.value]).toEqual(['standard', 'local']);
  });

  test('denies beyond what any more specific grant can open', () => {
    const flag = layer('flag', { allowedPaths: ['/data/deep/er'] });
    expect(accessIn(merge([layer('user', { deniedPaths: ['/data'] }), flag]), '/data/deep/er')).toBe('write');
    expect(accessIn(merge([layer('managed', { deniedPaths: ['/data'] }), flag]), '/data/deep/er')).toBe(
      'none',
    );
  });

  test('with a network below filtered closes the hosts that others allow', () => {
    const user = layer('user', { allowedDomains: ['a.example'] });
    const names = (policy: Policy) => policy.network.domains.map(({ pattern }) => pattern);
    expect(names(merge([user, layer('managed', { allowedDomains: ['b.example'] })]))).toEqual([
      'a.example',
      'b.example',
    ]);
    const closed = merge([user, layer('managed', { networkAccess: 'none', allowedDomains: ['b.example'] })]);
    expect([names(closed), noticesOf(closed)]).toEqual([['b.example'], ['ceiling "a.example"']]);
  });

  test('drops a variable even where a flag sets it', () => {
    const flag = layer('flag', { environment: { set: { FOO: '1', BAR: '2' } } });
    const policy = merge([flag, layer('managed', { environment: { drop: ['FOO'] } })]);
    expect(Object.keys(policy.environment.set)).toEqual(['BAR']);
    expect(noticesOf(policy)).toEqual(['ceiling "1"']);
  });

  test.each([
    [[layer('user', { limits: { memory: 10 } }), layer('flag', { limits: { memory: 20 } })], 20],
    [[layer('user', { limits: { memory: 10 } }), untrusted({ limits: { memory: 20 } })], 10],
    [[layer('user', { limits: { memory: 10 } }), untrusted({ limits: { memory: 5 } })], 5],
    [[layer('flag', { limits: { memory: 10 } }), layer('managed', { limits: { memory: 5 } })], 5],
    [[layer('flag', { limits: { memory: 10 } }), layer('managed', { limits: { memory: 50 } })], 10],
  ] as const)('and limits: %#', (layers, memory) => {
    expect(merge(layers).limits.memory?.value).toBe(memory);
  });
});

describe('profiles', () => {
  const user = layer('user', {
    mode: 'strict',
    deniedPaths: ['./a'],
    profiles: { research: { mode: 'permissive', deniedPaths: ['./b'] }, finance: {} },
  });

  test('lay their values over the file that holds them; lists add up', () => {
    const policy = merge([user], 'research');
    expect([policy.mode.value, policy.profile]).toEqual(['permissive', 'research']);
    expect(['a', 'b', 'c'].map((name) => accessIn(policy, `${PROJECT}/${name}`))).toEqual([
      'none',
      'none',
      'write',
    ]);
  });

  test('are as trusted as the file they stand in', () => {
    const policy = merge(
      [untrusted({ profiles: { open: { mode: 'permissive', allowedPaths: ['/data'] } } })],
      'open',
    );
    expect([policy.mode.value, accessIn(policy, '/data')]).toEqual(['standard', 'none']);
  });

  test.each(['reserch', 'toString', '__proto__'])('an unknown one is refused: %s', (name) => {
    const error = errorOf(() => merge([user], name));
    expect(error?.code).toBe('ERR_PROFILE_UNKNOWN');
    if (name === 'reserch') expect(error?.fix).toBe('Did you mean "research"?');
  });
});

// ---- properties -----------------------------------------------------------------------------------------------

const RANK = { none: 0, read: 1, write: 2 } as const;
const MODES: readonly Mode[] = ['strict', 'standard', 'permissive'];
const NETWORKS: readonly NetworkAccess[] = ['none', 'local', 'filtered'];
const place = fc.constantFrom(
  '.',
  './a',
  './a/b',
  './.git/hooks',
  './.vscode',
  '~/x',
  '~/.ssh',
  '~/x/y',
  '/data',
  '/data/d',
  '/usr',
  '/tmp/t',
);
const words = fc.record(
  {
    mode: fc.constantFrom(...MODES),
    networkAccess: fc.constantFrom(...NETWORKS),
    allowedPaths: fc.array(
      fc.record({ path: place, mode: fc.constantFrom<'read' | 'write'>('read', 'write') }),
      { maxLength: 4 },
    ),
    deniedPaths: fc.array(fc.oneof(place, fc.constantFrom('**/b', '/data/*', '~/x/**')), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);
const scope = fc.constantFrom<Scope>('user', 'claude', 'project', 'local', 'flag');
const layers = fc
  .array(fc.tuple(scope, words), { maxLength: 3 })
  .map((all) => all.map(([each, said]) => layer(each, said)));
const PROBES = ['.', 'a', 'a/b', 'a/b/c', '.git/hooks/x', '.vscode/x', 'b']
  .map((path) => `${PROJECT}/${path}`)
  .concat(
    ['x', 'x/y/z', '.ssh/id', 'x/b'].map((path) => `${HOME}/${path}`),
    ['/data', '/data/d/e', '/usr/bin', '/tmp/t/u', '/'],
  );

function expectNoWider(narrow: Policy, wide: Policy): void {
  const [a, b] = [new Decider(narrow), new Decider(wide)];
  for (const path of PROBES) {
    expect(RANK[a.accessOf(path)], path).toBeLessThanOrEqual(RANK[b.accessOf(path)]);
  }
  expect(NETWORKS.indexOf(narrow.network.access.value)).toBeLessThanOrEqual(
    NETWORKS.indexOf(wide.network.access.value),
  );
}

test("an untrusted file cannot open the host's /tmp or /run, though the session's own are writable", () => {
  for (const path of ['/tmp/other', '/tmp', '/run', '/var/tmp/x', '/dev/shm/x']) {
    const opened = (trusted: boolean) =>
      merge([layer('project', { allowedPaths: [path] }, trusted)]).rules.filter(
        ({ pattern, origin }) => pattern === path && origin.scope === 'project',
      );
    expect(opened(false)).toEqual([]);
    expect(opened(true)).toHaveLength(1);
  }
});

test('an untrusted file never widens, wherever it stands among the others', () => {
  fc.assert(
    fc.property(layers, fc.array(fc.tuple(scope, words), { minLength: 1, maxLength: 2 }), (trusted, more) => {
      const suspects = more.map(([each, said]) => layer(each, said, false));
      expectNoWider(merge([...trusted, ...suspects]), merge(trusted));
    }),
    { numRuns: 300 },
  );
});

test('adding a denial never widens, whoever says it', () => {
  fc.assert(
    fc.property(layers, scope, fc.array(place, { minLength: 1, maxLength: 2 }), (some, each, deniedPaths) => {
      expectNoWider(merge([...some, layer(each, { deniedPaths })]), merge(some));
    }),
    { numRuns: 300 },
  );
});

test('the order of entries never matters', () => {
  fc.assert(
    fc.property(words, (said) => {
      const turned = {
        ...said,
        ...(said.allowedPaths && { allowedPaths: said.allowedPaths.toReversed() }),
        ...(said.deniedPaths && { deniedPaths: said.deniedPaths.toReversed() }),
      };
      const [a, b] = [new Decider(merge([layer('user', said)])), new Decider(merge([layer('user', turned)]))];
      expect(PROBES.map((path) => b.accessOf(path))).toEqual(PROBES.map((path) => a.accessOf(path)));
    }),
    { numRuns: 300 },
  );
});

test('the managed ceiling is never exceeded', () => {
  fc.assert(
    fc.property(
      layers,
      fc.constantFrom(...MODES),
      fc.constantFrom(...NETWORKS),
      place,
      (some, mode, networkAccess, denied) => {
        const managed = layer('managed', { mode, networkAccess, deniedPaths: [denied] });
        const policy = merge([...some, managed]);
        expect(MODES.indexOf(policy.mode.value)).toBeLessThanOrEqual(MODES.indexOf(mode));
        expect(NETWORKS.indexOf(policy.network.access.value)).toBeLessThanOrEqual(
          NETWORKS.indexOf(networkAccess),
        );
        const decider = new Decider(policy);
        const rule = policy.rules.find(({ ceiling }) => ceiling);
        expect(rule && [rule.pattern, `${rule.pattern}/x/y`].map((path) => decider.accessOf(path))).toEqual([
          'none',
          'none',
        ]);
      },
    ),
    { numRuns: 200 },
  );
});

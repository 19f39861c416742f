/** Claims about what layers of settings come to: mode and network, the administrator's ceiling, profiles. */
import { describe, expect, test } from 'vitest';
import { PROJECT } from './facts.fixture.ts';
import { accessIn, errorOf, layer, merge, noticesOf, untrusted } from './layers.fixture.ts';
import type { Policy } from './types.ts';

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

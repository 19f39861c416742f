import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MODE_NETWORK } from './builtin.ts';
import { type Narrowed, type Narrowing, narrowedBy } from './narrowing.ts';
import type { Mode, NetworkAccess } from './types.ts';

const MODES = ['strict', 'standard', 'permissive'] as const;
const NETWORKS = ['none', 'local', 'filtered'] as const;
const modeNetwork = (mode: Mode): NetworkAccess => MODE_NETWORK[mode];

function narrowed(asked: Narrowing, mode: Mode, network: NetworkAccess): Narrowed | string | undefined {
  try {
    return narrowedBy(asked, { mode, network }, modeNetwork);
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test('nothing asked narrows nothing', () => {
  expect(narrowed({}, 'standard', 'local')).toBeUndefined();
  expect(narrowed({ readOnly: false }, 'standard', 'local')).toBeUndefined();
  expect(narrowed({ networkAccess: 'local' }, 'standard', 'local')).toBeUndefined();
});

test('what is taken away is what was named', () => {
  expect(narrowed({ readOnly: true }, 'standard', 'local')).toEqual({
    mode: undefined,
    network: 'session',
    readOnly: true,
  });
  expect(narrowed({ networkAccess: 'none' }, 'strict', 'none')).toEqual({
    mode: undefined,
    network: 'none',
    readOnly: false,
  });
  expect(narrowed({ mode: 'strict' }, 'standard', 'local')).toEqual({
    mode: 'strict',
    network: 'none',
    readOnly: false,
  });
});

test('a wider mode or network, and one that could not be held, is an error', () => {
  expect(narrowed({ mode: 'permissive' }, 'standard', 'local')).toBe('ERR_NARROWING');
  expect(narrowed({ networkAccess: 'filtered' }, 'standard', 'local')).toBe('ERR_NARROWING');
  expect(narrowed({ networkAccess: 'local' }, 'permissive', 'filtered')).toBe('ERR_NARROWING');
  expect(narrowed({ mode: 'lax' as Mode }, 'standard', 'local')).toBe('ERR_USAGE');
  expect(narrowed({ readOnly: 'yes' as unknown as boolean }, 'standard', 'local')).toBe('ERR_USAGE');
});

test('a command never has a wider mode or another network than its session', () => {
  const any = fc.record(
    { mode: fc.constantFrom(...MODES), networkAccess: fc.constantFrom(...NETWORKS), readOnly: fc.boolean() },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(any, fc.constantFrom(...MODES), fc.constantFrom(...NETWORKS), (asked, mode, network) => {
      const result = narrowed(asked, mode, network);
      if (typeof result !== 'object') return;
      expect(MODES.indexOf(result.mode ?? mode)).toBeLessThanOrEqual(MODES.indexOf(mode));
      if (result.network === 'session') expect([undefined, network]).toContain(asked.networkAccess);
      if (asked.networkAccess === 'none') expect(result.network).toBe('none');
      expect(result.readOnly).toBe(asked.readOnly === true);
    }),
  );
});

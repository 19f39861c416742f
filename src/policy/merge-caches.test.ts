/** Claims about whose caches are shown. */
import { describe, expect, test } from 'vitest';
import { CREDENTIAL_STORES } from './builtin-credentials.ts';
import { CACHE_PRESETS, type CacheManner } from './cache-presets.ts';
import { makeFacts } from './facts.fixture.ts';
import { mergePolicy } from './merge.ts';
import { isWithin } from './paths.ts';
import type { Policy, SettingsLayer } from './types.ts';

function layer(scope: SettingsLayer['scope'], npm: CacheManner, trusted = true): SettingsLayer {
  return { scope, trusted, caches: { npm: { value: npm, origin: { scope, text: JSON.stringify(npm) } } } };
}

function merge(...layers: SettingsLayer[]): { npm: CacheManner | undefined; notices: string[] } {
  const policy: Policy = mergePolicy({ layers, facts: makeFacts(), now: new Date() });
  return { npm: policy.caches?.npm?.value, notices: policy.notices.map(({ kind }) => kind) };
}

describe('the cache of the host is', () => {
  test('private where nobody says anything', () => {
    expect(merge()).toEqual({ npm: undefined, notices: [] });
  });

  test('shared by the person’s word, and private again by a stronger one', () => {
    expect(merge(layer('user', 'shared'))).toEqual({ npm: 'shared', notices: [] });
    expect(merge(layer('user', 'shared'), layer('local', 'private'))).toEqual({
      npm: 'private',
      notices: [],
    });
  });

  test('not shared by a file that nobody has trusted, which may make it private all the same', () => {
    expect(merge(layer('project', 'shared', false))).toEqual({ npm: undefined, notices: ['untrusted'] });
    const narrowed = merge(layer('user', 'shared'), layer('project', 'private', false));
    expect(narrowed).toEqual({ npm: 'private', notices: [] });
  });

  test('not shared where the administrator says private, nor by their saying shared', () => {
    expect(merge(layer('user', 'shared'), layer('managed', 'private'))).toEqual({
      npm: 'private',
      notices: ['ceiling'],
    });
    expect(merge(layer('managed', 'shared'))).toEqual({ npm: undefined, notices: [] });
  });
});

test('no preset shows a credential store or what holds one', () => {
  for (const { directories } of CACHE_PRESETS)
    for (const { path } of directories)
      for (const [store] of CREDENTIAL_STORES) {
        const [cache, secret] = [`/home/${path}`, `/home/${store}`];
        expect(isWithin(cache, secret) || isWithin(secret, cache), `${path} and ${store}`).toBe(false);
      }
});

/** Claims about whole profiles: goldens, and that they decide as the policy does. */
import { describe, expect, test } from 'vitest';
import { MAC_FACTS, macPolicy, PROJECT, profileText } from '../../../test/fixtures/mac.ts';
import { Decider } from '../../policy/decide.ts';
import { MODES, profileOf } from './attacks.fixture.ts';

describe.each(MODES)('the profile of %s', (mode) => {
  test('is as it was looked at', async () => {
    const text = profileText(macPolicy(mode), { tag: 'pinfold-0123456789abc', terminal: '/dev/ttys003' });
    await expect(text).toMatchFileSnapshot(`golden/${mode}.sb`);
  });

  test('names a tag in every denial, the default one too', () => {
    const profile = profileOf(macPolicy(mode), { tag: 'pinfold-x' });
    const denials = profile.rules.filter(({ action }) => action === 'deny');
    expect(denials.length).toBeGreaterThan(3);
    expect(denials.map(({ message }) => message)).toEqual(denials.map(() => 'pinfold-x'));
  });

  test('decides about known places as the policy does', () => {
    const policy = macPolicy(mode);
    const decider = new Decider(policy);
    const profile = profileOf(policy);
    const places = policy.rules
      .filter(({ glob }) => !glob)
      .flatMap(({ pattern }) => [pattern, `${pattern}/in`]);
    const more = [
      '.git/hooks/x',
      '.git/index',
      'sub/.git/config',
      '.vscode/a',
      'node_modules/m/.vscode/a',
      'src/a.ts',
    ];
    for (const path of [...places, ...more.map((name) => `${PROJECT}/${name}`)]) {
      const says = (want: 'read' | 'write') => decider.decide(path, want, { directory: false }).allowed;
      expect([path, profile.allows({ operation: 'file-read-data', path })]).toEqual([path, says('read')]);
      expect([path, profile.allows({ operation: 'file-write-data', path })]).toEqual([path, says('write')]);
    }
  });

  test('stays below a length that a command line can carry, with long names too', () => {
    const deep = `/Users/ada/${'long-name/'.repeat(20)}app`;
    const facts = { ...MAC_FACTS, projectDir: deep };
    expect(profileText(macPolicy(mode, {}, facts)).length).toBeLessThan(256 * 1024);
  });
});

test('no profile holds a rule without an explanation above it', () => {
  for (const mode of MODES) {
    const text = profileText(macPolicy(mode));
    expect(
      text
        .split('\n\n')
        .slice(1)
        .every((part) => part.trim() === '' || part.startsWith('; ')),
    ).toBe(true);
  }
});

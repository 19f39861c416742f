/** Claims about whose socket it is, on lines as lsof and ps of a Mac print them. */
import { describe, expect, test } from 'vitest';
import { anyBeneath, holdersOf } from './socket-holders.ts';

const LSOF = 'p812\nf23\np77\nf9\n';
const PS = '    1     0\n   77     1\n  800    77\n  812   811\n  811   800\n  900   901\n  901   900\n';

describe('a socket', () => {
  test('is held by the processes that lsof lists', () => {
    expect(holdersOf(LSOF)).toEqual([812, 77]);
    expect(holdersOf('')).toEqual([]);
    expect(holdersOf('pid 5\nxp6\n')).toEqual([]);
  });

  test('is the session’s when one of them descends from its first process', () => {
    expect(anyBeneath([812], 800, PS)).toBe(true);
    expect(anyBeneath([800], 800, PS)).toBe(true);
    expect(anyBeneath([77], 800, PS)).toBe(false);
    expect(anyBeneath([812, 77], 1234, PS)).toBe(false);
    expect(anyBeneath([], 800, PS)).toBe(false);
  });

  test('is nobody’s where the list leads in a circle or nowhere', () => {
    expect(anyBeneath([900], 800, PS)).toBe(false);
    expect(anyBeneath([4242], 800, PS)).toBe(false);
  });
});

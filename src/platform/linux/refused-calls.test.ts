import { expect, test } from 'vitest';
import { REFUSED_CALLS } from './refused-calls.ts';
import { BASELINE, LANDLOCK_NETWORK_BASELINE, LANDLOCK_TIER_BASELINE } from './seccomp/baseline.ts';
import { ARCH_TABLES } from './seccomp/tables.ts';
import { encodeWatched, WATCHED_CALLS } from './watched-calls.ts';

test.each([BASELINE, LANDLOCK_TIER_BASELINE, LANDLOCK_NETWORK_BASELINE])(
  'of each call that is refused and told of it is known why, and of no other (baseline %#)',
  ({ groups, checked }) => {
    const grouped = groups
      .filter(({ action }) => action === 'refuse')
      .flatMap(({ calls }) => Object.keys(calls));
    const some = Object.entries(checked).flatMap(([name, { rules, otherwise }]) =>
      [...rules.map(({ action }) => action), otherwise].includes('refuse') ? [name] : [],
    );
    const names = [...grouped, ...some];
    expect(names.filter((name) => !REFUSED_CALLS.has(name))).toEqual([]);
    // The tier answers some of them in another way.
    if (groups === BASELINE.groups) expect([...REFUSED_CALLS.keys()].sort()).toEqual(names.sort());
  },
);

test('the launcher knows every call that may go on, and none that is refused: those it refuses by itself', () => {
  const goesOn = [BASELINE, LANDLOCK_TIER_BASELINE, LANDLOCK_NETWORK_BASELINE].flatMap(
    ({ groups, checked }) => [
      ...groups
        .filter(({ action }) => action === 'notify' || action === 'watch')
        .flatMap(({ calls }) => Object.keys(calls)),
      ...Object.entries(checked).flatMap(([name, { rules, otherwise }]) =>
        [...rules.map(({ action }) => action), otherwise].some(
          (action) => action === 'notify' || action === 'watch',
        )
          ? [name]
          : [],
      ),
    ],
  );
  for (const arch of ['x64', 'arm64'] as const) {
    const { numbers } = ARCH_TABLES[arch];
    const { count, bytes } = encodeWatched(arch, true);
    const known = new Set(Array.from({ length: count }, (_, index) => bytes.readUInt32LE(36 * index)));
    const numbered = (names: Iterable<string>) =>
      [...names].flatMap((name) => (numbers[name] === undefined ? [] : [numbers[name]]));
    expect(numbered(goesOn).filter((number) => !known.has(number))).toEqual([]);
    expect(numbered(REFUSED_CALLS.keys()).filter((number) => known.has(number))).toEqual([]);
    expect(numbered(Object.keys(WATCHED_CALLS)).length).toBeGreaterThan(20);
  }
});

/** The ways in which libraries ask for names: each gets its answer at once in every mode, and each refused name is one record. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { networkActs } from '../fixtures/network-acts.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const ALLOWED = ['--net', 'filtered', '--allow-domain', 'allowed.test'];
/** What the first mention of an allowed name stands for inside. */
const SYNTHETIC = '198.18.1.0';

/** [who asks so, act, answer for a name that exists, answer for one that does not]. */
const WAYS: readonly (readonly [who: string, act: string, found: string, missing: string])[] = [
  ['getaddrinfo of glibc', 'resolve', SYNTHETIC, 'EAI_NONAME'],
  ['musl: an addressed send', 'ask:sendto', 'code 0', 'code 3'],
  ['a connected socket, send', 'ask:send', 'code 0', 'code 3'],
  ['Go: a connected socket, write', 'ask:write', 'code 0', 'code 3'],
  ['an addressed sendmsg', 'ask:sendmsg', 'code 0', 'code 3'],
  ['a connected socket, sendmsg', 'ask:sendmsg-connected', 'code 0', 'code 3'],
  ['TCP', 'ask:tcp', 'code 0', 'code 3'],
];

const C_ARES = `require('dns').resolve4(process.argv[1], (error, found) => console.log(error ? error.code : found[0]))`;

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  let acts: ReturnType<typeof networkActs>;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    acts = networkActs(world);
  });
  afterAll(() => world.dispose());

  const names = WAYS.map((_, index) => `n${index}.denied.test`);
  const asked = (name: (index: number) => string) => WAYS.map(([, act], index) => `${act}:${name(index)}`);

  test.each(['none', 'local', 'filtered'])(
    'with --net %s a name is refused at once, and recorded',
    async (mode) => {
      await net.visits();
      const flags = ['--net', mode];
      const { answers, violations } = await acts.inside(
        asked((index) => names[index]!),
        flags,
      );
      expect(answers).toEqual(WAYS.map(([, , , missing]) => missing));
      expect(violations.map(({ host }) => host)).toEqual(names);
      for (const { program } of violations) expect(program).toMatch(/\/python3/);
      expect((await world.inside([world.node, '-e', C_ARES, 'denied.test'], flags)).stdout).toBe(
        'ENOTFOUND\n',
      );
      expect(await net.visits()).toEqual([]);
    },
  );

  test('an allowed name is answered in all of these ways, and outside as well', async () => {
    const { answers, violations } = await acts.inside(
      asked(() => 'allowed.test'),
      ALLOWED,
    );
    expect(answers).toEqual(WAYS.map(([, , found]) => found));
    expect(violations).toEqual([]);
    expect((await world.inside([world.node, '-e', C_ARES, 'allowed.test'], ALLOWED)).stdout).toBe(
      `${SYNTHETIC}\n`,
    );
    const outside = WAYS.filter(([, act]) => act !== 'ask:tcp').map(([, act]) => `${act}:allowed.test`);
    expect((await acts.outside(outside)).slice(1)).toEqual(outside.slice(1).map(() => 'code 0'));
    expect((await world.run([world.node, '-e', C_ARES, 'allowed.test'])).stdout).toBe('93.184.216.34\n');
  });
});

/** Hosts that give no namespaces: run says why and what mends it, and starts nothing; doctor proves what there is without them. */
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { treeOf } from '../fixtures/host-tree.ts';
import { compileFixture, makeWorld, people, type World } from '../fixtures/world.ts';

interface Hindered {
  readonly name: string;
  /** Words before a command that put it on such a host. */
  readonly around: (filter: string) => readonly string[];
  readonly why: string;
  readonly fix: string;
}

const EPERM = '1';

/** In a user namespace of its own a person may set these limits for whoever is in it. */
function inNamespace(script: string): readonly string[] {
  return ['unshare', '-Urm', 'sh', '-c', `${script} && exec "$@"`, 'sh'];
}

const HINDERED: readonly Hindered[] = [
  {
    name: 'whose limit of user namespaces is zero',
    around: () => inNamespace('echo 0 > /proc/sys/user/max_user_namespaces'),
    why: 'user.max_user_namespaces is 0',
    fix: 'sudo sysctl -w user.max_user_namespaces=10000',
  },
  {
    name: 'whose limit of network namespaces is zero',
    around: () => inNamespace('echo 0 > /proc/sys/user/max_net_namespaces'),
    why: 'user.max_net_namespaces is 0',
    fix: 'sudo sysctl -w user.max_net_namespaces=10000',
  },
  {
    name: 'with a filter that refuses namespaces, as containers have it',
    around: (filter) => [filter, EPERM],
    why: 'a filter of system calls around this process refuses them',
    fix: '--security-opt seccomp=unconfined',
  },
  {
    name: 'with parts of /proc covered, as containers have it',
    around: () => inNamespace('mount -t tmpfs none /proc/sys/net'),
    why: 'parts of /proc are covered here',
    fix: '--security-opt systempaths=unconfined',
  },
];

describe.each(people)('as $label', (person) => {
  let world: World;
  let filter = '';
  beforeAll(async () => {
    world = await makeWorld(person);
    const program = await compileFixture('refuse-namespaces');
    filter = join(world.root, 'bin/refuse-namespaces');
    copyFileSync(program, filter);
    chmodSync(filter, 0o755);
  });
  afterAll(() => world.dispose());

  describe.each(HINDERED)('on a host $name', ({ around, why, fix }) => {
    test('run names the cause and the one command, exits 125, and nothing was run', async () => {
      const mark = join(world.project, 'was-run');
      const ran = await world.run([...around(filter), ...pinfold(), 'run', '--', 'touch', mark]);
      expect(ran).toMatchObject({ code: 125, stdout: '' });
      expect(ran.stderr).toContain(why);
      expect(ran.stderr).toContain(`fix  ${fix.startsWith('--') ? 'Start the container with ' : ''}${fix}`);
      expect(ran.stderr).toContain('ERR_NAMESPACES_UNAVAILABLE');
      expect(existsSync(mark)).toBe(false);
      // The control: on the same host the command itself works, and so does pinfold on the host around it.
      expect((await world.run([...around(filter), 'touch', mark])).code).toBe(0);
      expect((await world.inside(['rm', mark])).code).toBe(0);
    });

    test('doctor says the same, finds each guarantee given or names it, and leaves nothing', async () => {
      const before = treeOf(world.root);
      const ran = await world.run([...around(filter), ...pinfold(), 'doctor', '--json', '--mode', 'strict']);
      expect(ran.code, ran.stderr).toBe(1);
      const [{ weaker, guarantees }] = JSON.parse(ran.stdout).modes;
      expect(weaker).toMatchObject({ why: expect.stringContaining(why), fix: expect.stringContaining(fix) });
      const found: { id: string; state: string; reasons: string[] }[] = guarantees;
      const open = found.filter(({ state }) => state !== 'proven').map(({ id, state }) => `${id}: ${state}`);
      expect(open, JSON.stringify(found, undefined, 1)).toEqual([
        'layers: weaker',
        // It is read from /proc/self, which is closed.
        'environment: unproven',
        'missing-hidden-names: weaker',
        'missing-read-only-modes: weaker',
        'missing-process-numbers: weaker',
      ]);
      expect(treeOf(world.root)).toEqual(before);
    });
  });
});

/** Several sandboxes on one project at once, and what a caller holds open: nothing of one leaks into the other. */
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('ten starts at once with absent protected names see no placeholder of each other', async () => {
    const before = treeOf(world.project);
    const script =
      'ls -A; test -e .mcp.json && echo placeholder; test -e .vscode && echo placeholder; sleep 0.1; ls -A';
    const runs = await Promise.all(Array.from({ length: 10 }, () => world.shell(script)));
    const names = readdirSync(world.project).sort();
    for (const ran of runs) {
      expect(ran.stdout).not.toContain('placeholder');
      expect([...new Set(ran.stdout.trim().split('\n'))].sort()).toEqual(names);
    }
    expect(treeOf(world.project)).toEqual(before);
  });

  test('temporary files, processes and abstract sockets of one are not seen by the other', async () => {
    const script = 'echo x > /tmp/mine; ls -A /tmp; ls /proc | grep -c "^[0-9]"; sleep 0.2';
    const runs = await Promise.all([1, 2].map(() => world.shell(script, ['--mode', 'standard'])));
    for (const ran of runs) {
      const lines = ran.stdout.trim().split('\n');
      expect(lines).toContain('mine');
      expect(Number(lines.at(-1))).toBeLessThan(8);
    }
    expect(existsSync('/tmp/mine')).toBe(false);
  });

  test('both may listen on the same port inside', async () => {
    const script =
      "require('net').createServer().listen(18080, '127.0.0.1', function () { console.log('listening'); setTimeout(() => this.close(), 300) })";
    const runs = await Promise.all([1, 2].map(() => world.inside([world.node, '-e', script])));
    expect(runs.map((ran) => ran.stdout)).toEqual(['listening\n', 'listening\n']);
  });

  test('one may not read or write the other’s project', async () => {
    const other = await makeWorld(person);
    try {
      const ran = await world.shell(`cat ${other.project}/README; echo x > ${other.project}/README`);
      expect(ran.stdout).toBe('');
      expect((await other.run(['cat', 'README'])).stdout).toBe('a project\n');
    } finally {
      other.dispose();
    }
  });

  test('Pinfold’s own state cannot be read or written inside, in any mode', async () => {
    await world.inside(['true']);
    const state = `${world.home}/.local/state/pinfold`;
    expect(existsSync(state)).toBe(true);
    for (const flags of [[], ['--mode', 'standard'], ['--mode', 'permissive', '--net', 'none']]) {
      const ran = await world.shell(
        `ls ${state}; cat ${state}/sessions/*/*; echo x > ${state}/planted; mkdir -p ${world.home}/.config/pinfold && echo x > ${world.home}/.config/pinfold/settings.json`,
        flags,
      );
      expect(ran.stdout).toBe('');
      expect(existsSync(`${state}/planted`)).toBe(false);
      expect(existsSync(`${world.home}/.config/pinfold/settings.json`)).toBe(false);
    }
  });
});

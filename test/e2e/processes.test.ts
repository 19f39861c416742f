/** Processes: the command sees its own tree, and nothing of the host's can be seen, signalled, traced or inherited. */
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { alive, processesWith, until } from '../fixtures/host-tree.ts';
import { type Act, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let victim: ChildProcess;
  beforeAll(async () => {
    world = await makeWorld(person);
    victim = world.start(['sleep', '600']);
  });
  afterAll(() => {
    victim.kill('SIGKILL');
    world.dispose();
  });

  test('a host process does not exist for a signal', async () => {
    const pid = String(victim.pid);
    expect(
      await world.probeInside([
        ['kill', pid, '0'],
        ['kill', pid, '15'],
        ['kill', String(process.pid), '0'],
      ]),
    ).toEqual(['ESRCH', 'ESRCH', 'ESRCH']);
    expect(alive(victim.pid!)).toBe(true);
    expect(await world.probeOutside([['kill', pid, '0']])).toEqual(['ok']);
  });

  test('a signal to everyone reaches no host process', async () => {
    await world.shell('kill -USR1 -1; true');
    expect(alive(victim.pid!)).toBe(true);
  });

  test('children can be signalled, and traced by their own parent or not at all', async () => {
    expect(await world.shell('sleep 60 & kill $!; wait $!; echo $?')).toMatchObject({ stdout: '143\n' });
    expect(['ok', 'EPERM']).toContain((await world.probeInside([['trace-child']]))[0]);
  });

  test('ps and /proc list the own tree only', async () => {
    const ran = await world.shell(
      'cat /proc/[0-9]*/cmdline | tr "\\0" " "; echo; ls /proc | grep -c "^[0-9]"',
    );
    expect(ran.stdout).not.toContain('sleep 600');
    expect(Number(ran.stdout.trim().split('\n').at(-1))).toBeLessThan(8);
    expect((await world.run(['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'])).stdout).toContain(
      'sleep 600',
    );
  });

  test('the first process gives no memory, environment or root', async () => {
    const acts: Act[] = [
      ['read', '/proc/1/mem'],
      ['read', '/proc/1/environ'],
      ['list', '/proc/1/root'],
      ['read', `/proc/1/root${world.home}/.ssh/id_ed25519`],
      ['list', '/proc/1/cwd'],
      ...Array.from({ length: 3 }, (_, descriptor): Act => ['read', `/proc/1/fd/${descriptor}`]),
    ];
    expect(await world.probeInside(acts)).toEqual(acts.map(() => 'EACCES'));
    expect(
      (
        await world.probeInside([
          ['list', '/proc/self/root'],
          ['list', '/proc/self/fd'],
        ])
      ).every((a) => a.startsWith('ok')),
    ).toBe(true);
  });

  test('a grandchild can use its own /proc/self', async () => {
    const ran = await world.shell('sh -c \'sh -c "cat /proc/self/comm; readlink /proc/self/cwd"\'');
    expect(ran).toMatchObject({ code: 0, stdout: `cat\n${world.project}\n` });
  });

  test('descriptors 3 to 40 that the caller holds open are not inherited', async () => {
    const holding = [
      'import os, sys',
      'held = os.open(sys.argv[1], os.O_RDONLY)',
      'os.set_inheritable(held, True)',
      '[os.dup2(held, number) for number in range(3, 41)]',
      'os.execvp(sys.argv[2], sys.argv[2:])',
    ].join('\n');
    const canary = `${world.outside}/canary`;
    const held = async (...argv: readonly string[]): Promise<string> =>
      (await world.run(['python3', '-c', holding, canary, ...argv])).stdout;
    expect(await held(world.probe, 'descriptors')).toMatch(/^ok:3,4,.*,39,40[,\n]/);
    const run = ['run', '--mode', 'strict', '--allow', `${world.root}/bin:ro`, '--'];
    expect(await held(...pinfold(), ...run, world.probe, 'descriptors')).toBe('ok\n');
  });

  test('a background child ends with the command', async () => {
    const marker = `${world.root}/background`;
    const ran = await world.shell(
      `sh -c 'while :; do sleep 0.1; done' ${marker} & (setsid sh -c 'sleep 50' ${marker} &) ; echo started`,
    );
    expect(ran).toMatchObject({ code: 0, stdout: 'started\n' });
    await until(() => processesWith(marker).length === 0);
    expect(processesWith(marker)).toEqual([]);
  });

  test('loader variables and secrets are dropped, ordinary ones stay, and flags decide', async () => {
    const env = {
      LD_PRELOAD: '/tmp/x.so',
      LD_LIBRARY_PATH: '/tmp',
      NODE_OPTIONS: '--no-warnings',
      BASH_ENV: '/tmp/x',
      AWS_SECRET_ACCESS_KEY: 'secret-one',
      GITHUB_TOKEN: 'secret-two',
      MY_PASSWORD: 'secret-three',
      HARMLESS_NAME: `ghp_${'a1B2'.repeat(9)}`,
      LANG: 'C.UTF-8',
      TERM: 'xterm',
    };
    const ran = await world.inside(['env'], [], { env });
    expect(ran.code).toBe(0);
    for (const name of [
      'LD_PRELOAD',
      'LD_LIBRARY_PATH',
      'BASH_ENV',
      'AWS_SECRET_ACCESS_KEY',
      'GITHUB_TOKEN',
      'MY_PASSWORD',
      'HARMLESS_NAME',
    ])
      expect(ran.stdout).not.toContain(`${name}=`);
    expect(ran.stdout).toContain('LANG=C.UTF-8\n');
    expect(ran.stdout).toContain('TERM=xterm\n');
    const passed = await world.inside(['env'], ['--env', 'GITHUB_TOKEN', '--env', 'CHOSEN=1'], { env });
    expect(passed.stdout).toContain('GITHUB_TOKEN=secret-two\n');
    expect(passed.stdout).toContain('CHOSEN=1\n');
  });

  test('HOME is private, kept between runs, and not the host’s', async () => {
    const first = await world.shell('echo warm > "$HOME/cache"; echo "$HOME"');
    const home = first.stdout.trim();
    expect(first.code).toBe(0);
    expect(home).not.toBe(world.home);
    expect((await world.shell('cat "$HOME/cache"')).stdout).toBe('warm\n');
  });
});

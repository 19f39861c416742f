/** Limits: what exceeds one is stopped and told, and the same work within it succeeds. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('memory beyond the limit is not given', async () => {
    const argv = ['python3', '-c', 'x = bytearray(400 << 20); print(len(x) >> 20)'];
    expect(await world.inside(argv, ['--limit', 'memory=1GiB'])).toMatchObject({ code: 0, stdout: '400\n' });
    const ran = await world.inside(argv, ['--limit', 'memory=200MiB']);
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toContain('MemoryError');
  });

  test('a command that runs too long is ended, and the limit is named', async () => {
    expect(await world.shell('sleep 0.1; echo done', ['--limit', 'wallTime=30s'])).toMatchObject({
      code: 0,
      stdout: 'done\n',
    });
    const ran = await world.inside(['sleep', '60'], ['--limit', 'wallTime=1s']);
    expect(ran.code).toBe(143);
    expect(ran.stderr).toContain('it ran longer than wallTime, 1 s');
  });

  test('a file does not grow beyond the limit', async () => {
    const write = 'head -c 2000000 /dev/zero > big; stat -c %s big';
    expect(await world.shell(write, ['--limit', 'fileSize=4MiB'])).toMatchObject({ stdout: '2000000\n' });
    expect(await world.shell(write, ['--limit', 'fileSize=1MiB'])).toMatchObject({ stdout: '1048576\n' });
  });

  test('more processes than the limit are not made; for root, whom the kernel exempts, the run is refused', async () => {
    const fork = 'i=0; while [ $i -lt 30 ]; do sleep 1 & i=$((i+1)); done; wait; echo all';
    expect(await world.shell(fork, ['--limit', 'processes=200'])).toMatchObject(
      person.uid === 0 ? { code: 125, stdout: '' } : { code: 0, stdout: 'all\n' },
    );
    const ran = await world.shell(fork, ['--limit', 'processes=10']);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(person.uid === 0 ? /Cannot limit the processes of root/ : /Cannot fork/);
  });
});

/** Control groups: what the host hands down is used, what it does not is named, and nothing of it is left behind. */
import { chownSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cgroupGround } from '../../src/platform/linux/cgroup/ground.ts';
import { ControlGroup } from '../../src/platform/linux/cgroup/group.ts';
import { pinfold } from '../fixtures/as-user.ts';
import { finished, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

const ground = cgroupGround();
if (ground.kind === 'none') throw new Error(`these tests need cgroup v2: ${ground.why}`);

/** Where root may make a group; the nearest. */
function delegate(name: string, uid: number, gid: number): { readonly parent: string; readonly own: string } {
  if (ground.kind === 'none') throw new Error(ground.why);
  for (const directory of ground.directories) {
    const parent = join(directory, `test-${process.pid}-${name}`);
    try {
      mkdirSync(parent);
    } catch {
      continue;
    }
    const own = join(parent, 'own');
    mkdirSync(own);
    // What cgroups(7) names for a delegation.
    for (const path of [parent, own]) {
      for (const file of ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']) {
        chownSync(join(path, file), uid, gid);
      }
    }
    const handed = readFileSync(join(parent, 'cgroup.controllers'), 'utf8').trim().split(' ');
    for (const controller of ['memory', 'pids'].filter((each) => handed.includes(each))) {
      writeFileSync(join(parent, 'cgroup.subtree_control'), `+${controller}`);
    }
    return { parent, own };
  }
  throw new Error('root may make no control group here');
}

describe.each(people)('as $label, in a group that was delegated', (person) => {
  let world: World;
  let place: { readonly parent: string; readonly own: string };
  let handedDown: readonly string[];
  beforeAll(async () => {
    world = await makeWorld(person);
    place = delegate(`user-${person.uid}`, person.uid, person.gid);
    handedDown = readFileSync(join(place.own, 'cgroup.controllers'), 'utf8').trim().split(' ');
  });
  afterAll(() => {
    world.dispose();
    rmdirSync(place.own);
    rmdirSync(place.parent);
  });

  const groups = () =>
    [place.own, place.parent].flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => name.startsWith('pinfold-'))
        .map((name) => join(directory, name)),
    );

  /** A run whose Pinfold lives in the delegated group: it is moved there before it becomes Pinfold. */
  function start(argv: readonly string[], flags: readonly string[]) {
    const words = ['run', '--mode', 'strict', ...flags, '--', ...argv];
    const child = world.start(['sh', '-c', 'read go; exec "$@"', 'sh', ...pinfold(), ...words], {
      input: null,
    });
    writeFileSync(join(place.own, 'cgroup.procs'), `${child.pid}`);
    child.stdin?.write('go\n');
    return child;
  }

  async function run(argv: readonly string[], flags: readonly string[]): Promise<Ran> {
    const child = start(argv, flags);
    child.stdin?.end();
    return await finished(child);
  }

  function statusOf({ stderr }: Ran, limit: string): { readonly state: string } {
    const said = JSON.parse(stderr.split('\n').find((line) => line.startsWith('{'))!);
    return said.enforcement.find(({ mechanism }: { mechanism: string }) => mechanism === `limits.${limit}`);
  }

  test('the session has a group of its own while it lasts, and none afterwards', async () => {
    const child = start(['sh', '-c', 'echo up; read end'], ['--limit', 'cpuTime=1h']);
    const ended = finished(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    expect(groups()).toHaveLength(1);
    // The launcher, init, the shell, and what serves the tripwire; what Node itself is stays outside.
    const members = readFileSync(join(groups()[0]!, 'cgroup.procs'), 'utf8').trim().split('\n');
    expect(members).toHaveLength(3 + world.either(1, 0));
    expect(members).not.toContain(`${child.pid}`);
    child.stdin?.end('\n');
    expect(await ended).toMatchObject({ code: 0 });
    expect(groups()).toEqual([]);
  });

  test('without a limit that needs one, no group is made', async () => {
    const child = start(['sh', '-c', 'echo up; read end'], ['--limit', 'openFiles=100']);
    const ended = finished(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    expect(groups()).toEqual([]);
    child.stdin?.end('\n');
    expect(await ended).toMatchObject({ code: 0 });
  });

  test('processor time of all processes is counted, and what goes beyond is ended', async () => {
    const forks = 'for i in 1 2 3 4; do timeout 0.4 sh -c "while :; do :; done"; done; echo all';
    const within = await run(['sh', '-c', forks], ['--json', '--limit', 'cpuTime=30s']);
    expect(within).toMatchObject({ code: 0, stdout: expect.stringContaining('all\n') });
    expect(statusOf(within, 'cpuTime')).toMatchObject({ state: 'full' });
    // None of them uses a second for itself.
    const long = forks.replace('1 2 3 4', '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20');
    const ran = await run(['sh', '-c', long], ['--limit', 'cpuTime=1s']);
    expect(ran).toMatchObject({ code: 137, stdout: '' });
    expect(ran.stderr).toContain('used more than cpuTime, 1 s (--limit cpuTime=1s)');
    expect(groups()).toEqual([]);
  });

  test('memory and processes are kept by the group where it holds the controllers, and the status says so', async () => {
    const ran = await run(['true'], ['--json', '--limit', 'memory=1GiB', '--limit', 'processes=100']);
    const byRlimit = person.uid === 0 ? 'partial' : 'full';
    expect(statusOf(ran, 'memory').state).toBe(handedDown.includes('memory') ? 'full' : 'partial');
    expect(statusOf(ran, 'processes').state).toBe(handedDown.includes('pids') ? 'full' : byRlimit);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('%s of Pinfold leaves no group behind', async (signal) => {
    const child = start(['sh', '-c', 'echo up; read end'], ['--limit', 'cpuTime=1h']);
    const ended = finished(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    expect(groups()).toHaveLength(1);
    process.kill(child.pid!, signal);
    await ended;
    await expect.poll(groups).toEqual([]);
  });
});

test('what a session left that was killed with all that removes its group, the next one removes', async () => {
  const { parent, own } = delegate('stale', 0, 0);
  const gone = join(parent, 'pinfold-4194304-1');
  const other = join(parent, 'somebody-else');
  mkdirSync(gone);
  mkdirSync(other);
  const group = ControlGroup.make({ kind: 'found', directories: [parent] }, process.pid, []);
  expect(readdirSync(parent).filter((name) => name.startsWith('pinfold-'))).toEqual([
    `pinfold-${process.pid}-${process.pid}`,
  ]);
  expect(readdirSync(parent)).toContain('somebody-else');
  writeFileSync(
    join(ground.kind === 'found' ? ground.directories[0]! : '', 'cgroup.procs'),
    `${process.pid}`,
  );
  await group?.remove();
  for (const directory of [other, own, parent]) rmdirSync(directory);
});

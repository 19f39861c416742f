/** A shared cache that its tool insists on writing: whatever the inside does there stays in a layer of the session's. */
import { once } from 'node:events';
import {
  copyFileSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold, spawnAs } from '../fixtures/as-user.ts';
import { holdNamespaces } from '../fixtures/held-namespaces.ts';
import { withoutNamespaces } from '../fixtures/hindered.ts';
import { mountsOf, processesWith, treeOf, until } from '../fixtures/host-tree.ts';
import {
  CANARY,
  finished,
  gitRepository,
  makeWorld,
  people,
  repository,
  type World,
} from '../fixtures/world.ts';

const FILES = [
  ...['read', 'append', 'truncate', 'mapped', 'late', 'mode', 'times', 'attribute', 'remove', 'replaced'],
  ...['exchange', 'link', 'flags', 'gone/inner', 'sub/within'],
];
/** What is not simply done. */
const REFUSED = {
  // The layer moves no directory of the host's (overlayfs without redirect_dir): mv(1) copies it then.
  'move of a directory': 'EXDEV',
  whiteout: 'EACCES',
  out: 'EXDEV',
};
/** Hosts on which overlayfs does not take the cache, as `holdNamespaces` is told. */
const UNLAYERED = [
  {
    // A third one is more than the kernel stacks (FILESYSTEM_MAX_STACK_DEPTH).
    name: 'a cache on two layers already',
    script: `mount -t tmpfs tmpfs /mnt; for n in 1 2; do mkdir -p /mnt/$n/upper /mnt/$n/work
mount -t overlay -o "lowerdir=$1,upperdir=/mnt/$n/upper,workdir=/mnt/$n/work" overlay "$1"; done`,
  },
  // What it hides would lie open in the layer, so the kernel makes none.
  { name: 'a cache with a mount in it', script: 'mount -t tmpfs tmpfs "$1/sub"' },
];
const INSIDE = '$HOME/.cache/pip';

/** All three of each entry of a tree. Lists no directory, which would itself be seen in them. */
function timesOf(root: string, names: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.keys(names).map((name) => {
    const { atimeNs, mtimeNs, ctimeNs } = lstatSync(join(root, name), { bigint: true });
    return [name, { atimeNs, mtimeNs, ctimeNs }];
  });
  return Object.fromEntries(entries);
}

/** So old that the next look of the host's at it is seen in the time of access (mount(8), relatime). */
function age(path: string): void {
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) age(join(path, name));
  if (!lstatSync(path).isSymbolicLink()) utimesSync(path, 1e9, 1e9);
}

/** Not where the file system is mounted with noatime. */
function keepsTimesOfAccess(directory: string): boolean {
  const probe = join(directory, 'looked-at');
  writeFileSync(probe, 'x');
  age(probe);
  readFileSync(probe);
  const kept = lstatSync(probe).atimeMs !== 1e12;
  rmSync(probe);
  return kept;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let cache: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    cache = join(world.home, '.cache/pip');
    furnish(world, cache);
    await share(world, 'shared');
  });
  afterAll(() => world.dispose());

  const furnish = (there: World, at: string): void => {
    for (const name of FILES) there.put(join(at, name), 'host\n');
    symlinkSync(join(there.home, '.ssh/id_ed25519'), join(at, 'key'));
    copyFileSync(join(repository, 'test/fixtures/layer-acts.py'), there.put(join(there.project, 'acts.py')));
  };
  const share = async (there: World, manner: string) =>
    expect((await there.pinfold(['config', 'set', 'caches.pip', manner, '--scope', 'user'])).code).toBe(0);
  const acts = (tree: string) => `/usr/bin/python3 acts.py "${tree}"`;
  const met = (stdout: string): Record<string, string> =>
    Object.fromEntries(Array.from(stdout.matchAll(/^([a-z ]+): (.+)$/gm), ([, act, how]) => [act!, how!]));

  test('no act upon it changes a byte, a name or a time of the host’s; on the host each is done', async () => {
    const copy = join(world.project, 'copy');
    expect((await world.run(['cp', '-a', cache, copy])).code).toBe(0);
    const [before, copied] = [treeOf(cache), treeOf(copy)];
    age(cache);
    age(copy);
    const [times, timesOfCopy] = [timesOf(cache, before), timesOf(copy, copied)];
    const ran = await world.shell(
      `${acts(INSIDE)}; cat ${INSIDE}/append ${INSIDE}/mapped; ls ${INSIDE}/gone`,
    );
    expect(timesOf(cache, before)).toEqual(times);
    expect(treeOf(cache)).toEqual(before);
    expect(readdirSync(world.project)).not.toContain('out');

    const outside = await world.run(['sh', '-c', acts('copy')], { cwd: world.project });
    expect([outside.code, ...new Set(Object.values(met(outside.stdout)))]).toEqual([0, 'ok']);
    // The control: there every one of them left something, the mere look as well.
    const left = ['append', 'truncate', 'mapped', 'late', 'mode', 'times', 'attribute', 'flags'];
    if (keepsTimesOfAccess(world.project)) left.push('read');
    const after = timesOf(copy, Object.fromEntries(left.map((name) => [name, true])));
    for (const name of left) expect(after[name], name).not.toEqual(timesOfCopy[name]);
    expect(treeOf(copy)).not.toEqual(copied);
    // And inside they were done, in the layer.
    expect(met(ran.stdout), ran.stderr).toEqual({ ...met(outside.stdout), ...REFUSED });
    expect(ran.stdout).toMatch(/host\npoisonevil\nother\n$/);
  });

  test('what a session put there no other session sees, of another project or of the same, at the time or later', async () => {
    const other = join(world.root, 'other');
    world.put(join(other, 'README'));
    await gitRepository(world, other);
    const poison = `echo poison > ${INSIDE}/read; rm ${INSIDE}/append; cat ${INSIDE}/read; read -r line`;
    const first = world.startInside(['sh', '-c', poison], [], { input: null });
    expect(String((await once(first.stdout!, 'data'))[0])).toBe('poison\n');
    const look = `cat ${INSIDE}/read ${INSIDE}/append`;
    const during = [await world.shell(look), await world.shell(look, [], { cwd: other })];
    first.stdin!.end('go\n');
    expect((await finished(first)).code).toBe(0);
    for (const ran of [...during, await world.shell(look)])
      expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'host\nhost\n' });
  });

  test('a session that is killed leaves the host’s as it was, and no mount', async () => {
    const before = treeOf(cache);
    const marker = `${world.root}/killed`;
    const script = `for n in $(seq 1000); do echo $n > ${INSIDE}/$n; done; rm -r ${INSIDE}/sub; ls ${INSIDE} | wc -l; sleep 600`;
    const child = world.startInside(['sh', '-c', script, marker], [], { input: null });
    // All but `sub`: the changes were made.
    expect(Number(String((await once(child.stdout!, 'data'))[0]))).toBe(
      Object.keys(before).filter((name) => /^[^/]+$/.test(name)).length + 999,
    );
    child.kill('SIGKILL');
    await finished(child);
    await until(() => processesWith(marker).length === 0);
    expect(treeOf(cache)).toEqual(before);
    expect(mountsOf(world.root)).toEqual([]);
  });

  test('a link in it to a credential opens nothing', async () => {
    expect((await world.run(['cat', join(cache, 'key')])).stdout).toBe(`${CANARY}\n`);
    const looked = await world.shell(`cat ${INSIDE}/key`);
    expect([looked.code, looked.stdout]).toEqual([1, '']);
    expect(looked.stderr).toContain(world.either('Permission denied', 'No such file or directory'));
    // Nor is it one that a layer of one's own could lead elsewhere.
    const ran = await world.shell(
      `rm ${INSIDE}/key && ln -s ${world.outside}/canary ${INSIDE}/key && cat ${INSIDE}/key`,
    );
    expect([ran.code, ran.stdout]).toEqual([1, '']);
  });

  test('a lock taken inside keeps nobody outside waiting', async () => {
    const hold = ['flock', '-x', '-o'];
    const held = async (child: ReturnType<World['start']>, file: string): Promise<number> => {
      await once(child.stdout!, 'data');
      const { code } = await world.run(['flock', '-n', '-x', file, 'true']);
      child.stdin!.end();
      await finished(child);
      return code;
    };
    const file = join(cache, 'read');
    const waiting = 'echo held; read -r line';
    const outside = world.start([...hold, file, 'sh', '-c', waiting], { input: null });
    expect(await held(outside, file)).toBe(1);
    const inside = world.startInside(['sh', '-c', `flock -x -o ${INSIDE}/read sh -c "${waiting}"`], [], {
      input: null,
    });
    expect(await held(inside, file)).toBe(0);
  });

  test('what is written there has the limit of temporary files', async () => {
    const fill = `head -c 3000000 /dev/zero > ${INSIDE}/big`;
    expect((await world.shell(fill)).code).toBe(0);
    const limited = await world.shell(fill, ['--limit', 'temporaryFiles=1MiB']);
    expect([limited.code, limited.stderr]).toEqual([1, expect.stringContaining('No space left on device')]);
  });

  test.each(UNLAYERED)(
    '$name: nothing is started, and a private cache is named as the way out',
    async ({ script }) => {
      const host = await holdNamespaces(`ip link set lo up; ${script}`, cache);
      const there = (argv: readonly string[]) =>
        finished(
          spawnAs(person, argv, { cwd: world.project, env: world.env, stdio: 'pipe', within: host.pid! }),
        );
      const run = [...pinfold(), 'run', '--mode', 'strict', '--', 'echo', 'started'];
      try {
        const refused = await there(run);
        expect(refused).toMatchObject({ code: 125, stdout: '' });
        expect(refused.stderr).toMatch(
          /Cannot show a shared cache with a layer[\s\S]*EINVAL[\s\S]*set caches.NAME private/,
        );
        await share(world, 'private');
        expect(await there(run)).toMatchObject({ code: 0, stdout: 'started\n' });
      } finally {
        await share(world, 'shared');
        host.stdin!.end();
      }
    },
  );

  test('without namespaces the cache is the project’s own, and that is told', async () => {
    const before = await withoutNamespaces(world);
    const look = `ls ${INSIDE}; echo x > ${INSIDE}/own && cat ${INSIDE}/own; echo "$PIP_CACHE_DIR"`;
    const flags = ['--mode', 'strict', '--accept-weaker', '--verbose'];
    const run = [...before, ...pinfold(), 'run', ...flags, '--', 'sh', '-c', look];
    const ran = await world.run(run, { cwd: world.project });
    expect(ran).toMatchObject({ code: 0, stdout: 'x\n\n' });
    expect(ran.stderr).toContain('does not work: the cache of pip is not shared, which takes a mount');
    expect(readdirSync(cache)).not.toContain('own');
  });
});

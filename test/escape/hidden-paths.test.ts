/** Ways round a hidden, denied or read-only path: other names for it, descriptors, links, moved ancestors, swapped starts. */
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { treeOf } from '../fixtures/host-tree.ts';
import { type Act, CANARY, gitRepository, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let before: Record<string, string>;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());
  beforeEach(() => {
    before = treeOf(world.outside);
  });
  afterEach(() => {
    expect(treeOf(world.outside)).toEqual(before);
  });

  test('a hidden file has no other name that leads to it', async () => {
    const key = `${world.home}/.ssh/id_ed25519`;
    const prefixes = [
      '',
      '/proc/self/root',
      '/proc/thread-self/root',
      '/proc/1/root',
      `${world.project}/../../../../../..`,
      '//',
    ];
    const results = await world.probeInside(prefixes.map((prefix): Act => ['read', prefix + key]));
    const expected = prefixes.map((prefix) => (prefix === '/proc/1/root' ? 'EACCES' : world.hidden));
    expect(results).toEqual(expected);
    expect(
      await world.probeOutside([
        ['read', key],
        ['read', `/proc/self/root${key}`],
      ]),
    ).toEqual([`ok:${CANARY}`, `ok:${CANARY}`]);
  });

  test('a read-only file resists every way of changing a file', async () => {
    const fixed = world.put(`${world.root}/fixed/file`, 'content\n');
    const own = world.put(`${world.project}/own`, 'own\n');
    const acts: Act[] = [
      ['write', fixed],
      ['append', fixed],
      ['create', fixed],
      ['truncate-open', fixed],
      ['truncate', fixed],
      ['reopen-opath', fixed],
      ['reopen-rdonly', fixed],
      ['chmod', fixed],
      ['fchmod', fixed],
      ['chown', fixed],
      ['utimes', fixed],
      ['futimens', fixed],
      ['setxattr', fixed],
      ['fsetxattr', fixed],
      ['unlink', fixed],
      ['tmpfile-link', `${world.root}/fixed`, `${world.root}/fixed/new`],
      ['mmap-shared', fixed],
      ['link', fixed, `${world.project}/alias`],
      ['rename', own, fixed],
      ['rename', fixed, `${world.project}/stolen`],
      ['exchange', own, fixed],
    ];
    const results = await world.probeInside(acts, ['--allow', `${world.root}/fixed:ro`]);
    expect(Object.fromEntries(acts.map((act, index) => [act.join(' '), results[index]]))).toEqual(
      Object.fromEntries(
        acts.map((act) => {
          if (act[0] === 'mmap-shared') return [act.join(' '), 'EACCES'];
          return [act.join(' '), ['link', 'rename', 'exchange'].includes(act[0]) ? 'EXDEV' : 'EROFS'];
        }),
      ),
    );
    expect(readFileSync(fixed, 'utf8')).toBe('content\n');
    const [written] = await world.probeOutside([['write', fixed]]);
    expect(written).toBe('ok');
  });

  test('a masked file stays masked when its ancestors are moved', async () => {
    world.put(`${world.project}/a/b/secret`, 'the-secret\n');
    const flags = ['--deny', `${world.project}/a/b/secret`];
    const script =
      'mv a c 2>/dev/null; mv a/b a/d 2>/dev/null; cp -r a copy 2>/dev/null; grep -rl the-secret . ; true';
    const ran = await world.shell(script, flags);
    expect(ran.stdout).toBe('');
    expect((await world.shell('grep -rl the-secret a')).stdout).toContain('secret');
  });

  test('a directory of the project replaced by a link writes nothing outside', async () => {
    world.put(`${world.project}/d/f`, 'mine\n');
    const script = `rm -rf d && ln -s ${world.outside} d && echo x > d/canary; echo y > d/new`;
    const ran = await world.shell(script);
    expect(ran.code).toBe(2);
    const [canary, fresh] = world.either(
      ['Permission denied', 'Read-only file system'],
      ['Directory nonexistent', 'Directory nonexistent'],
    );
    expect(ran.stderr).toContain(`cannot create d/canary: ${canary}\n`);
    expect(ran.stderr).toContain(`cannot create d/new: ${fresh}\n`);
    rmSync(`${world.project}/d`, { recursive: true });
  });

  test('a working directory that was moved leads nowhere else', async () => {
    await world.shell(
      `mkdir -p a/b && cd a/b && mv ../../a ../../c && echo x > ../../../outside/new; rm -rf ${world.project}/c`,
    );
    expect(existsSync(`${world.outside}/new`)).toBe(false);
  });

  test('a hard link to a denied file, made before the start, is found by the pattern it matches', async () => {
    const secret = world.put(`${world.project}/deep/one.pem`, 'the-secret\n');
    mkdirSync(`${world.project}/other`);
    linkSync(secret, `${world.project}/other/two.pem`);
    const acts: Act[] = [
      ['read', secret],
      ['read', `${world.project}/other/two.pem`],
    ];
    expect(await world.probeInside(acts, ['--deny', '**/*.pem'])).toEqual(['EACCES', 'EACCES']);
    expect(await world.probeInside(acts)).toEqual(['ok:the-secret', 'ok:the-secret']);
  });

  test('a project that is swapped for a link during the start opens nothing outside', async () => {
    const real = `${world.project}-real`;
    let stop = false;
    const swapping = (async () => {
      while (!stop) {
        renameSync(world.project, real);
        symlinkSync(world.outside, world.project);
        await new Promise((accept) => setTimeout(accept, 1));
        rmSync(world.project);
        renameSync(real, world.project);
        await new Promise((accept) => setTimeout(accept, 1));
      }
    })();
    for (let time = 0; time < 15; time += 1) {
      const ran = await world.inside(
        ['sh', '-c', 'cat canary 2>/dev/null; echo planted > planted'],
        ['--project', world.project],
        { cwd: '/' },
      );
      expect(ran.stdout).toBe('');
      expect(existsSync(`${world.outside}/planted`)).toBe(false);
    }
    stop = true;
    await swapping;
    rmSync(`${world.project}/planted`, { force: true });
  });

  test('a project exchanged for another directory during the start runs as it was looked at, or not at all', async () => {
    const other = `${world.root}/other-repository`;
    world.put(`${other}/file`, 'x\n');
    await gitRepository(world, other);
    const configs = [`${world.project}/.git/config`, `${other}/.git/config`] as const;
    const before = configs.map((path) => readFileSync(path, 'utf8'));
    const aside = `${world.project}-aside`;
    let stop = false;
    const exchanging = (async () => {
      const pause = () => new Promise((accept) => setTimeout(accept, 1));
      while (!stop) {
        renameSync(world.project, aside);
        renameSync(other, world.project);
        await pause();
        renameSync(world.project, other);
        renameSync(aside, world.project);
        await pause();
      }
    })();
    for (let time = 0; time < 15; time += 1) {
      await world.inside(['sh', '-c', 'echo "[core]" >> .git/config'], ['--project', world.project], {
        cwd: '/',
      });
    }
    stop = true;
    await exchanging;
    expect(configs.map((path) => readFileSync(path, 'utf8'))).toEqual(before);
    expect((await world.run(['sh', '-c', 'echo "# x" >> .git/config'])).code).toBe(0);
  });

  test('an allowed path that a link replaced before the run does not follow it for a project’s own settings', async () => {
    symlinkSync(world.home, `${world.project}/data`);
    world.put(
      `${world.project}/.pinfold/settings.json`,
      JSON.stringify({ sandbox: { allowedPaths: ['./data'] } }),
    );
    const ran = await world.pinfold(['run', '--', 'cat', 'data/.ssh/id_ed25519']);
    expect(ran).toMatchObject({ code: 125, stdout: '' });
    expect(ran.stderr).toContain(
      `leads to ${world.home} through the symbolic link ${world.project}/data, which`,
    );
    rmSync(`${world.project}/data`);
    rmSync(`${world.project}/.pinfold`, { recursive: true });
  });

  test('names that look like flags or lists are only names', async () => {
    const directory = `${world.root}/--bind:a,b`;
    world.put(`${directory}/-f`, 'content\n');
    const ran = await world.inside(['cat', './-f'], ['--project', directory], { cwd: directory });
    expect(ran).toMatchObject({ code: 0, stdout: 'content\n' });
  });

  test('a mount cannot be taken away, nor made writable', async () => {
    const acts: Act[] = [
      ['umount', `${world.project}/.git/config`],
      ['umount', '/usr'],
      ['mount_setattr', '/usr'],
      ['write', `${world.project}/.git/config`],
    ];
    expect(await world.probeInside(acts)).toEqual(['EPERM', 'EPERM', 'ENOSYS', 'EROFS']);
  });

  test('Pinfold inside Pinfold does not widen', async () => {
    const install = pinfold()[1]!.replace(/\/dist\/[^/]*$/, '');
    const nested = [
      ...pinfold(),
      'run',
      '--mode',
      'permissive',
      '--net',
      'none',
      '--allow',
      world.outside,
      '--',
      'cat',
      `${world.outside}/canary`,
    ];
    const ran = await world.inside(nested, ['--allow', `${install}:ro`]);
    expect(ran).toMatchObject({
      code: 125,
      stdout: '',
      stderr: expect.stringContaining(
        'it is inside a session of Pinfold already, where no further namespaces can be made (create namespaces: EPERM)',
      ),
    });
  });
});

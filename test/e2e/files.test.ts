/** Which files can be read and written, and with what error the rest is refused. Each refusal has its control on the host. */
import { existsSync, linkSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { type Act, CANARY, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let outsideBefore: Record<string, string>;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());
  beforeEach(() => {
    outsideBefore = treeOf(world.outside);
  });
  afterEach(() => {
    expect(treeOf(world.outside)).toEqual(outsideBefore);
  });

  test('a file written in the project is the host’s file', async () => {
    const path = `${world.project}/made-inside`;
    expect(await world.probeInside([['create', path]])).toEqual(['ok']);
    expect(readFileSync(path, 'utf8')).toBe('planted\n');
  });

  test('a sibling of the project can be neither made nor changed', async () => {
    const outside: Act[] = [
      ['create', `${world.outside}/new`],
      ['write', `${world.outside}/canary`],
      ['read', `${world.outside}/canary`],
      ['list', world.outside],
    ];
    const { hidden } = world;
    expect(await world.probeInside(outside)).toEqual([
      world.either('EROFS', 'ENOENT'),
      hidden,
      hidden,
      hidden,
    ]);
    const control = `${world.root}/control`;
    world.put(`${control}/canary`, `${CANARY}\n`);
    const acts: Act[] = [
      ['create', `${control}/new`],
      ['write', `${control}/canary`],
      ['list', control],
    ];
    expect(await world.probeOutside(acts)).toEqual(['ok', 'ok', 'ok:2']);
  });

  test('the parent of the project and the system directories are read-only', async () => {
    const acts: Act[] = [
      ['create', `${world.project}/../made`],
      ['mkdir', `${world.project}/../made`],
      ['create', '/made-by-probe'],
      ['create', '/etc/made-by-probe'],
      ['create', '/usr/made-by-probe'],
      ['write', '/etc/group'],
      ['write', '/etc/passwd'],
      ['unlink', '/usr/bin/env'],
      ['rename', '/usr/bin/env', '/usr/bin/env2'],
      ['chmod', '/usr/bin/env'],
      ['utimes', '/usr/bin/env'],
      ['setxattr', '/usr/bin/env'],
    ];
    // The mode bits of the host's file are asked first: root is let through to the read-only mount, others are not. The list of
    // users is the plan's own file, and as such the person's.
    const expected = acts.map(([, path]) => (path === '/etc/group' && person.uid !== 0 ? 'EACCES' : 'EROFS'));
    expect(await world.probeInside(acts)).toEqual(expected);
    expect(existsSync(`${world.root}/made`)).toBe(false);
    expect(existsSync('/etc/made-by-probe')).toBe(false);
    expect(await world.probeOutside([['create', `${world.project}/../made`]])).toEqual(['ok']);
  });

  test('a path allowed for reading can be read and not written', async () => {
    const directory = `${world.root}/readable`;
    world.put(`${directory}/file`, 'content\n');
    const acts: Act[] = [
      ['read', `${directory}/file`],
      ['write', `${directory}/file`],
      ['create', `${directory}/new`],
      ['mkdir', `${directory}/new`],
      ['unlink', `${directory}/file`],
      ['truncate', `${directory}/file`],
      ['chmod', `${directory}/file`],
      ['fchmod', `${directory}/file`],
      ['futimens', `${directory}/file`],
      ['setxattr', `${directory}/file`],
      ['reopen-opath', `${directory}/file`],
      ['reopen-rdonly', `${directory}/file`],
    ];
    expect(await world.probeInside(acts, ['--allow', `${directory}:ro`])).toEqual([
      'ok:content',
      ...acts.slice(1).map(() => 'EROFS'),
    ]);
    expect(readFileSync(`${directory}/file`, 'utf8')).toBe('content\n');
    expect(
      await world.probeInside(
        [
          ['write', `${directory}/file`],
          ['create', `${directory}/new`],
        ],
        ['--allow', directory],
      ),
    ).toEqual(['ok', 'ok']);
    expect(existsSync(`${directory}/new`)).toBe(true);
  });

  test('a read-only directory inside the project can be neither written, moved, nor moved with its parent', async () => {
    const parent = `${world.project}/vendor`;
    world.put(`${parent}/fixed/file`, 'content\n');
    const settings = world.put(
      `${world.root}/settings.json`,
      JSON.stringify({ sandbox: { allowedPaths: [{ path: `${parent}/fixed`, mode: 'read' }] } }),
    );
    const acts: Act[] = [
      ['write', `${parent}/fixed/file`],
      ['create', `${parent}/fixed/new`],
      ['rename', `${parent}/fixed`, `${parent}/moved`],
      ['exchange', `${parent}/fixed`, `${world.project}/src`],
      ['rmdir', `${parent}/fixed`],
      ['read', `${parent}/fixed/file`],
    ];
    expect(await world.probeInside(acts, ['--settings', settings])).toEqual([
      'EROFS',
      'EROFS',
      'EBUSY',
      'EXDEV', // the directory above is pinned by a mount of its own, so the two names lie in different ones
      'EBUSY',
      'ok:content',
    ]);
    const whole: Act[] = [['rename', parent, `${world.project}/vendor2`]];
    expect(await world.probeInside(whole, ['--settings', settings])).toEqual(['EBUSY']);
    expect(existsSync(`${parent}/fixed/file`)).toBe(true);
    expect(await world.probeOutside([['rename', `${parent}/fixed`, `${parent}/moved`]])).toEqual(['ok']);
  });

  test('a denied file cannot be read by its name, after a move, through a symbolic link or a hard link made inside', async () => {
    const secret = world.put(`${world.project}/secret.key`, 'the-secret\n');
    const acts: Act[] = [
      ['read', secret],
      ['rename', secret, `${world.project}/moved`],
      ['symlink', secret, `${world.project}/alias`],
      ['read', `${world.project}/alias`],
      ['link', secret, `${world.project}/hard`],
      ['openat2', secret],
      ['reopen-opath', secret],
      ['unlink', secret],
    ];
    const results = await world.probeInside(acts, ['--deny', secret]);
    // link(2): a mask is another file system's file, so the link would cross mounts. openat2: refused whole, callers fall back.
    const reopened = world.either('EROFS', 'EACCES');
    expect(results).toEqual(['EACCES', 'EBUSY', 'ok', 'EACCES', 'EXDEV', 'ENOSYS', reopened, 'EBUSY']);
    expect(readFileSync(secret, 'utf8')).toBe('the-secret\n');
    expect(await world.probeInside([['read', secret]])).toEqual(['ok:the-secret']);
  });

  test('a hard link that existed before the start does not open a denied file', async () => {
    const secret = world.put(`${world.project}/linked.key`, 'the-secret\n');
    linkSync(secret, `${world.project}/before.key`);
    const ran = await world.inside(
      ['cat', `${world.project}/before.key`],
      ['--deny', `${world.project}/**/*.key`],
    );
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toContain('Permission denied');
    expect((await world.run(['cat', `${world.project}/before.key`])).stdout).toBe('the-secret\n');
  });

  test('nothing can be made in a denied directory, and its names are not shown', async () => {
    const directory = `${world.project}/private`;
    world.put(`${directory}/file`, 'the-secret\n');
    const acts: Act[] = [
      ['create', `${directory}/new`],
      ['mkdir', `${directory}/new`],
      ['read', `${directory}/file`],
      ['list', directory],
      ['rename', directory, `${world.project}/public`],
      ['chmod', directory],
    ];
    const results = await world.probeInside(acts, ['--deny', directory]);
    const made = world.either('EROFS', 'EACCES');
    expect(results).toEqual([made, made, 'EACCES', 'EACCES', 'EBUSY', 'EROFS']);
    expect(Object.keys(treeOf(directory))).toEqual(['', 'file']);
    expect(
      await world.probeInside([
        ['create', `${directory}/new`],
        ['list', directory],
      ]),
    ).toEqual(['ok', 'ok:2']);
  });

  test('a name under a deny pattern that is made during the run is refused or unreadable', async () => {
    const ran = await world.shell('echo token > sub.env; cat sub.env', ['--deny', '**/*.env']);
    expect(ran).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('cannot create sub.env: Permission denied'),
    });
    expect((await world.shell('echo token > sub.env; cat sub.env')).stdout).toBe('token\n');
  });

  test('a link in the project that leads out opens nothing outside', async () => {
    symlinkSync(world.outside, `${world.project}/way-out`);
    const acts: Act[] = [
      ['read', `${world.project}/way-out/canary`],
      ['create', `${world.project}/way-out/new`],
      ['symlink', '/etc', `${world.project}/etc-link`],
      ['create', `${world.project}/etc-link/new`],
      ['link', '/etc/passwd', `${world.project}/passwd`],
      ['symlink', `${world.outside}/not-there`, `${world.project}/dangling`],
      ['create', `${world.project}/dangling`],
    ];
    const made = world.either('EROFS', 'ENOENT');
    expect(await world.probeInside(acts)).toEqual([world.hidden, made, 'ok', 'EROFS', 'EXDEV', 'ok', made]);
    expect(await world.probeOutside([['read', `${world.project}/way-out/canary`]])).toEqual([`ok:${CANARY}`]);
  });

  test('a link planted in an allowed directory does not widen the next run', async () => {
    const directory = `${world.root}/shared`;
    world.put(`${directory}/data/file`, 'content\n');
    const flags = ['--allow', `${directory}/data`];
    const plant = await world.shell(`ln -s ${world.outside} ${directory}/data/link`, flags);
    expect(plant.code).toBe(0);
    expect(await world.probeInside([['read', `${directory}/data/link/canary`]], flags)).toEqual([
      world.hidden,
    ]);
    expect(await world.probeOutside([['read', `${directory}/data/link/canary`]])).toEqual([`ok:${CANARY}`]);
  });

  test('a denied path that does not exist cannot be made, and leaves no placeholder', async () => {
    const path = `${world.project}/not-yet`;
    expect(
      await world.probeInside(
        [
          ['create', path],
          ['mkdir', path],
          ['stat', path],
        ],
        ['--deny', path],
      ),
    ).toEqual(['EACCES', 'EACCES', 'ENOENT']);
    expect(existsSync(path)).toBe(false);
    expect(await world.probeInside([['create', path]])).toEqual(['ok']);
  });

  test('the real home is hidden in strict and standard, its git identity is not', async () => {
    for (const mode of ['strict', 'standard']) {
      const acts: Act[] = [
        ['read', `${world.home}/.ssh/id_ed25519`],
        ['append', `${world.home}/.bashrc`],
        ['list', `${world.home}/.ssh`],
      ];
      expect(await world.probeInside(acts, ['--mode', mode])).toEqual(acts.map(() => world.hidden));
      expect((await world.inside(['git', 'config', 'user.name'], ['--mode', mode])).stdout).toBe('Person\n');
    }
    expect(await world.probeOutside([['read', `${world.home}/.ssh/id_ed25519`]])).toEqual([`ok:${CANARY}`]);
  });

  test('in permissive the home can be written, credentials not read, shell start-up files not written', async () => {
    const acts: Act[] = [
      ['create', `${world.home}/notes`],
      ['read', `${world.home}/.ssh/id_ed25519`],
      ['list', `${world.home}/.ssh`],
      ['create', `${world.home}/.ssh/authorized_keys`],
      ['append', `${world.home}/.bashrc`],
      ['read', `${world.home}/.bashrc`],
      ['rename', `${world.home}/.bashrc`, `${world.home}/x`],
    ];
    const flags = ['--mode', 'permissive', '--net', 'none'];
    expect(await world.probeInside(acts, flags)).toEqual([
      'ok',
      'EACCES',
      'EACCES',
      world.either('EROFS', 'EACCES'),
      'EROFS',
      'ok:# nothing',
      'EBUSY',
    ]);
    expect(existsSync(`${world.home}/notes`)).toBe(true);
    const opened = await world.probeInside(
      [['read', `${world.home}/.ssh/id_ed25519`]],
      [...flags, '--allow', `${world.home}/.ssh/id_ed25519:ro`],
    );
    expect(opened).toEqual([`ok:${CANARY}`]);
  });

  test('an absent start-up file of the home cannot be made in permissive, from a sub-directory either', async () => {
    world.put(`${world.home}/work/file`);
    const acts: Act[] = [
      ['create', `${world.home}/.zshrc`],
      ['create', `${world.home}/work/../.zshrc`],
      ['rename', `${world.home}/work/file`, `${world.home}/.zshrc`],
    ];
    const options = { cwd: `${world.home}/work` };
    expect(await world.probeInside(acts, ['--mode', 'permissive', '--net', 'none'], options)).toEqual([
      'EACCES',
      'EACCES',
      'EACCES',
    ]);
    expect(existsSync(`${world.home}/.zshrc`)).toBe(false);
  });

  test('an allowed path does not open a sibling whose name begins alike', async () => {
    world.put(`${world.root}/data/file`, 'yes\n');
    world.put(`${world.root}/data-private/file`, 'no\n');
    const acts: Act[] = [
      ['read', `${world.root}/data/file`],
      ['read', `${world.root}/data-private/file`],
    ];
    expect(await world.probeInside(acts, ['--allow', `${world.root}/data`])).toEqual([
      'ok:yes',
      world.hidden,
    ]);
  });

  test('temporary files work, are private to the session, and are gone afterwards', async () => {
    const script =
      'a=$(mktemp) && b=$(mktemp -d) && echo x > "$a" && echo "$a" "$b" "$TMPDIR" && echo y > /var/tmp/pinfold-probe && echo z > /dev/shm/pinfold-probe';
    const ran = await world.shell(script, ['--mode', 'standard']);
    expect(ran.code).toBe(0);
    const [file, directory, temporary] = ran.stdout.trim().split(' ') as [string, string, string];
    expect(temporary).not.toBe('');
    for (const path of [file, directory, '/var/tmp/pinfold-probe', '/dev/shm/pinfold-probe'])
      expect(existsSync(path)).toBe(false);
    const again = await world.shell(`ls -A "${temporary}" /var/tmp /dev/shm`, ['--mode', 'standard']);
    expect(again.stdout).not.toContain('pinfold-probe');
    expect(again.stdout).not.toContain(file.split('/').at(-1));
  });

  test('a project beneath /tmp is the host’s, and what is written beside it stays inside', async () => {
    const made = await world.run(['mktemp', '-d', '/tmp/pinfold-beneath-XXXXXX'], {
      env: { TMPDIR: undefined },
    });
    const root = made.stdout.trim();
    const project = `${root}/project`;
    world.put(`${project}/file`, 'content\n');
    const ran = await world.shell(
      'cat file && echo x > kept; echo y > ../lost; true',
      ['--project', project],
      { cwd: project },
    );
    const left = Object.keys(treeOf(root));
    rmSync(root, { recursive: true });
    expect(ran.stdout).toBe('content\n');
    expect(left).toEqual(['', 'project', 'project/file', 'project/kept']);
  });

  test('here-documents of the shell work', async () => {
    expect((await world.inside(['bash', '-c', 'cat <<END\nline\nEND'])).stdout).toBe('line\n');
  });

  test('a file of the host’s /tmp is not there', async () => {
    const acts: Act[] = [
      ['list', '/tmp'],
      ['create', '/tmp/pinfold-left-over'],
    ];
    const [, created] = await world.probeInside(acts, ['--mode', 'standard']);
    expect(created).toBe('ok');
    expect(existsSync('/tmp/pinfold-left-over')).toBe(false);
  });
});

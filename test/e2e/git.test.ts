/** git inside: commits work, what the host would execute stays as it was, and no entry appears that nobody made. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { type Act, gitRepository, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
  });
  afterEach(() => world.dispose());

  const status = async (): Promise<string> => (await world.run(['git', 'status', '--porcelain'])).stdout;

  test('status, add, commit, checkout, stash and log do what they do outside', async () => {
    const script = [
      'git status --porcelain',
      'echo change >> README && git add -A && git commit -q -m Change',
      'echo new > untracked && git stash -q -u && git stash pop -q > /dev/null && rm untracked',
      'git checkout -q -b topic && git checkout -q main && git branch -q -d topic',
      'git log --format=%s',
    ].join(' && ');
    const ran = await world.shell(script);
    expect(ran).toMatchObject({ code: 0, stdout: 'Change\nBegin\n' });
    expect(await status()).toBe('');
    expect((await world.run(['git', 'fsck', '--strict'])).code).toBe(0);
  });

  // git tries to remove `.git` as well, once it has emptied the directory around it.
  test('stash is no attempt to remove the repository, and an attempt is told', async () => {
    const stashed = await world.shell('echo change >> README && git stash -q && git stash pop -q');
    expect(stashed).toMatchObject({ code: 0, stderr: '' });
    const removed = await world.shell('mv .git elsewhere');
    expect(removed.stderr).toContain("mv: cannot move '.git' to 'elsewhere': Device or resource busy");
    expect(removed.stderr).toMatch(/pinfold blocked (rename|remove) .*\.git /);
  });

  test('a run that does nothing changes no entry of the project, before, during or after', async () => {
    const before = treeOf(world.project);
    const names = readdirSync(world.project);
    const during = await world.shell('ls -A');
    expect(during.stdout.trim().split('\n').sort()).toEqual(names.sort());
    expect(treeOf(world.project)).toEqual(before);
    expect(await status()).toBe('');
    expect((await world.shell('git status --porcelain')).stdout).toBe('');
  });

  test('git config is refused with an error that says so, and the file is unchanged', async () => {
    const before = readFileSync(`${world.project}/.git/config`, 'utf8');
    const ran = await world.inside(['git', 'config', 'core.fsmonitor', 'touch /tmp/x']);
    expect(ran).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('could not write config file .git/config: Permission denied'),
    });
    expect(readFileSync(`${world.project}/.git/config`, 'utf8')).toBe(before);
    expect(readdirSync(`${world.project}/.git`)).not.toContain('config.lock');
    expect((await world.run(['git', 'config', 'user.nick', 'x'])).code).toBe(0);
  });

  test('what git itself writes for branches and remotes is written, and obeyed by git outside', async () => {
    await world.run(['git', 'remote', 'add', 'origin', 'https://example.com/a.git']);
    await world.run(['git', 'update-ref', 'refs/remotes/origin/topic', 'HEAD']);
    const ran = await world.shell(
      [
        'git switch -q -c topic origin/topic',
        'git remote add fork git@example.com:me/a.git',
        'git branch -q -u origin/topic main',
        'git config user.email agent@example.com',
        'git remote rename fork mine',
        'git remote remove mine',
        'git status -sb',
      ].join(' && '),
    );
    expect(ran).toMatchObject({ code: 0, stdout: '## topic...origin/topic\n' });
    const list = (await world.run(['git', 'config', '--local', '--list'])).stdout;
    expect(list).toContain('branch.topic.remote=origin\nbranch.topic.merge=refs/heads/topic\n');
    expect(list).toContain('branch.main.remote=origin\n');
    expect(list).not.toMatch(/fork|mine/);
    const url = await world.shell('git remote set-url origin https://example.org/b.git');
    expect(url.code).toBe(128);
    expect(url.stderr).toContain('remote.origin.url: it is set already');
  });

  test('existing hooks and configuration are read-only and cannot be replaced', async () => {
    const git = `${world.project}/.git`;
    world.put(`${world.project}/prepared/pre-commit`, '#!/bin/sh\n', 0o755);
    const acts: Act[] = [
      ['write', `${git}/config`],
      ['create', `${git}/hooks/pre-commit`],
      ['mkdir', `${git}/hooks/x`],
      ['rename', `${git}/hooks`, `${git}/hooks2`],
      ['unlink', `${git}/config`],
      ['chmod', `${git}/config`],
      ['exchange', `${git}/hooks`, `${world.project}/prepared`],
    ];
    expect(await world.probeInside(acts)).toEqual([
      'EROFS',
      'EROFS',
      'EROFS',
      'EBUSY',
      'EBUSY',
      'EROFS',
      'EACCES', // the supervisor speaks first: what arrives would be named as a guarded entry is
    ]);
    const refused = await world.probeInside([
      ['rename', `${world.project}/prepared`, `${git}/hooks`],
      ['rename', `${world.project}/README`, `${git}/config`],
      ['rename', git, `${world.project}/git2`],
    ]);
    for (const answer of refused) expect(['EBUSY', 'EACCES']).toContain(answer);
    expect(existsSync(`${git}/hooks/pre-commit`)).toBe(false);
    expect(
      await world.probeOutside([
        ['write', `${git}/config`],
        ['create', `${git}/hooks/pre-commit`],
      ]),
    ).toEqual(['ok', 'ok']);
  });

  test('absent names that git would obey cannot be made', async () => {
    const git = `${world.project}/.git`;
    const names = [
      'commondir',
      'config.worktree',
      'worktrees/w/commondir',
      'worktrees/w/config.worktree',
      'modules/m/config',
    ];
    for (const directory of ['worktrees/w', 'modules/m'])
      world.put(`${git}/${directory}/HEAD`, 'ref: refs/heads/main\n');
    const acts = names.map((name): Act => ['create', `${git}/${name}`]);
    expect(await world.probeInside(acts)).toEqual(names.map(() => 'EACCES'));
    for (const name of names) expect(existsSync(`${git}/${name}`)).toBe(false);
    expect(await world.probeOutside(acts)).toEqual(names.map(() => 'ok'));
  });

  test('a nested repository six levels deep is protected as the outer one is', async () => {
    const nested = `${world.project}/a/b/c/d/e/f`;
    world.put(`${nested}/file`, 'x\n');
    await gitRepository(world, nested);
    const acts: Act[] = [
      ['write', `${nested}/.git/config`],
      ['create', `${nested}/.git/hooks/post-checkout`],
      ['create', `${nested}/.git/commondir`],
      ['create', `${nested}/made`],
    ];
    expect(await world.probeInside(acts)).toEqual(['EROFS', 'EROFS', 'EACCES', 'ok']);
    expect(await world.probeOutside(acts.slice(0, 3))).toEqual(['ok', 'ok', 'ok']);
  });

  test('a repository under a second writable root is protected too', async () => {
    const second = `${world.root}/second`;
    world.put(`${second}/file`, 'x\n');
    await gitRepository(world, second);
    const acts: Act[] = [
      ['write', `${second}/.git/config`],
      ['create', `${second}/.git/hooks/pre-push`],
      ['create', `${second}/made`],
    ];
    expect(await world.probeInside(acts, ['--allow', second])).toEqual(['EROFS', 'EROFS', 'ok']);
  });

  test('a repository is made, cloned, moved and removed inside, and the host has it afterwards', async () => {
    const script = [
      'git init -q fresh && cd fresh && echo x > file && git add file && git commit -q -m One && cd ..',
      'git -C fresh config user.email agent@example.com && mv fresh moved',
      'git clone -q ./moved copy && git -C copy switch -q -c topic && git -C copy log --format=%s',
      'git init -q gone && rm -rf gone && ls -d */',
    ].join(' && ');
    const ran = await world.shell(script);
    expect(ran).toMatchObject({ code: 0, stdout: 'One\ncopy/\nmoved/\nsrc/\n' });
    // Where it was cloned from is a place of this machine, so it is named and left out.
    expect(ran.stderr).toContain('copy/.git/config: left out of the new repository: remote.origin.url');
    for (const name of ['moved', 'copy']) {
      expect((await world.run(['git', '-C', name, 'log', '--format=%s'])).stdout).toBe('One\n');
      expect((await world.run(['git', '-C', name, 'fsck', '--strict'])).code).toBe(0);
      expect((await world.run(['git', '-C', name, 'status', '--porcelain'])).stdout).toBe('');
    }
    const email = await world.run(['git', '-C', 'moved', 'config', 'user.email']);
    expect(email.stdout).toBe('agent@example.com\n');
    expect(existsSync(`${world.project}/gone`)).toBe(false);
    // The next session works in it as in any other.
    const next = await world.shell(
      'cd moved && echo y >> file && git commit -q -a -m Two && git log --format=%s',
    );
    expect(next).toMatchObject({ code: 0, stdout: 'Two\nOne\n' });
  });

  test('a project becomes a repository inside', async () => {
    const bare = `${world.root}/bare`;
    world.put(`${bare}/file`, 'x\n');
    const ran = await world.inside(
      ['sh', '-c', 'git init -q && git add -A && git commit -q -m First && git status --porcelain'],
      ['--project', bare],
      { cwd: bare },
    );
    expect(ran).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((await world.run(['git', '-C', bare, 'log', '--format=%s'])).stdout).toBe('First\n');
  });

  test('a repository made during the run gets no hook that the host would run', async () => {
    const script =
      'git init -q NAME; mkdir -p NAME/.git/hooks; echo x > NAME/.git/hooks/pre-commit; test -e NAME/.git/hooks/pre-commit';
    const ran = await world.shell(script.replaceAll('NAME', 'fresh'));
    expect(ran.code).toBe(1);
    expect(readdirSync(`${world.project}/fresh/.git`)).not.toContain('hooks');
    expect((await world.run(['sh', '-c', script.replaceAll('NAME', 'other')])).code).toBe(0);
  });

  test('a .git file that belongs to nothing is refused, and named', async () => {
    const command = 'git init -q --separate-git-dir=elsewhere apart';
    const ran = await world.shell(command);
    expect(ran.code).toBe(128);
    expect(ran.stderr).toContain('apart/.git');
    await world.run(['rm', '-rf', 'apart', 'elsewhere']);
    expect((await world.run(['sh', '-c', command])).code).toBe(0);
  });

  test('of a submodule from a path of this machine the path is left out, and named', async () => {
    world.put(`${world.root}/near/file`, 'x\n');
    await gitRepository(world, `${world.root}/near`);
    const add = `git -c protocol.file.allow=always submodule --quiet add ${world.root}/near sub`;
    const ran = await world.shell(add, ['--allow', `${world.root}/near:ro`]);
    expect(ran.stderr).toContain('submodule.sub.url: this value of it is not among the harmless ones');
    expect(ran.stderr).toContain(
      '.git/modules/sub/config: left out of the new repository: remote.origin.url',
    );
    expect((await world.run(['git', 'config', 'submodule.sub.url'])).stdout).toBe('');
    expect((await world.run(['git', '-C', 'sub', 'status', '--porcelain'])).stdout).toBe('');
    await world.run(['sh', '-c', 'git reset -q --hard; rm -rf sub .git/modules/sub .gitmodules']);
    expect((await world.run(['sh', '-c', add])).code).toBe(0);
    expect((await world.run(['git', 'config', 'submodule.sub.url'])).stdout).toBe(`${world.root}/near\n`);
    await world.run(['sh', '-c', 'git submodule deinit -f sub; git reset -q --hard; rm -rf sub']);
  });

  test('a worktree is added inside, worked in and removed, and the host has it afterwards', async () => {
    const script = [
      'git worktree add -q -b topic tree && cd tree && echo x > file && git add file && git commit -q -m Topic && cd ..',
      'git worktree add -q --detach other && git worktree add -q gone && git worktree remove gone',
      'git worktree list | wc -l && ls -d */ .git/worktrees/*',
    ].join(' && ');
    const ran = await world.shell(script);
    expect(ran, ran.stderr).toMatchObject({
      code: 0,
      stdout: '3\n.git/worktrees/other\n.git/worktrees/tree\nother/\nsrc/\ntree/\n',
    });
    expect(ran.stderr).not.toContain('pinfold');
    expect((await world.run(['git', '-C', 'tree', 'log', '--format=%s', '-1'])).stdout).toBe('Topic\n');
    expect((await world.run(['git', '-C', 'tree', 'status', '--porcelain'])).stdout).toBe('');
    expect((await world.run(['git', 'worktree', 'list'])).stdout.trimEnd().split('\n')).toHaveLength(3);
    expect((await world.run(['git', 'fsck', '--strict'])).code).toBe(0);
    // The next session works in it as in any other, and outside it can be removed.
    const next = await world.shell(
      'cd tree && echo y > file && git commit -q -a -m Again && git log --format=%s -1',
    );
    expect(next).toMatchObject({ code: 0, stdout: 'Again\n' });
    expect((await world.run(['git', 'worktree', 'remove', 'tree'])).code).toBe(0);
  });

  test('a worktree that exists commits', async () => {
    const tree = `${world.project}/tree`;
    expect((await world.run(['git', 'worktree', 'add', '-q', '-b', 'topic', tree])).code).toBe(0);
    const ran = await world.shell(
      'cd tree && echo x > file && git add file && git commit -q -m Topic && git log --format=%s -1',
    );
    expect(ran).toMatchObject({ code: 0, stdout: 'Topic\n' });
    expect(
      await world.probeInside([
        ['write', `${tree}/.git`],
        ['unlink', `${tree}/.git`],
      ]),
    ).toEqual(['EROFS', 'EBUSY']);
  });

  test('a submodule commits, its hooks stay closed', async () => {
    const library = `${world.root}/library`;
    world.put(`${library}/file`, 'x\n');
    await gitRepository(world, library);
    const add = [
      'git',
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'add',
      library,
      'library',
    ];
    expect((await world.run(add)).code).toBe(0);
    expect((await world.run(['git', 'commit', '-q', '-m', 'Submodule'])).code).toBe(0);
    const ran = await world.shell(
      'git submodule --quiet update --init && cd library && echo y > file && git commit -q -a -m Inner && git log --format=%s -1',
    );
    expect(ran).toMatchObject({ code: 0, stdout: 'Inner\n' });
    const module = `${world.project}/.git/modules/library`;
    const acts: Act[] = [
      ['write', `${module}/config`],
      ['create', `${module}/hooks/post-checkout`],
      ['write', `${world.project}/library/.git`],
    ];
    expect(await world.probeInside(acts)).toEqual(['EROFS', 'EROFS', 'EROFS']);
  });

  test('the submodule of a worktree is protected as one of the repository is', async () => {
    world.put(`${world.root}/part/file`, 'x\n');
    await gitRepository(world, `${world.root}/part`);
    const outside = [
      `git -c protocol.file.allow=always submodule --quiet add ${world.root}/part part && git commit -q -m Part`,
      'git worktree add -q side && cd side && git -c protocol.file.allow=always submodule --quiet update --init',
    ].join(' && ');
    const made = await world.run(['sh', '-c', outside]);
    expect(made.code, made.stderr).toBe(0);
    const module = `${world.project}/.git/worktrees/side/modules/part`;
    const acts: Act[] = [
      ['write', `${module}/config`],
      ['create', `${module}/hooks/post-checkout`],
      ['create', `${module}/config.worktree`],
      ['create', `${module}/commondir`],
      ['rename', module, `${module}2`],
      ['rename', `${world.project}/src`, `${world.project}/.git/worktrees/side/modules/other`],
    ];
    const answers = ['EROFS', 'EROFS', 'EACCES', 'EACCES', 'EACCES', 'EACCES'];
    expect(await world.probeInside(acts)).toEqual(answers);
    expect((await world.run(['git', '-C', 'side/part', 'status', '--porcelain'])).stdout).toBe('');
    expect(await world.probeOutside(acts)).toEqual(acts.map(() => 'ok'));
  });
});

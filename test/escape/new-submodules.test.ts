/** Submodules that are fetched inside: the host gets nothing in them that git would run, and no file that leads it elsewhere. */
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, serveRepositories } from '../fixtures/git-server.ts';
import { gitRepository, makeWorld, people, type World } from '../fixtures/world.ts';

const HARMFUL = ['core.fsmonitor', 'core.hookspath', 'core.sshcommand', 'filter.x.clean', 'include.path'];

/** A sibling takes hold of whatever of a submodule is there, as soon as it is, and plants by what it holds; `late`: when all is. */
const RACE = `
import os, subprocess, sys, threading
late = len(sys.argv) > 2
stop = False
held = []
def attempt(act):
    try: act()
    except OSError: pass
def hold(path, flags): held.append(os.open(path, flags | os.O_NONBLOCK))
def plant(name, at):
    descriptor = os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(descriptor, b'[core]\\n\\tfsmonitor = planted\\n')
    os.close(descriptor)
def once():
    for n in range(4):
        module = '.git/modules/r%d' % n
        attempt(lambda: hold(module, os.O_RDONLY | os.O_DIRECTORY))
        for name in ('/config', '/config.lock'): attempt(lambda: hold(module + name, os.O_WRONLY))
        attempt(lambda: hold('r%d/.git' % n, os.O_WRONLY))
        if not late: attempt(lambda: os.rename(module, '.git/modules/moved'))
        if not late: attempt(lambda: os.rename('.git/modules/moved', module))
    while len(held) > 200: os.close(held.pop(0))
def sibling():
    while not stop: once()
thread = threading.Thread(target=sibling)
if not late: thread.start()
for n in range(4):
    add = ['git', 'submodule', '--quiet', 'add', sys.argv[1], 'r%d' % n]
    subprocess.run(add, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
stop = True
if late: once()
else: thread.join()
for at in held:
    attempt(lambda: os.write(at, b'[core]\\n\\tfsmonitor = planted\\n'))
    attempt(lambda: plant('config.lock', at))
    attempt(lambda: os.rename('config.lock', 'config', src_dir_fd=at, dst_dir_fd=at))
    attempt(lambda: plant('commondir', at))
    attempt(lambda: os.mkdir('hooks', dir_fd=at))
    attempt(lambda: os.symlink('/nowhere', 'modules', dir_fd=at))
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  let server: GitServer;
  let url: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(`${world.root}/library/file`, 'library\n');
    await gitRepository(world, `${world.root}/library`);
    const served = `${world.root}/served`;
    expect(
      (await world.run(['git', 'clone', '-q', '--bare', `${world.root}/library`, `${served}/library.git`]))
        .code,
    ).toBe(0);
    server = await serveRepositories(served);
    url = `${server.url}/library.git`;
  });
  afterAll(() => {
    server.close();
    world.dispose();
  });

  const at = (name: string) => `${world.project}/${name}`;
  const git = async (...words: string[]): Promise<string> => (await world.run(['git', ...words])).stdout;
  const inside = (script: string) => world.shell(script, ['--net', 'local']);
  const outside = (script: string) => world.run(['sh', '-c', script]);
  const add = (name: string) => `git submodule --quiet add ${url} ${name}`;
  const forget = (...names: string[]) =>
    outside(
      names
        .map(
          (name) =>
            `git rm -rfq --cached ${name}; rm -rf ${name} .git/modules/${name}; git config --remove-section submodule.${name}`,
        )
        .join('; '),
    );

  test('what is planted in its configuration is not in it on the host, nor another place for its files', async () => {
    const plant = HARMFUL.map((key) => `git config --file .git/modules/NAME/config ${key} planted`);
    const script = (name: string) =>
      [add('NAME'), ...plant, `git config --file .git/modules/NAME/config core.worktree ${world.outside}`]
        .join(' && ')
        .replaceAll('NAME', name);
    const ran = await inside(script('listed'));
    expect(ran.code, ran.stderr).toBe(0);
    const config = readFileSync(at('.git/modules/listed/config'), 'utf8');
    expect(config).not.toContain('planted');
    expect(config).not.toContain(world.outside);
    expect(config).toContain('worktree = ../../../listed\n');
    for (const key of HARMFUL) expect(ran.stderr).toContain(key);
    expect(await git('-C', 'listed', 'status', '--porcelain')).toBe('');
    // The control: outside they are there.
    expect((await outside(script('free'))).code).toBe(0);
    const free = readFileSync(at('.git/modules/free/config'), 'utf8');
    expect(free).toContain('fsmonitor = planted');
    expect(free).toContain(`worktree = ${world.outside}\n`);
    await forget('free');
  });

  test('its .git file leads to no other repository: not beside it, not by `..` in its name, not by a link', async () => {
    const rows: readonly (readonly [name: string, lead: string])[] = [
      ['beside', '../evil'],
      ['above', '../.git/modules/../../evil'],
      ['absolute', at('evil')],
      ['unborn', '../.git/modules/unborn-too'],
      ['other', '../.git/modules/listed'],
    ];
    const script = [
      ...rows.map(([name]) => add(name)),
      'cp -r .git/modules/beside evil && git config --file evil/config core.fsmonitor planted',
      'git config --file evil/config core.worktree ../beside',
      'mkdir -p .git/modules/unborn-too/refs .git/modules/unborn-too/objects',
      'echo "ref: refs/heads/main" > .git/modules/unborn-too/HEAD',
      ...rows.map(([name, lead]) => `echo "gitdir: ${lead}" > ${name}/.git && cat ${name}/.git`),
    ].join(' && ');
    const ran = await inside(script);
    expect(ran, ran.stderr).toMatchObject({
      code: 0,
      stdout: rows.map(([, lead]) => `gitdir: ${lead}\n`).join(''),
    });
    for (const [name] of rows) {
      expect(existsSync(at(`${name}/.git`))).toBe(false);
      expect(ran.stderr).toContain(`${name}/.git`);
      expect(await git('-C', name, 'rev-parse', '--show-toplevel')).toBe(`${world.project}\n`);
    }
    await forget(...rows.map(([name]) => name));
    await outside('rm -rf evil .git/modules/unborn-too');
    expect((await outside(script)).code).toBe(0);
    expect(readFileSync(at('above/.git'), 'utf8')).toBe('gitdir: ../.git/modules/../../evil\n');
    expect(await git('-C', 'beside', 'config', 'core.fsmonitor')).toBe('planted\n');
    await forget(...rows.map(([name]) => name));
    await outside('rm -rf evil .git/modules/unborn-too');
  });

  test('hooks, links and what leads git elsewhere are not made in it', async () => {
    const acts = [
      'mkdir -p .git/modules/NAME/hooks && touch .git/modules/NAME/hooks/post-checkout',
      'echo ../evil > .git/modules/NAME/commondir',
      'echo "* filter=x" > .git/modules/NAME/info/attributes',
      'echo /nowhere > .git/modules/NAME/objects/info/alternates',
      'ln -s /etc .git/modules/NAME/modules',
      'ln -s /etc .git/modules/NAME/objects/aa',
      'mkdir new && ln -s /etc new/hooks && mv new .git/modules/NAME/worktrees',
    ];
    const script = (name: string) =>
      [
        `${add(name)}; mkdir -p .git/modules/${name}/info`,
        ...acts.map((act) => `(${act.replaceAll('NAME', name)}); echo $?`),
      ].join('; ');
    const ran = await inside(script('bare'));
    expect(ran.stdout, ran.stderr).toBe('1\n2\n2\n2\n1\n1\n1\n');
    const names = readdirSync(at('.git/modules/bare'), { recursive: true, withFileTypes: true });
    expect(names.filter((entry) => entry.isSymbolicLink())).toEqual([]);
    for (const name of [
      'hooks',
      'commondir',
      'info/attributes',
      'objects/info/alternates',
      'modules',
      'worktrees',
    ])
      expect(existsSync(at(`.git/modules/bare/${name}`))).toBe(false);
    await outside('rm -rf new');
    expect((await outside(script('full'))).stdout).toBe('0\n0\n0\n0\n0\n0\n0\n');
    await outside('rm -rf .git/modules/full/worktrees .git/modules/full/modules');
    await forget('full');
  });

  test('the link by which git tries the file system leads nowhere else, and stays behind', async () => {
    const script = (name: string) =>
      `${add(name)} && ln -s ../../evil .git/modules/${name}/tAbC123 && readlink .git/modules/${name}/tAbC123`;
    const ran = await inside(script('tried'));
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'testing\n' });
    expect(lstatSync(at('.git/modules/tried/tAbC123'), { throwIfNoEntry: false })).toBeUndefined();
    expect(await outside(script('free'))).toMatchObject({ code: 0, stdout: '../../evil\n' });
    await forget('free');
  });

  test('while the session runs git on the host finds no repository in it, and waits for nothing', async () => {
    const script = `${add('lasting')} && cat lasting/.git && read line`;
    const child = world.startInside(['sh', '-c', script], ['--net', 'local'], { input: null });
    const [seen] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(seen.toString()).toBe('gitdir: ../.git/modules/lasting\n');
    expect(lstatSync(at('lasting/.git')).isSocket()).toBe(true);
    expect(readdirSync(at('.git/modules/lasting'))).not.toContain('config');
    expect(await git('-C', 'lasting', 'rev-parse', '--show-toplevel')).toBe(`${world.project}\n`);
    expect((await world.run(['git', '-C', '.git/modules/lasting', 'rev-parse', '--git-dir'])).stdout).toBe(
      `${at('.git')}\n`,
    );
    expect(await git('submodule', 'status', 'lasting')).toMatch(/^-/);
    const closed = once(child, 'close');
    child.stdin!.end('\n');
    await closed;
    expect(await git('-C', 'lasting', 'rev-parse', '--show-toplevel')).toBe(`${at('lasting')}\n`);
  });

  test('moved away, it goes where it is by then, or stays in the session; a link in its place is not followed', async () => {
    const script = (first: string, second: string) =>
      [
        `${add(first)} && mv ${first} ${first}-moved && ln -s ${world.outside} ${first}`,
        `${add(`deep/${second}`)} && mv .git/modules/deep .git/${second}-elsewhere`,
      ].join(' && ');
    const ran = await inside(script('linked', 'lost'));
    expect(ran.code, ran.stderr).toBe(0);
    expect(readFileSync(at('linked-moved/.git'), 'utf8')).toBe('gitdir: ../.git/modules/linked\n');
    expect(readFileSync(at('.git/modules/linked/config'), 'utf8')).toContain(
      'worktree = ../../../linked-moved\n',
    );
    expect(readdirSync(world.outside)).toEqual(['canary']);
    expect(readdirSync(at('.git/lost-elsewhere/lost'))).not.toContain('config');
    expect(existsSync(at('deep/lost/.git'))).toBe(false);
    expect(ran.stderr).toContain('its directory was moved');
    expect((await outside(script('free', 'gone'))).code).toBe(0);
    expect(readdirSync(at('.git/gone-elsewhere/gone'))).toContain('config');
    await outside(
      'rm -rf .git/gone-elsewhere .git/lost-elsewhere .git/modules/deep deep free free-moved linked',
    );
    await outside('git rm -rq --cached . ; git reset -q --hard; rm -rf .git/modules/free');
  });

  test('without a repository that keeps submodules around it no .git file is made', async () => {
    const script =
      'rm -rf .git/modules; mkdir plain; echo "gitdir: ../evil" > plain/.git; echo $?; rm -rf plain';
    world.put(`${world.root}/alone/file`, 'x\n');
    await gitRepository(world, `${world.root}/alone`);
    const cwd = `${world.root}/alone`;
    expect((await world.shell(script, ['--project', cwd], { cwd })).stdout).toBe('2\n');
    expect((await world.run(['sh', '-c', script], { cwd })).stdout).toBe('0\n');
  });

  test('whoever is quick plants nothing in it', async () => {
    world.put(`${world.root}/racing/race.py`, RACE);
    await gitRepository(world, `${world.root}/racing`);
    const cwd = `${world.root}/racing`;
    const ran = await world.inside(['python3', 'race.py', url], ['--net', 'local', '--project', cwd], {
      cwd,
    });
    // What wins against the refusal is caught, and ends the session.
    expect([0, 137], ran.stderr).toContain(ran.code);
    for (let n = 0; n < 4; n += 1) {
      const module = `${cwd}/.git/modules/r${n}`;
      const names = existsSync(module) ? readdirSync(module) : [];
      for (const name of ['hooks', 'commondir', 'modules']) expect(names).not.toContain(name);
      if (names.includes('config')) expect(readFileSync(`${module}/config`, 'utf8')).not.toContain('planted');
      const pointer = `${cwd}/r${n}/.git`;
      if (existsSync(pointer)) expect(readFileSync(pointer, 'utf8')).toBe(`gitdir: ../.git/modules/r${n}\n`);
    }
    // The control: outside the same program plants by what it took hold of.
    await world.run(['sh', '-c', `git clone -q . ../free && cd ../free && python3 race.py ${url} late`], {
      cwd,
    });
    const free = `${world.root}/free/.git/modules/r2`;
    expect(readFileSync(`${free}/config`, 'utf8')).toContain('planted');
    expect(readdirSync(free)).toEqual(expect.arrayContaining(['hooks', 'commondir', 'modules']));
  });
});

/** Submodules that are fetched, added and cloned inside: the host has them when the session has ended, and git there works in them. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, serveRepositories } from '../fixtures/git-server.ts';
import { gitRepository, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let server: GitServer;

  /** `outer` has the submodule `mid`, and that one `deps/inner`; both hold a link. */
  beforeAll(async () => {
    world = await makeWorld(person);
    server = await serveRepositories(`${world.root}/served`);
    const { url } = server;
    for (const name of ['inner', 'mid', 'outer']) {
      world.put(`${world.root}/made/${name}/file`, `${name}\n`);
      await gitRepository(world, `${world.root}/made/${name}`);
    }
    const publish = (name: string) =>
      `git clone -q --bare made/${name} served/${name}.git && git -C served/${name}.git update-server-info`;
    const script = [
      'cd .. && mkdir -p served && cd made/inner && ln -s file link && git add -A && git commit -q -m Link && cd ../..',
      publish('inner'),
      `(cd made/mid && git submodule --quiet add ${url}/inner.git deps/inner && git commit -q -m Inner)`,
      publish('mid'),
      `(cd made/outer && git submodule --quiet add ${url}/mid.git mid && git commit -q -m Mid)`,
      publish('outer'),
    ].join(' && ');
    const ran = await world.run(['sh', '-c', script]);
    expect(ran.code, ran.stderr).toBe(0);
  });
  afterAll(() => {
    server.close();
    world.dispose();
  });

  const at = (name: string) => `${world.project}/${name}`;
  const git = async (...words: string[]): Promise<string> => (await world.run(['git', ...words])).stdout;
  const local = ['--net', 'local'];

  /** What the host sees of a clone of `outer` whose submodules are all fetched. */
  async function expectWhole(name: string): Promise<void> {
    expect(readFileSync(at(`${name}/mid/.git`), 'utf8')).toBe('gitdir: ../.git/modules/mid\n');
    expect(readFileSync(at(`${name}/mid/deps/inner/.git`), 'utf8')).toBe(
      'gitdir: ../../../.git/modules/mid/modules/deps/inner\n',
    );
    expect(lstatSync(at(`${name}/mid/deps/inner/link`)).isSymbolicLink()).toBe(true);
    const status = await git('-C', name, 'submodule', 'status', '--recursive');
    expect(status.split('\n').map((line) => line.replace(/^ [0-9a-f]{40} /, ''))).toEqual([
      'mid (heads/main)',
      'mid/deps/inner (heads/main)',
      '',
    ]);
    expect(await git('-C', name, 'status', '--porcelain')).toBe('');
    for (const inner of ['mid', 'mid/deps/inner'])
      expect((await world.run(['git', '-C', `${name}/${inner}`, 'fsck', '--strict'])).code).toBe(0);
    expect(readdirSync(at(`${name}/.git/modules/mid`))).not.toContain('hooks');
  }

  test('one that was never fetched is, with those in it, and the next session works in it', async () => {
    expect((await world.run(['git', 'clone', '-q', `${server.url}/outer.git`, 'fresh'])).code).toBe(0);
    const script =
      'git -C fresh submodule --quiet update --init --recursive && cat fresh/mid/deps/inner/link';
    const ran = await world.shell(script, local);
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'inner\n' });
    expect(ran.stderr).not.toContain('✗');
    await expectWhole('fresh');
    const next = await world.shell(
      'cd fresh/mid && echo y > file && git commit -q -a -m Next && git log --format=%s -1',
    );
    expect(next).toMatchObject({ code: 0, stdout: 'Next\n' });
  });

  test('clone --recurse-submodules', async () => {
    const ran = await world.shell(
      `git clone -q --recurse-submodules ${server.url}/outer.git cloned && git -C cloned submodule status --recursive | wc -l`,
      local,
    );
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: '2\n' });
    expect(ran.stderr).not.toContain('✗');
    await expectWhole('cloned');
  });

  test('submodule add, and a commit in it', async () => {
    const script = [
      `git submodule --quiet add ${server.url}/mid.git libs/mid && git commit -q -m Add`,
      'cd libs/mid && echo y > file && git commit -q -a -m Inside && git log --format=%s -1',
    ].join(' && ');
    const ran = await world.shell(script, local);
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'Inside\n' });
    expect(ran.stderr).not.toContain('✗');
    expect(await git('-C', 'libs/mid', 'log', '--format=%s', '-1')).toBe('Inside\n');
    expect(await git('config', 'submodule.libs/mid.url')).toBe(`${server.url}/mid.git\n`);
    expect(await git('status', '--porcelain', 'libs')).toBe(' M libs/mid\n');
  });

  test('deinit of one that was added, update, and mv', async () => {
    const script = [
      `git submodule --quiet add ${server.url}/inner.git again && git submodule --quiet deinit -f again`,
      'test ! -e again/.git && git submodule --quiet update --init again && cat again/link',
      'git mv again moved && git -C moved status --porcelain',
    ].join(' && ');
    const ran = await world.shell(script, local);
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'inner\n' });
    expect(readFileSync(at('moved/.git'), 'utf8')).toBe('gitdir: ../.git/modules/again\n');
    expect(await git('-C', 'moved', 'rev-parse', '--show-toplevel')).toBe(`${at('moved')}\n`);
    await world.run(['git', 'commit', '-q', '-m', 'Moved']);
  });

  test('one that was fetched and taken out before the session is put back', async () => {
    const outside = `git clone -q --recurse-submodules ${server.url}/outer.git kept && git -C kept submodule --quiet deinit -f mid`;
    const made = await world.run(['sh', '-c', outside]);
    expect(made.code, made.stderr).toBe(0);
    const ran = await world.shell(
      'cd kept && git submodule --quiet update --init && git -C mid log --format=%s',
      local,
    );
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'Inner\nBegin\n' });
    expect(ran.stderr).not.toContain('✗');
    expect(readFileSync(at('kept/mid/.git'), 'utf8')).toBe('gitdir: ../.git/modules/mid\n');
    expect(await git('-C', 'kept/mid', 'rev-parse', '--show-toplevel')).toBe(`${at('kept/mid')}\n`);
  });

  test('a fetch that fails leaves nothing that is in the way', async () => {
    const failed = await world.shell(`git submodule --quiet add ${server.url}/absent.git absent`, local);
    expect(failed).toMatchObject({ code: 128, stderr: expect.stringContaining("/absent.git/' not found") });
    expect(existsSync(at('absent/.git'))).toBe(false);
    expect(existsSync(at('.git/modules/absent'))).toBe(false);
    const ran = await world.shell(`git submodule --quiet add ${server.url}/inner.git absent`, local);
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    expect(await git('-C', 'absent', 'status', '--porcelain')).toBe('');
  });
});

/** A push with a password, over http to a server that asks for one; a credential helper keeps it in the private home. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GitServer, serveRepositories } from '../fixtures/git-server.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let server: GitServer;
  beforeAll(async () => {
    world = await makeWorld(person);
    server = await serveRepositories(`${world.root}/served`, 'agent:secret-word');
    const script = [
      `git clone -q --bare . ../served/far.git && git remote add far ${server.url}/far.git`,
      'git -C ../served/far.git config receive.denyDeleteCurrent ignore',
      // As the test's own user writes there too.
      'chmod -R a+rwX ../served',
    ].join(' && ');
    const ran = await world.run(['sh', '-c', script]);
    expect(ran.code, ran.stderr).toBe(0);
  });
  afterAll(() => {
    server.close();
    world.dispose();
  });

  const heads = async (): Promise<string> =>
    (await world.run(['git', '--git-dir=../served/far.git', 'for-each-ref', '--format=%(refname)'])).stdout;
  const git = 'GIT_TERMINAL_PROMPT=0 git -c credential.helper=store';
  const login = () => `printf 'url=${server.url}\\nusername=agent\\npassword=secret-word\\n\\n'`;

  test('the host is allowed, and the helper has the password since the session before', async () => {
    const allowed = ['--net', 'none', '--allow-domain', `127.0.0.1:${server.port}`];
    const push = (branch: string) => `${git} push -q far HEAD:refs/heads/${branch}`;
    const before = await world.shell(push('early'), allowed);
    expect(before.code).toBe(128);
    expect(before.stderr).toContain('could not read Username');
    const kept = await world.shell(`${login()} | ${git} credential approve; cat ~/.git-credentials`, [
      '--net',
      'none',
    ]);
    expect(kept, kept.stderr).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('agent:secret-word@'),
    });
    const pushed = await world.shell(
      `${push('topic')} && git ls-remote -q --heads far 2>/dev/null | wc -l`,
      allowed,
    );
    expect(pushed.code, pushed.stderr).toBe(0);
    expect(pushed.stderr).not.toContain('✗');
    expect(await heads()).toBe('refs/heads/main\nrefs/heads/topic\n');
    expect(existsSync(`${world.home}/.git-credentials`)).toBe(false);
    // The same with the host not allowed.
    const unreached = await world.shell(push('other'), ['--net', 'none']);
    expect(unreached.code).toBe(128);
    expect(unreached.stderr).toMatch(/Failed to connect to 127.0.0.1/);
    expect(await heads()).toBe('refs/heads/main\nrefs/heads/topic\n');
  });

  test('the person’s own passwords do not push for it', async () => {
    const push = `${git} push -q far HEAD:refs/heads/mine`;
    world.put(`${world.home}/.git-credentials`, `http://agent:secret-word@127.0.0.1:${server.port}\n`, 0o600);
    const flags = ['--net', 'none', '--allow-domain', `127.0.0.1:${server.port}`];
    const cwd = `${world.root}/second`;
    expect((await world.run(['git', 'clone', '-q', '.', cwd])).code).toBe(0);
    await world.run(['git', '-C', cwd, 'remote', 'add', 'far', `${server.url}/far.git`]);
    const ran = await world.shell(push, ['--project', cwd, ...flags], { cwd });
    expect(ran.code).toBe(128);
    expect(ran.stderr).toContain('could not read Username');
    expect((await world.run(['sh', '-c', push], { cwd })).code).toBe(0);
    expect(await heads()).toContain('refs/heads/mine\n');
    expect(readFileSync(`${world.home}/.git-credentials`, 'utf8')).toContain('secret-word');
  });
});

/** Caches of package managers: private by default, the host's read-only by choice, and never more than the cache. */
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OWN_REGISTRY } from '../fixtures/own-registry.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

async function succeed(world: World, argv: readonly string[], cwd: string): Promise<void> {
  const ran = await world.run(argv, { cwd });
  if (ran.code !== 0) throw new Error(`${argv.join(' ')}: ${ran.stderr}`);
}

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
    const own = `${world.root}/own-package`;
    world.put(`${own}/package.json`, '{"name":"own-package","version":"1.0.0"}');
    world.put(`${own}/index.js`, 'module.exports = 7;\n');
    await succeed(world, ['npm', 'pack', '--silent', own], world.root);
    const registry = world.start([world.node, '-e', OWN_REGISTRY, join(world.root, 'own-package-1.0.0.tgz')]);
    try {
      const [port] = (await once(registry.stdout!, 'data')) as [Buffer];
      world.put(join(world.project, '.npmrc'), `registry=http://127.0.0.1:${port.toString().trim()}/\n`);
      world.put(join(world.project, 'package.json'), '{"name":"app","version":"1.0.0"}');
      await succeed(world, ['npm', 'install', '--no-audit', '--no-fund', 'own-package'], world.project);
    } finally {
      // From here on the package is in the host's cache alone.
      registry.kill('SIGKILL');
    }
    rmSync(join(world.project, 'node_modules'), { recursive: true });
    world.put(join(world.home, '.npmrc'), '//registry.example.com/:_authToken=secret\n');
  });
  afterAll(() => world.dispose());

  const share = async (manner: string) =>
    expect((await world.pinfold(['config', 'set', 'caches.npm', manner, '--scope', 'user'])).code).toBe(0);
  const cached = `node -e 'require("fs").readdirSync(process.env.HOME + "/.npm/_cacache/content-v2")'`;

  test('private: the host’s cache is not there; shared: it is, to be read and not written, without the token', async () => {
    await share('private');
    expect((await world.shell(cached)).stderr).toContain('ENOENT: no such file or directory, scandir');
    await share('shared');
    expect((await world.shell(cached)).code).toBe(0);
    const written = await world.shell('echo x > $HOME/.npm/_cacache/planted');
    expect(written.stderr).toContain('Read-only file system');
    expect(existsSync(join(world.home, '.npm/_cacache/planted'))).toBe(false);
    expect((await world.shell(`cat $HOME/.npmrc ${world.home}/.npmrc`)).stdout).toBe('');
    // What is beside the cache is the project's own, and can be written.
    expect((await world.shell('echo x > $HOME/.npm/own && cat $HOME/.npm/own')).stdout).toBe('x\n');
  });

  test('npm ci --offline installs from the shared cache, and has nothing to install from with a private one', async () => {
    const install = 'npm ci --offline --no-audit --no-fund && node -p "require(\'own-package\')"';
    await share('private');
    const alone = await world.shell(install);
    expect(alone.code).not.toBe(0);
    expect(alone.stderr).toContain('ENOTCACHED');
    await share('shared');
    const installed = await world.shell(install);
    expect(installed.stdout).toMatch(/added 1 package[\s\S]*\n7\n$/);
  });

  test('a cache that is a link is not shown', async () => {
    await share('shared');
    const cache = join(world.home, '.npm/_cacache');
    renameSync(cache, `${cache}.real`);
    symlinkSync(join(world.home, '.ssh'), cache);
    try {
      const ran = await world.shell('ls $HOME/.npm/_cacache', ['--verbose']);
      expect(ran.stdout).not.toContain('id_ed25519');
      expect(ran.stderr).toContain('is not shared');
    } finally {
      renameSync(cache, `${cache}.link`);
      renameSync(`${cache}.real`, cache);
    }
    expect((await world.shell(cached)).code).toBe(0);
  });

  test('a cache that the person denies, or has not, is not shown', async () => {
    await share('shared');
    const denied = await world.shell(cached, ['--deny', join(world.home, '.npm'), '--verbose']);
    expect(denied.stderr).toContain('ENOENT: no such file or directory, scandir');
    expect(denied.stderr).toContain('is not shared');
    // Where it is shown the host's rules do not reach, so what would lie open in it is not shown at all.
    for (const within of ['.npm/_cacache/tmp', '.npm/**/*.secret']) {
      const inner = await world.shell(cached, ['--deny', join(world.home, within), '--verbose']);
      expect(inner.code).not.toBe(0);
      expect(inner.stderr).toMatch(/is not shared: .* is closed, and may lie in it/);
    }
    expect((await world.shell(cached, ['--deny', join(world.home, '.npm/_logs')])).code).toBe(0);
    const absent = await world.pinfold(['config', 'set', 'caches.dotnet', 'shared', '--scope', 'user']);
    expect(absent.code).toBe(0);
    expect((await world.pinfold(['policy'])).stdout).toContain('dotnet has no cache on this host to share');
    mkdirSync(join(world.home, '.nuget/packages/own'), { recursive: true });
    const led = await world.shell('echo $NUGET_FALLBACK_PACKAGES; ls $NUGET_FALLBACK_PACKAGES');
    expect(led.stdout).toMatch(/\.nuget-shared\nown\n$/);
  });
});

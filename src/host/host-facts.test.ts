import { existsSync } from 'node:fs';
import { chmod, lstat, readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { makeTree, type Tree } from './host.fixture.ts';
import { findHome, gatherHostFacts } from './host-facts.ts';
import { makeMountPoint, makePrivateHome, privateHomeName } from './private-home.ts';
import { findRuntime } from './runtime-paths.ts';
import { findToolchains } from './toolchains.ts';

function toolchainsOf(tree: Tree, ...path: readonly string[]) {
  const searchPath = path.map((each) => (each.startsWith('/') ? each : tree.at(each))).join(':');
  return findToolchains({ searchPath, homeDir: tree.at('home'), projectDir: tree.at('home/project') });
}

describe('the runtime', () => {
  test('is real where it is no link, and says where its links lead', async () => {
    const runtime = findRuntime();
    expect(runtime.map(({ path }) => path)).toContain('/usr');
    for (const { path, symlinkTo } of runtime) {
      expect({ path, link: (await lstat(path)).isSymbolicLink() }).toEqual({
        path,
        link: symlinkTo !== undefined,
      });
      if (symlinkTo !== undefined) expect(await readlink(path)).toBe(symlinkTo);
    }
  });

  test('holds no file of /etc that has secrets or speaks of this machine', async () => {
    const paths = findRuntime().map(({ path }) => path);
    expect(paths).toContain('/etc/passwd');
    const secret = [
      'shadow',
      'gshadow',
      'sudoers',
      'machine-id',
      'hosts',
      'resolv.conf',
      'ssl',
      'ssl/private',
      'ssh',
      'pki',
    ];
    for (const name of secret) expect(paths).not.toContain(`/etc/${name}`);
  });

  test('holds nothing of /sys but processors and memory nodes', async () => {
    const paths = findRuntime()
      .map(({ path }) => path)
      .filter((path) => path.startsWith('/sys'));
    for (const path of paths) expect(['/sys/devices/system/cpu', '/sys/devices/system/node']).toContain(path);
  });

  test('holds the gems of the system where there are any', () => {
    const paths = findRuntime().map(({ path }) => path);
    expect(paths.includes('/var/lib/gems')).toBe(existsSync('/var/lib/gems'));
  });

  test('takes nothing from PATH that lies in a private place or around the project', async () => {
    await using tree = await makeTree(['bin/', 'project/']);
    const searchPath = `${tree.at('bin')}:/usr/bin:relative:/proc/self:/`;
    const found = findRuntime({ searchPath, projectDir: tree.at('project') });
    expect(found.filter(({ why }) => why.includes('PATH'))).toEqual([]);
  });
});

describe('tool chains', () => {
  test('are shown whole where they are known, with the variable that names them', async () => {
    await using tree = await makeTree([
      'home/.nvm/versions/node/v20/bin/node',
      'home/.pyenv/shims/python',
      'home/project/',
    ]);
    expect(
      await toolchainsOf(tree, 'home/.nvm/versions/node/v20/bin', 'home/.pyenv/shims', '/usr/bin'),
    ).toEqual([
      {
        name: 'nvm',
        paths: [tree.at('home/.nvm')],
        credentials: [],
        environment: { NVM_DIR: tree.at('home/.nvm') },
      },
      {
        name: 'pyenv',
        paths: [tree.at('home/.pyenv')],
        credentials: [],
        environment: { PYENV_ROOT: tree.at('home/.pyenv') },
      },
    ]);
  });

  test('of cargo are its programs and rustup, never its credentials or registry', async () => {
    await using tree = await makeTree([
      'home/.cargo/bin/cargo',
      'home/.cargo/credentials.toml',
      'home/.rustup/',
      'home/project/',
    ]);
    const [cargo] = await toolchainsOf(tree, 'home/.cargo/bin');
    expect(cargo?.paths).toEqual([tree.at('home/.cargo/bin'), tree.at('home/.rustup')]);
    expect(cargo?.environment).toEqual({ RUSTUP_HOME: tree.at('home/.rustup') });
  });

  test('in ~/.local/bin bring the store that their links lead to, or that file alone', async () => {
    await using tree = await makeTree([
      'home/.local/share/claude/versions/1',
      'home/.local/share/keyrings/login',
      'home/tools/solo',
      'home/.local/bin/claude -> ../share/claude/versions/1',
      'home/.local/bin/solo -> ../../tools/solo',
      'home/project/',
    ]);
    const [local] = await toolchainsOf(tree, 'home/.local/bin');
    expect(local?.name).toBe('local-bin');
    expect([...local!.paths].sort()).toEqual(
      ['home/.local/bin', 'home/.local/share/claude', 'home/tools/solo'].map((path) => tree.at(path)),
    );
  });

  test.each(['home', 'home/.ssh', 'home/.config', 'home/.local', 'home/project/bin', 'home/link-to-ssh'])(
    'are not looked for in %s',
    async (path) => {
      await using tree = await makeTree([
        'home/.ssh/',
        'home/.config/gh/',
        'home/.local/share/',
        'home/project/bin/',
        'home/link-to-ssh -> .ssh',
        'home/fine/bin/',
      ]);
      expect(await toolchainsOf(tree, path)).toEqual([]);
      expect(await toolchainsOf(tree, 'home/fine/bin')).toMatchObject([
        { paths: [tree.at('home/fine/bin')] },
      ]);
    },
  );

  test('that PATH names by a link are shown under both names', async () => {
    await using tree = await makeTree(['home/tool-1.2/bin/', 'home/tool -> tool-1.2', 'home/project/']);
    const [tool] = await toolchainsOf(tree, 'home/tool/bin');
    expect([...tool!.paths].sort()).toEqual([tree.at('home/tool-1.2/bin'), tree.at('home/tool/bin')]);
  });
});

describe('the private home', () => {
  test('is named after the project, and two of one name differ', () => {
    expect(privateHomeName('/a/app')).toMatch(/^app-[0-9a-f]{12}$/);
    expect(privateHomeName('/a/app')).not.toBe(privateHomeName('/b/app'));
    expect(privateHomeName('/a/é x')).toMatch(/^__x-[0-9a-f]{12}$/);
  });

  test('is open to nobody else, and kept', async () => {
    await using tree = await makeTree([]);
    const home = await makePrivateHome(tree.root, privateHomeName('/a/app'));
    await writeFile(`${home}/kept`, '');
    await chmod(home, 0o755);
    expect(await makePrivateHome(tree.root, privateHomeName('/a/app'))).toBe(home);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect(await readdir(home)).toEqual(['kept']);
  });

  test('gets a mount point without following a link that an earlier run planted', async () => {
    await using tree = await makeTree([
      'home/',
      'victim/',
      'home/.config -> ../victim',
      'home/.gitconfig -> ../victim/x',
    ]);
    await makeMountPoint(tree.at('home'), '.config/git/config');
    await makeMountPoint(tree.at('home'), '.gitconfig');
    expect(await readdir(tree.at('victim'))).toEqual([]);
    expect((await lstat(tree.at('home/.config'))).isDirectory()).toBe(true);
    expect((await lstat(tree.at('home/.config/git/config'))).isFile()).toBe(true);
    expect((await lstat(tree.at('home/.gitconfig'))).isFile()).toBe(true);
  });

  test('puts a directory aside that stands where a mount point must be', async () => {
    await using tree = await makeTree(['home/.gitconfig/kept']);
    await makeMountPoint(tree.at('home'), '.gitconfig');
    expect((await lstat(tree.at('home/.gitconfig'))).isFile()).toBe(true);
    expect(await readdir(tree.at('home'))).toHaveLength(2);
  });
});

describe('the facts of the host', () => {
  test('name the directories of Pinfold, and heed XDG only where it is absolute', async () => {
    await using tree = await makeTree(['home/app/', 'data/']);
    const environment = {
      HOME: tree.at('home'),
      XDG_DATA_HOME: tree.at('data'),
      XDG_CONFIG_HOME: 'relative',
    };
    const facts = gatherHostFacts({ environment, projectDir: tree.at('home/app') });
    expect(facts.homeDir).toBe(tree.at('home'));
    expect(facts.pinfold).toMatchObject({
      configDir: tree.at('home/.config/pinfold'),
      stateDir: tree.at('home/.local/state/pinfold'),
      dataDir: tree.at('data/pinfold'),
    });
    expect(facts.privateHome).toBe(tree.at(`data/pinfold/homes/${privateHomeName(tree.at('home/app'))}`));
  });

  test('show the person’s git settings in the private home, from where they really are', async () => {
    await using tree = await makeTree([
      'home/dotfiles/gitconfig',
      'home/.gitconfig -> dotfiles/gitconfig',
      'home/app/',
    ]);
    const facts = gatherHostFacts({
      environment: { HOME: tree.at('home') },
      projectDir: tree.at('home/app'),
    });
    expect(facts.gitConfig).toEqual([tree.at('home/.gitconfig')]);
    expect(facts.homeFiles).toEqual([
      { source: tree.at('home/dotfiles/gitconfig'), target: `${facts.privateHome}/.gitconfig` },
    ]);
    expect((await lstat(`${facts.privateHome}/.gitconfig`)).isFile()).toBe(true);
  });

  test('take HOME for the home only when it is absolute and there', async () => {
    await using tree = await makeTree(['home/']);
    expect(findHome({ HOME: tree.at('home') })).toBe(tree.at('home'));
    const fallback = findHome({});
    expect(findHome({ HOME: 'home' })).toBe(fallback);
    expect(findHome({ HOME: tree.at('gone') })).toBe(fallback);
  });
});

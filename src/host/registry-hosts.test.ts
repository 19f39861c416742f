import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { findGitRemotes } from './git-remotes.ts';
import { makeTree, type Tree } from './host.fixture.ts';
import { findRegistryHosts } from './registry-hosts.ts';

async function project(
  files: Readonly<Record<string, string>>,
  links: readonly string[] = [],
): Promise<Tree> {
  const tree = await makeTree(['project/', 'home/', ...links]);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(tree.at(path)), { recursive: true });
    writeFileSync(tree.at(path), text);
  }
  return tree;
}

const hosts = (tree: Tree) => findRegistryHosts(tree.at('project'), tree.at('home')).map(({ host }) => host);

test.each([
  ['package-lock.json', 'package.json', '{"packages":{"a":{"resolved":"https://r.example/a.tgz"}}}'],
  ['yarn.lock', 'package.json', 'a@1:\n  resolved "https://r.example/a.tgz#1"\n'],
  [
    'pnpm-lock.yaml',
    'package.json',
    '  a@1:\n    resolution: {integrity: x, tarball: https://r.example/a.tgz}\n',
  ],
  ['.npmrc', 'package.json', 'registry=https://r.example/\n'],
  ['.npmrc', 'package.json', '@scope:registry = https://r.example/npm/\n'],
  ['.yarnrc.yml', 'package.json', 'npmRegistryServer: "https://r.example"\n'],
  ['uv.lock', 'pyproject.toml', 'source = { registry = "https://r.example/simple" }\n'],
  ['Pipfile.lock', 'Pipfile', '{"_meta":{"sources":[{"url": "https://r.example/simple"}]}}'],
  ['pip.conf', 'setup.py', '[global]\nindex-url = https://r.example/simple\n'],
  ['Cargo.lock', 'Cargo.toml', 'source = "registry+https://r.example/index"\n'],
  ['.cargo/config.toml', 'Cargo.toml', '[registries.own]\nindex = "sparse+https://r.example/index/"\n'],
  [
    'pom.xml',
    'README',
    '<project><repositories><repository><id>a</id><url>https://r.example/m2</url></repository></repositories></project>',
  ],
  ['build.gradle', 'build.gradle', 'repositories { maven { url "https://r.example/m2" } }\n'],
  ['build.gradle.kts', 'README', 'repositories { maven { url = uri("https://r.example/m2") } }\n'],
  ['settings.gradle.kts', 'README', 'repositories { maven("https://r.example/m2") }\n'],
  [
    'nuget.config',
    'global.json',
    '<packageSources><add key="own" value="https://r.example/v3/index.json" />',
  ],
  ['poetry.lock', 'pyproject.toml', '[package.source]\ntype = "legacy"\nurl = "https://r.example/simple"\n'],
  ['bunfig.toml', 'package.json', '[install]\nregistry = "https://r.example/"\n'],
  ['Gemfile', 'README', 'source "https://r.example/"\n'],
  ['Gemfile.lock', 'Gemfile', 'GEM\n  remote: https://r.example/\n'],
])('%s of a project with %s names its registry', async (file, kind, text) => {
  await using tree = await project({ [`project/${kind}`]: '', [`project/${file}`]: text });
  expect(findRegistryHosts(tree.at('project'), tree.at('home'))).toEqual([
    { host: 'r.example:443', files: [file], named: expect.stringMatching(`^${file}:\\d+$`), own: false },
  ]);
});

test('the person’s own configuration counts where the project is one of that tool’s, and not elsewhere', async () => {
  const own = {
    'home/.npmrc': 'registry=http://r.example:4873/\n',
    'home/.config/go/env': 'GOPROXY=https://p.example,direct\n',
  };
  await using node = await project({ ...own, 'project/package.json': '{}' });
  expect(hosts(node)).toEqual(['r.example:4873']);
  await using go = await project({ ...own, 'project/go.mod': 'module m\n' });
  expect(hosts(go)).toEqual(['p.example:443']);
  await using none = await project(own);
  expect(hosts(none)).toEqual([]);
});

test('no host is known beforehand: a project that names none has none', async () => {
  await using tree = await project({
    'project/package.json': '{}',
    'project/Cargo.toml': '',
    'project/go.mod': '',
  });
  expect(hosts(tree)).toEqual([]);
});

test('addresses, names without a dot and what is no address at all are left out', async () => {
  const text = [
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://localhost:4873/',
    'http://0x7f.1/',
    'https://',
    'file:///etc/passwd',
  ]
    .map((each) => `registry=${each}`)
    .join('\n');
  await using tree = await project({ 'project/package.json': '{}', 'project/.npmrc': text });
  expect(hosts(tree)).toEqual([]);
});

test('a lock file that is a link is not followed', async () => {
  const text = '{"resolved": "https://r.example/a.tgz"}';
  await using tree = await project({ 'project/package.json': '{}', 'home/lock': text }, [
    'project/package-lock.json -> ROOT/home/lock',
  ]);
  expect(hosts(tree)).toEqual([]);
  await using control = await project({ 'project/package.json': '{}', 'project/package-lock.json': text });
  expect(hosts(control)).toEqual(['r.example:443']);
});

test('remotes are read from .git/config, and other sections are not', async () => {
  const config = [
    '[core]\n\tfsmonitor = touch /tmp/x\n\turl = https://core.example/x',
    '[remote "origin"]\n\turl = git@github.example:a/b.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*',
    '[remote "web"]\n\turl = https://me:secret@git.example:8443/a',
    '[remote "ssh"]\n\turl = ssh://git@ssh.example:2222/a',
    '[remote "disk"]\n\turl = ../other',
    '[submodule "x"]\n\turl = https://sub.example/x',
  ].join('\n');
  await using tree = await project({ 'project/.git/config': config });
  expect(findGitRemotes(tree.at('project'))).toEqual([
    { name: 'origin', host: 'github.example', port: 22, kind: 'ssh', line: 5 },
    { name: 'web', host: 'git.example', port: 8443, kind: 'https', line: 8 },
    { name: 'ssh', host: 'ssh.example', port: 2222, kind: 'ssh', line: 10 },
  ]);
});

test('says the line of the first mention, and takes the person’s variables for their own', async () => {
  await using tree = await project({
    'project/package.json': '{}',
    'project/go.mod': 'module m\n',
    'project/.npmrc': '# none\n\nregistry=https://a.example/\n@x:registry=https://a.example/x\n',
  });
  const environment = {
    GOPROXY: 'https://p.example|https://q.example,direct',
    PIP_INDEX_URL: 'https://x.example',
  };
  expect(findRegistryHosts(tree.at('project'), tree.at('home'), environment)).toEqual([
    { host: 'a.example:443', files: ['.npmrc'], named: '.npmrc:3', own: false },
    { host: 'p.example:443', files: ['$GOPROXY'], named: '$GOPROXY', own: true },
    { host: 'q.example:443', files: ['$GOPROXY'], named: '$GOPROXY', own: true },
  ]);
});

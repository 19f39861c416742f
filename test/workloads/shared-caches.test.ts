/** Caches of the host that are shared: a build has all it needs from there without any network, and changes nothing there. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { OWN_REGISTRY } from '../fixtures/own-registry.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';
import { CRATE_REGISTRY } from './crate-registry.ts';
import { WHEEL_INDEX } from './wheel-index.ts';

const TOOLS = process.env.PINFOLD_TEST_WORKLOADS ?? join(tmpdir(), 'pinfold-test-workloads');
const BERRY = join(TOOLS, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js');
const PLAYWRIGHT = join(TOOLS, 'node_modules/playwright-core');
const USES_IT = 'node -p "require(\'own-package\')"';

interface Shared {
  readonly tool: string;
  /** Where the cache is, beneath the home. */
  readonly cache: string;
  /** The program that serves `PORT`; default: npm's with one package. */
  readonly registry?: string;
  /** `PORT`: of the registry. `PROJECT`: the directory. */
  readonly files: Readonly<Record<string, string>>;
  /** Outside: fills the cache. */
  readonly fill: string;
  /** Of `fill`, what must not be there inside. */
  readonly clean: string;
  /** Inside. */
  readonly build: string;
  readonly says: string;
  /** What it says where the cache is private, and so empty. */
  readonly misses: RegExp;
}

const PACKAGE = { 'package.json': '{ "name": "app", "version": "1.0.0" }' };
const NPMRC = { '.npmrc': 'registry=http://127.0.0.1:PORT/\n' };
const plugin = (name: string, version: string) =>
  `<plugin><artifactId>maven-${name}-plugin</artifactId><version>${version}</version></plugin>`;
const POM = `<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>a</artifactId><version>1</version>
<properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target></properties>
<build><plugins>${plugin('resources', '3.3.0')}${plugin('compiler', '3.10.1')}${plugin('jar', '3.3.0')}${plugin('surefire', '2.22.3')}</plugins></build></project>
`;

const SAYS_IT = 'python3 -c "import own; print(own.seven)"';
const PYPROJECT = `[tool.poetry]
name = "app"
version = "1.0.0"
description = ""
authors = []
[tool.poetry.dependencies]
python = "^3.9"
own = "1.0"
[[tool.poetry.source]]
name = "own"
url = "http://127.0.0.1:PORT/simple"
default = true
`;

const BUILD_GRADLE = `apply plugin: 'java'
repositories { maven { url 'http://127.0.0.1:PORT/' } }
dependencies { compile 'own:own:1.0' }
task say(type: JavaExec) { classpath = sourceSets.main.runtimeClasspath; main = 'A' }
`;
/** Serves the directory that it is started in; prints its port. For `node -e`. */
const FILES_OF_PROJECT = `
const { readFileSync } = require('node:fs');
const server = require('node:http').createServer((request, response) => {
  try {
    response.end(readFileSync('.' + request.url));
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;
const PAGE = `const { chromium } = require('${PLAYWRIGHT}');
(async () => {
  const browser = await chromium.launch({ channel: 'chromium' });
  const page = await browser.newPage();
  await page.setContent('<b>3</b>');
  console.log(await page.evaluate(() => Number(document.body.textContent) + 4));
  await browser.close();
})();
`;

const SHARED: readonly Shared[] = [
  {
    tool: 'pnpm',
    cache: '.local/share/pnpm/store',
    files: { ...PACKAGE, ...NPMRC },
    fill: 'pnpm add own-package',
    clean: 'node_modules',
    build: `pnpm install --offline --frozen-lockfile >&2 && ${USES_IT}`,
    says: '7\n',
    misses: /ERR_PNPM_NO_OFFLINE_/,
  },
  {
    tool: 'yarn',
    cache: '.yarn/berry/cache',
    files: {
      ...PACKAGE,
      'yarn.lock': '',
      '.yarnrc.yml':
        'nodeLinker: node-modules\nenableTelemetry: false\nnpmRegistryServer: http://127.0.0.1:PORT\nunsafeHttpWhitelist: ["127.0.0.1"]\n',
    },
    fill: `node ${BERRY} add own-package`,
    clean: 'node_modules',
    build: `node ${BERRY} install --immutable >&2 && ${USES_IT}`,
    says: '7\n',
    misses: /ECONNREFUSED/,
  },
  {
    tool: 'bun',
    cache: '.bun/install/cache',
    files: { ...PACKAGE, ...NPMRC },
    fill: 'bun add own-package',
    clean: 'node_modules',
    build: `bun install --frozen-lockfile >&2 && ${USES_IT}`,
    says: '7\n',
    misses: /ConnectionRefused|FailedToOpenSocket/,
  },
  {
    tool: 'cargo',
    cache: '.cargo/registry',
    registry: CRATE_REGISTRY,
    files: {
      'Cargo.toml':
        '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\nown = { version = "1", registry = "own" }\n',
      'src/main.rs': 'fn main() { println!("{}", own::seven()); }\n',
      '.cargo/config.toml': '[registries.own]\nindex = "file://PROJECT/index"\n',
    },
    // Debian's knows no registries over http yet: the index is a repository.
    fill: `set -e; mkdir -p index/3/o; cd index; curl -sSf http://127.0.0.1:PORT/config.json > config.json
curl -sSf http://127.0.0.1:PORT/3/o/own > 3/o/own; git init -q; git add .; git commit -qm own; cd ..; /usr/bin/cargo fetch`,
    clean: 'target',
    build: '/usr/bin/cargo run --quiet --offline',
    says: '7\n',
    misses: /--offline/,
  },
  {
    tool: 'go',
    cache: 'go/pkg/mod',
    files: {
      'go.mod': 'module app\n\nrequire example.com/own v1.0.0\n',
      'main.go':
        'package main\n\nimport ("example.com/own"; "fmt")\n\nfunc main() { fmt.Println(own.Seven()) }\n',
      'pack.py': `import zipfile
z = zipfile.ZipFile('proxy/example.com/own/@v/v1.0.0.zip', 'w')
z.writestr('example.com/own@v1.0.0/go.mod', 'module example.com/own\\n')
z.writestr('example.com/own@v1.0.0/own.go', 'package own\\n\\nfunc Seven() int { return 7 }\\n')
z.close()
`,
      'proxy/example.com/own/@v/list': 'v1.0.0\n',
      'proxy/example.com/own/@v/v1.0.0.info': '{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}',
      'proxy/example.com/own/@v/v1.0.0.mod': 'module example.com/own\n',
    },
    fill: 'python3 pack.py && GOPROXY="file://$PWD/proxy" GOFLAGS=-mod=mod GOSUMDB=off go mod download',
    clean: 'proxy',
    build: 'GOPROXY=off GOFLAGS="-mod=mod -buildvcs=false" GOSUMDB=off go run .',
    says: '7\n',
    misses: /module lookup disabled by GOPROXY=off/,
  },
  {
    tool: 'maven',
    cache: '.m2/repository',
    files: {
      'pom.xml': POM,
      'src/main/java/A.java':
        'public class A { public static void main(String[] a) { System.out.println(7); } }\n',
    },
    fill: 'mkdir -p ~/.m2 && cp -rL /usr/share/maven-repo ~/.m2/repository 2>/dev/null; test -d ~/.m2/repository/org/apache/maven/plugins/maven-jar-plugin',
    clean: 'target',
    build: 'mvn -o -q package >&2 && java -cp target/a-1.jar A',
    says: '7\n',
    misses: /in offline mode/,
  },
  {
    // It asks an index about each package, cache or not; without any it has the wheels that it built.
    tool: 'pip',
    cache: '.cache/pip',
    files: {
      'src/setup.py': "from setuptools import setup\nsetup(name='own', version='1.0', py_modules=['own'])\n",
      'src/pyproject.toml': '[build-system]\nrequires = ["setuptools"]\n',
      'src/own.py': 'seven = 7\n',
    },
    fill: `set -e; (cd src && /usr/bin/python3 setup.py -q sdist --dist-dir ..); rm -r src
/usr/bin/pip install --no-index --no-build-isolation --find-links . --target lib own`,
    clean: 'lib',
    build: `/usr/bin/pip install --no-index --find-links . --target lib own >&2 && PYTHONPATH=lib ${SAYS_IT}`,
    says: '7\n',
    misses: /No matching distribution found for setuptools/,
  },
  {
    tool: 'poetry',
    cache: '.cache/pypoetry/artifacts',
    registry: WHEEL_INDEX,
    files: { 'pyproject.toml': PYPROJECT },
    fill: '/usr/bin/poetry install --no-root -n',
    clean: '.venv',
    build: `/usr/bin/poetry install --no-root -n >&2 && /usr/bin/poetry run ${SAYS_IT}`,
    says: '7\n',
    misses: /Connection refused/,
  },
  {
    tool: 'ruby',
    cache: '.local/share/gem/ruby',
    files: {
      'own.gemspec':
        "Gem::Specification.new { |s| s.name = 'own'; s.version = '1.0'; s.summary = s.author = 'own'; s.files = ['own.rb']; s.require_path = '.' }\n",
      'own.rb': 'SEVEN = 7\n',
      Gemfile: "source 'https://rubygems.org'\ngem 'own'\n",
    },
    fill: `set -e; gem build own.gemspec; gem install --local --user-install --no-document own-1.0.gem; rm own*`,
    clean: 'Gemfile.lock',
    build: `bundle install --local >&2 && bundle exec ruby -e "require 'own'; puts SEVEN"`,
    says: '7\n',
    misses: /Could not find gem 'own'/,
  },
  {
    tool: 'gradle',
    cache: '.gradle/caches/modules-2',
    registry: FILES_OF_PROJECT,
    files: {
      'build.gradle': BUILD_GRADLE,
      'src/main/java/A.java':
        'public class A { public static void main(String[] a) { System.out.println(own.Own.SEVEN); } }\n',
      'own/Own.java': 'package own; public class Own { public static final int SEVEN = 7; }\n',
      'own/own/1.0/own-1.0.pom':
        '<project><modelVersion>4.0.0</modelVersion><groupId>own</groupId><artifactId>own</artifactId><version>1.0</version></project>\n',
    },
    fill: `set -e; javac --release 11 -d out own/Own.java; (cd out && jar cf ../own/own/1.0/own-1.0.jar own)
GRADLE_USER_HOME="$HOME/.gradle" gradle -q --no-daemon say; rm -r own out build .gradle`,
    clean: 'build',
    build: 'gradle -q --no-daemon --offline say',
    says: '7\n',
    misses: /No cached version of own:own:1.0/,
  },
  {
    tool: 'playwright',
    cache: '.cache/ms-playwright',
    files: { 'page.cjs': PAGE },
    // Debian's browser, where Playwright looks for its own.
    fill: `set -e; chrome="$(node -p "require('${PLAYWRIGHT}').chromium.executablePath()")"; at="$(dirname "$chrome")"
mkdir -p "$at"; find /usr/lib/chromium -mindepth 1 -maxdepth 1 ! -name extensions -exec cp -r -t "$at" {} +; mv "$at/chromium" "$chrome"`,
    clean: 'none',
    build: 'node page.cjs',
    says: '7\n',
    misses: /Executable doesn't exist/,
  },
];

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
  });
  afterEach(() => world.dispose());

  /** Runs what fills the cache with a registry beside it; afterwards there is none. */
  const filled = async (
    { registry: program = OWN_REGISTRY, files, fill, clean }: Shared,
    env: Readonly<Record<string, string>>,
  ) => {
    const own = `${world.root}/own-package`;
    world.put(`${own}/package.json`, '{"name":"own-package","version":"1.0.0"}');
    world.put(`${own}/index.js`, 'module.exports = 7;\n');
    expect((await world.run(['npm', 'pack', '--silent', own], { cwd: world.root })).code).toBe(0);
    const registry = world.start([world.node, '-e', program, join(world.root, 'own-package-1.0.0.tgz')]);
    try {
      const [port] = (await once(registry.stdout!, 'data')) as [Buffer];
      const placed = (text: string) =>
        text.replaceAll('PORT', String(port).trim()).replaceAll('PROJECT', world.project);
      for (const [name, content] of Object.entries(files))
        world.put(join(world.project, name), placed(content));
      const ran = await world.run(['sh', '-c', placed(fill)], { cwd: world.project, env });
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    } finally {
      registry.kill('SIGKILL');
    }
    expect((await world.run(['rm', '-rf', clean], { cwd: world.project })).code).toBe(0);
  };

  test.each(SHARED)(
    '$tool builds from the shared cache, and has nothing to build from with a private one',
    async (shared) => {
      const { tool, cache, clean, build, says, misses } = shared;
      const env = { PATH: `${join(TOOLS, 'node_modules/.bin')}:${world.env.PATH}` };
      await filled(shared, env);
      const at = join(world.home, cache);
      expect(readdirSync(at).length).toBeGreaterThan(0);
      const before = treeOf(at);
      const inside = async (manner: string) => {
        await world.pinfold(['config', 'set', `caches.${tool}`, manner, '--scope', 'user']);
        return await world.shell(build, ['--net', 'none', '--allow', `${TOOLS}:ro`], { env });
      };
      const alone = await inside('private');
      expect(alone.code, alone.stdout + alone.stderr).not.toBe(0);
      expect(alone.stderr).toMatch(misses);
      expect((await world.run(['rm', '-rf', clean], { cwd: world.project })).code).toBe(0);
      const ran = await inside('shared');
      expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: says });
      expect(treeOf(at)).toEqual(before);
    },
  );
});

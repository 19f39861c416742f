/** Installs the tools that `npm run test:workloads` runs, once, where every user may read them. Needs the network, and root for Debian's packages. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

/** Exact, so that a failure is a change of ours. */
const PACKAGES = {
  '@yarnpkg/cli-dist': '4.18.1',
  bun: '1.4.5',
  jest: '30.5.2',
  'playwright-core': '1.65.1',
  pnpm: '12.21.0',
  tsx: '4.23.15',
  vitest: '4.1.12',
  yarn: '1.22.22',
};
/** Debian keeps Maven's own plugins apart from it. */
const MAVEN_PLUGINS = ['resources-plugin', 'compiler-plugin', 'jar-plugin'].map(
  (name) => `libmaven-${name}-java`,
);
/** [command, the Debian package that has it] */
const PROGRAMS = [
  ['go', 'golang-go'],
  ['ruby', 'ruby'],
  ['bundle', 'ruby-bundler'],
  ['chromium', 'chromium'],
  ['/usr/bin/pip', 'python3-pip'],
  ['/usr/bin/poetry', 'python3-poetry'],
  ['gpg', 'gnupg'],
  ['tmux', 'tmux'],
  ['javac', 'default-jdk-headless'],
  ['mvn', 'maven'],
  ['gradle', 'gradle'],
  ['bazel', 'bazel-bootstrap'],
  ['docker', 'docker.io'],
  // Not a person's own: the ordinary user cannot read that.
  ['/usr/bin/cargo', 'cargo'],
];

function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
}

const directory = process.env.PINFOLD_TEST_WORKLOADS ?? join(tmpdir(), 'pinfold-test-workloads');
const path = (process.env.PATH ?? '').split(delimiter);
const isThere = (command) =>
  isAbsolute(command) ? existsSync(command) : path.some((each) => existsSync(join(each, command)));
const missing = PROGRAMS.filter(([command]) => !isThere(command)).map(([, name]) => name);
if (spawnSync('/usr/bin/python3', ['-c', 'import pytest']).status !== 0) missing.push('python3-pytest');
if (!existsSync('/usr/share/maven-repo/org/apache/maven/plugins/maven-jar-plugin'))
  missing.push(...MAVEN_PLUGINS, 'libsurefire-java');
if (missing.length > 0) run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing]);
if (!Object.keys(PACKAGES).every((name) => existsSync(join(directory, 'node_modules', name)))) {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }));
  run('npm', ['install', '--no-audit', '--no-fund'], { cwd: directory });
}

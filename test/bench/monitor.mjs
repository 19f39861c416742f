/**
 * What it costs to see every refusal: `npm run bench:monitor [-- --rounds N --only WORD]`.
 *
 * The same work on the host, inside with `monitor: off` and inside with `monitor: full`, in turns. Timed inside, so that the
 * start of a sandbox is no part of it. The ratio is between the medians of `full` and `off`; compare ratios, not times.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, only: { type: 'string', default: '' } },
});
const rounds = Number(options.rounds);
// Not beneath /tmp, which is another one inside.
const work = mkdtempSync(join(homedir(), 'pinfold-bench-'));
const project = join(work, 'project');
const stopwatch = join(work, 'tools/stopwatch');
const environment = { ...process.env, XDG_STATE_HOME: `${work}/state`, XDG_DATA_HOME: `${work}/data` };

function run(command, args, settings = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', env: environment, cwd: project, ...settings });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`${command} ended with ${result.status}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

function fill(name, folders, files, content) {
  for (let folder = 0; folder < folders; folder++) {
    const directory = join(project, name, `folder-${folder}`);
    mkdirSync(directory, { recursive: true });
    for (let file = 0; file < files; file++) {
      const [ending, text] = content(folder, file);
      writeFileSync(`${directory}/file-${file}.${ending}`, text);
    }
  }
  return join(project, name);
}

const words = 'the quick brown fox jumps over the lazy dog\n'.repeat(40);

/** Each makes what it needs, and says what is run where, and its bar. */
const WORKLOADS = {
  'ripgrep, 8,000 files': () => ({
    cwd: fill('search', 80, 100, (a, b) => ['txt', `${words}${a} ${b}\n`]),
    argv: ['rg', '-c', 'lazy [0-9]'],
    bar: 1.1,
    // It found nothing, which is no failure here.
    code: 1,
  }),
  'git status, 20,000 files': () => {
    const cwd = fill('repository', 200, 100, (a, b) => ['txt', `${a} ${b}\n`]);
    const git = (...args) => run('git', args, { cwd });
    git('init', '-q');
    git('add', '-A');
    git('-c', 'user.name=a', '-c', 'user.email=a@example.com', 'commit', '-q', '-m', 'all');
    return { cwd, argv: ['git', 'status', '--short'], bar: 1.1 };
  },
  'npm ci, warm cache': () => {
    const cwd = join(project, 'packages');
    mkdirSync(cwd);
    cpSync(join(root, 'package-lock.json'), join(cwd, 'package-lock.json'));
    const { scripts, ...rest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    writeFileSync(join(cwd, 'package.json'), JSON.stringify(rest));
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--cache', join(cwd, 'cache')];
    run('npm', ['ci', ...flags], { cwd });
    return { cwd, argv: ['npm', 'ci', '--offline', ...flags], bar: 1.1 };
  },
  'a C build, 120 files': () => {
    const cwd = fill('source', 1, 120, (_, b) => [
      'c',
      `#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/stat.h>\nint f${b}(int n) { char s[64]; snprintf(s, 64, "%d", n); return (int)strlen(s) + ${b}; }\n`,
    ]);
    const rule =
      'OBJECTS := $(patsubst %.c,%.o,$(wildcard folder-0/*.c))\nlib.a: $(OBJECTS)\n\tar rcs $@ $^\n%.o: %.c\n\tcc -O1 -c -o $@ $<\n';
    writeFileSync(join(cwd, 'Makefile'), rule);
    return { cwd, argv: ['make', '-B', '-s', '-j2'], bar: 1.05 };
  },
  'node, 3,000 modules': () => {
    const cwd = fill('modules', 30, 100, (a, b) => ['js', `module.exports = ${a} * ${b};\n`]);
    const load = "require('./folder-' + a + '/file-' + b + '.js')";
    const main = `let sum = 0;\nfor (let a = 0; a < 30; a++) for (let b = 0; b < 100; b++) sum += ${load};\n`;
    writeFileSync(join(cwd, 'main.js'), main);
    return { cwd, argv: [process.execPath, 'main.js'], bar: 1.1 };
  },
  'copy and remove 2,000 files': () => ({
    cwd: fill('copied', 20, 100, () => ['txt', 'text\n']),
    argv: ['sh', '-c', 'cp -a . ../copy && rm -r ../copy'],
  }),
  '300 programs': () => ({
    cwd: project,
    argv: ['sh', '-c', 'i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i + 1)); done'],
  }),
};

function settings(monitor) {
  const path = join(work, `${monitor}.json`);
  writeFileSync(path, JSON.stringify({ sandbox: { monitor } }));
  return path;
}

function inside(monitor) {
  const flags = [
    '--quiet',
    '--project',
    project,
    '--settings',
    settings(monitor),
    '--allow',
    `${work}/tools:ro`,
  ];
  return [process.execPath, join(root, 'dist/pinfold.cjs'), 'run', ...flags, '--'];
}

/** Milliseconds. */
function sample(before, { argv, cwd, code = 0 }) {
  const [command, ...args] = [...before, stopwatch, ...argv];
  const [nanoseconds, , ended] = run(command, args, { cwd }).trim().split('\n').at(-1).split(' ').map(Number);
  if (ended !== code) throw new Error(`${argv.join(' ')} ended with ${ended}`);
  return nanoseconds / 1e6;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function measure(title, workload) {
  const contenders = { host: [], off: inside('off'), full: inside('full') };
  const names = Object.keys(contenders);
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) sample(contenders[name], workload);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length];
      samples[name].push(sample(contenders[name], workload));
    }
  }
  const [host, off, full] = names.map((name) => median(samples[name]));
  // What the machine does besides only adds: the least of each is the nearest to what the work itself takes.
  const least = Math.min(...samples.full) / Math.min(...samples.off);
  const ratio = full / off;
  const verdict =
    workload.bar === undefined
      ? ''
      : ratio <= workload.bar
        ? `met, ≤ ${workload.bar}`
        : `MISSED, ≤ ${workload.bar}`;
  const cells = [host, off, full].map((ms) => ms.toFixed(1).padStart(9)).join('');
  console.log(
    `  ${title.padEnd(28)}${cells}   ${ratio.toFixed(3)}   ${least.toFixed(3)}   ${(full / host).toFixed(3)}   ${verdict}`,
  );
}

try {
  mkdirSync(join(work, 'tools'));
  mkdirSync(project);
  run(process.execPath, [join(root, 'scripts/build.mjs')]);
  run('cc', ['-O2', '-o', stopwatch, fileURLToPath(new URL('stopwatch.c', import.meta.url))]);
  console.log(`Milliseconds, medians of ${rounds} rounds\n`);
  console.log(`  ${''.padEnd(28)}     host      off     full   full/off   least   full/host`);
  for (const [title, prepare] of Object.entries(WORKLOADS)) {
    if (title.includes(options.only)) measure(title, prepare());
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

/**
 * Whole-process timings, side by side: `npm run bench [-- --rounds N --srt DIR]`.
 * `--srt`: a directory whose node_modules has @anthropic-ai/sandbox-runtime.
 *
 * The contenders of a table take turns within each round, so that whatever else the machine does hits all of them;
 * medians are compared and the spread is shown. Compare ratios, not milliseconds.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { equivalent, handWritten } from './bwrap-args.mjs';
import { benchLibrary } from './library.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    srt: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
const work = mkdtempSync(join(tmpdir(), 'pinfold-bench-'));
/** Beneath the home, since sandbox-runtime's own rules are about what lies there; it leaves files where it runs. */
const elsewhere = mkdtempSync(join(homedir(), 'pinfold-bench-'));
const launcher = join(root, 'dist/pinfold-launcher');
const environment = { ...process.env, XDG_STATE_HOME: `${work}/state`, XDG_DATA_HOME: `${work}/data` };

function run(command, args, settings = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', ...settings });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`${command} ended with ${result.status}\n${result.stdout}${result.stderr}`);
  return { said: result.stdout, complaints: result.stderr };
}

/** One sample: milliseconds, and MiB of the largest process. */
function sample({ argv, plan, fd9, cwd }) {
  const stdio = [
    'ignore',
    'pipe',
    'pipe',
    ...Array(6).fill('ignore'),
    fd9 === undefined ? 'ignore' : openSync(fd9, 'r'),
  ];
  const words = plan === undefined ? argv : ['-p', plan, ...argv];
  const { said, complaints } = run(join(work, 'stopwatch'), words, {
    stdio,
    cwd: cwd ?? root,
    env: environment,
  });
  const [nanoseconds, kibibytes, code] = said.split(' ').map(Number);
  if (code !== 0) throw new Error(`${argv.slice(0, 4).join(' ')} … ended with ${code}\n${complaints}`);
  return { ms: nanoseconds / 1e6, mib: kibibytes / 1024 };
}

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

function summary(samples) {
  const ms = samples.map((one) => one.ms).sort((a, b) => a - b);
  return {
    median: quantile(ms, 0.5),
    low: quantile(ms, 0.1),
    high: quantile(ms, 0.9),
    mib: Math.max(...samples.map((one) => one.mib)),
  };
}

/** Runs the contenders in turns; each round begins with another one. */
function race(contenders, times) {
  for (const contender of contenders) for (let warm = 0; warm < 3; warm++) sample(contender);
  const samples = contenders.map(() => []);
  for (let round = 0; round < times; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (turn + round) % contenders.length;
      samples[index].push(sample(contenders[index]));
    }
  }
  return contenders.map((contender, index) => ({ name: contender.name, ...summary(samples[index]) }));
}

function print(title, rows, base) {
  const width = Math.max(...rows.map((row) => row.name.length));
  const reference = rows.find((row) => row.name === base);
  console.log(`\n${title}`);
  const memory = rows.some((row) => row.mib !== undefined);
  console.log(
    `  ${''.padEnd(width)}  median ms   (10 % – 90 %)     ratio${memory ? '   largest process' : ''}`,
  );
  for (const { name, median, low, high, mib } of rows) {
    const spread = `(${low.toFixed(1)} – ${high.toFixed(1)})`.padEnd(16);
    const ratio = `${(median / reference.median).toFixed(2)}×`;
    console.log(
      `  ${name.padEnd(width)}  ${median.toFixed(2).padStart(9)}   ${spread} ${ratio.padStart(6)}${memory ? `   ${mib.toFixed(1)} MiB` : ''}`,
    );
  }
}

function verdict(text, value, limit, unit) {
  console.log(
    `  ${value <= limit ? 'met' : 'MISSED'}: ${text}: ${value.toFixed(2)}${unit}, goal ≤ ${limit}${unit}`,
  );
}

async function planTrue(projectDir) {
  const outfile = join(work, 'plan-source.mjs');
  const entry = fileURLToPath(new URL('plan-source.ts', import.meta.url));
  const mainFields = ['module', 'main'];
  await build({
    entryPoints: [entry],
    bundle: true,
    outfile,
    format: 'esm',
    platform: 'node',
    mainFields,
    logLevel: 'warning',
  });
  return (await import(outfile)).planTrue(projectDir, environment, launcher);
}

async function benchLauncher(projectDir) {
  const { plan, frame, filter } = await planTrue(projectDir);
  writeFileSync(`${work}/frame`, frame);
  writeFileSync(`${work}/filter`, filter);
  const contenders = [
    { name: 'true', argv: ['true'] },
    { name: 'launcher', argv: [launcher], plan: `${work}/frame` },
  ];
  const bwrap = (name, args) => ({ name, argv: ['bwrap', ...args], fd9: `${work}/filter` });
  if (spawnSync('bwrap', ['--version']).error === undefined) {
    contenders.push(
      bwrap('bwrap, the same mounts', equivalent(plan, work)),
      bwrap('bwrap, by hand', handWritten(projectDir)),
    );
  } else console.log('bubblewrap is not installed: the launcher is measured alone');
  const rows = race(contenders, rounds);
  const base = rows.find((row) => row.name.startsWith('bwrap, the'))?.name ?? 'true';
  print(
    `The boundary around \`true\` (${plan.mounts.length} steps, ${plan.landlock?.rules.length ?? 0} Landlock rules)`,
    rows,
    base,
  );
  const of = (name) => rows.find((row) => row.name === name);
  if (base !== 'true') {
    verdict('launcher against bwrap with the same mounts', of('launcher').median / of(base).median, 0.6, '×');
    verdict('launcher against bwrap by hand', of('launcher').median / of('bwrap, by hand').median, 1, '×');
  }
  return of('launcher').mib;
}

function pinfoldRun(name, projectDir) {
  const argv = [
    process.execPath,
    join(root, 'dist/pinfold.cjs'),
    'run',
    '--project',
    projectDir,
    '--',
    'true',
  ];
  return { name, argv, cwd: projectDir };
}

function sandboxRuntime(home) {
  const settings = join(elsewhere, 'srt.json');
  const filesystem = { denyRead: [], allowWrite: [elsewhere], denyWrite: [] };
  writeFileSync(settings, JSON.stringify({ network: { allowedDomains: [], deniedDomains: [] }, filesystem }));
  const cli = join(home, 'node_modules/@anthropic-ai/sandbox-runtime/dist/cli.js');
  const argv = [process.execPath, cli, '--settings', settings, 'true'];
  return { name: 'sandbox-runtime, true', argv, cwd: elsewhere };
}

const SETTINGS =
  '{ "sandbox": { "deniedPaths": ["**/.env"], "environment": { "drop": ["FOO"] } } } // as most are\n';

function benchCommand(projectDir, launcherMib) {
  const settled = join(work, 'settled');
  run('git', ['init', '-q', settled]);
  mkdirSync(join(settled, '.pinfold'));
  writeFileSync(join(settled, '.pinfold/settings.json'), SETTINGS);
  const contenders = [
    { name: 'node -e 0', argv: [process.execPath, '-e', '0'] },
    pinfoldRun('pinfold run -- true', projectDir),
    pinfoldRun('the same, with a settings file', settled),
    ...(options.srt ? [sandboxRuntime(options.srt)] : []),
  ];
  const rows = race(contenders, Math.ceil(rounds / 2));
  print('The whole command', rows, 'node -e 0');
  verdict('pinfold run against node -e 0', rows[1].median / rows[0].median, 1.6, '×');
  verdict('with a settings file', rows[2].median / rows[0].median, 1.6, '×');
  verdict('memory, Node and launcher together', Math.max(rows[1].mib, rows[2].mib) + launcherMib, 55, ' MiB');
}

function fill(directory, folders, files) {
  for (let folder = 0; folder < folders; folder++) {
    mkdirSync(`${directory}/folder-${folder}/inner`, { recursive: true });
    for (let file = 0; file < files; file++)
      writeFileSync(`${directory}/folder-${folder}/inner/file-${file}.txt`, '');
  }
}

function benchLargeProject(small) {
  const large = join(work, 'large');
  mkdirSync(large);
  fill(large, 1000, 100);
  const rows = race(
    [pinfoldRun('few files', small), pinfoldRun('100,000 files', large)],
    Math.ceil(rounds / 4),
  );
  print('A large project', rows, 'few files');
  verdict('what 100,000 files add', rows[1].median - rows[0].median, 100, ' ms');
}

try {
  run(process.execPath, [join(root, 'scripts/build.mjs')]);
  run('cc', ['-O2', '-o', join(work, 'stopwatch'), fileURLToPath(new URL('stopwatch.c', import.meta.url))]);
  const project = join(work, 'project');
  mkdirSync(project);
  run('git', ['init', '-q', project]);
  const launcherMib = await benchLauncher(project);
  benchCommand(project, launcherMib);
  benchLargeProject(project);
  Object.assign(process.env, environment);
  await benchLibrary(project, rounds, { print, verdict });
} finally {
  rmSync(elsewhere, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
}

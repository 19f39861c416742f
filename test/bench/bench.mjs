/**
 * Whole-process timings, side by side: `npm run bench [-- --rounds N --srt DIR --picture FILE]`.
 * `--srt`: a directory whose node_modules has @anthropic-ai/sandbox-runtime. `--picture`: an SVG of the medians.
 *
 * The contenders of a table take turns within each round, so that whatever else the machine does hits all of them;
 * medians are compared and the spread is shown. Compare ratios, not milliseconds.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { equivalent, handWritten } from './bwrap-args.mjs';
import { benchLibrary } from './library.mjs';
import { runningOthers, startingOthers } from './other-boundaries.mjs';
import { pictureOf } from './picture.mjs';
import { print, Rounds, run, verdict } from './rounds.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    srt: { type: 'string' },
    picture: { type: 'string' },
  },
});
const rounds = Number(options.rounds);
const work = mkdtempSync(join(tmpdir(), 'pinfold-bench-'));
/** Beneath the home, since sandbox-runtime's own rules are about what lies there; it leaves files where it runs. */
const elsewhere = mkdtempSync(join(homedir(), 'pinfold-bench-'));
const launcher = join(root, 'dist/pinfold-launcher');
const environment = { ...process.env, XDG_STATE_HOME: `${work}/state`, XDG_DATA_HOME: `${work}/data` };
const contest = new Rounds({ stopwatch: join(work, 'stopwatch'), environment, cwd: root });

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
  const rows = contest.race(contenders, rounds);
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
  return { launcherMib: of('launcher').mib, boundaries: rows };
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
  const rows = contest.race(contenders, Math.ceil(rounds / 2));
  print('The whole command', rows, 'node -e 0');
  verdict('pinfold run against node -e 0', rows[1].median / rows[0].median, 1.6, '×');
  verdict('with a settings file', rows[2].median / rows[0].median, 1.6, '×');
  verdict('memory, Node and launcher together', Math.max(rows[1].mib, rows[2].mib) + launcherMib, 55, ' MiB');
}

/** Whole commands, from their start to the end of `true` in them. */
function benchOthers(projectDir) {
  const contenders = [
    { name: 'true', argv: ['true'] },
    { name: 'bwrap, by hand', argv: ['bwrap', ...handWritten(projectDir)], fd9: `${work}/filter` },
    ...startingOthers(work),
    pinfoldRun('pinfold run', projectDir),
    ...(options.srt ? [sandboxRuntime(options.srt)] : []),
  ];
  const rows = contest.race(contenders, Math.ceil(rounds / 2));
  print('Boundaries of others, the whole command', rows, 'pinfold run');
  return rows;
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
  const rows = contest.race(
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
  const { launcherMib, boundaries } = await benchLauncher(project);
  benchCommand(project, launcherMib);
  const whole = benchOthers(project);
  benchLargeProject(project);
  Object.assign(process.env, environment);
  const others = runningOthers(work);
  try {
    const { commands } = await benchLibrary(project, rounds, { print, verdict, running: others.contenders });
    const charts = [
      { title: 'A command in a session that runs, from Node', rows: commands },
      { title: 'A boundary around one command, from start to end', rows: whole },
      { title: 'The boundary alone', rows: boundaries },
    ];
    if (options.picture) writeFileSync(options.picture, pictureOf(charts));
  } finally {
    others.end();
  }
} finally {
  rmSync(elsewhere, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
}

/** Bundles `src/` into `dist/`: CommonJS files for the command line, and the library in both module formats. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { writeManual } from './manual.mjs';
import { finishedPrograms, PROGRAMS_FILE, seccompPrograms } from './seccomp-programs.mjs';

/**
 * What a plain run does not need, by the file it is bundled into. CommonJS starts faster than ESM, but esbuild splits only
 * ESM. So each is a bundle of its own, and its `import()` becomes a `require` that runs when it is first wanted.
 */
const LAZY = {
  'src/cli/commands/index.ts': 'commands.cjs',
  'src/session/sandbox-network.ts': 'network.cjs',
  'src/session/tier-network.ts': 'tier-network.cjs',
  'src/session/macos-run.ts': 'macos.cjs',
  'src/session/open-paths.ts': 'open-paths.cjs',
  'src/cli/agent-run.ts': 'agents.cjs',
  'src/cli/asked-run.ts': 'asking.cjs',
  'src/cli/keeper.ts': 'keeper.cjs',
  'src/cli/keeper-start.ts': 'keeper-start.cjs',
  'src/cli/detached-run.ts': 'detached.cjs',
  'src/session/control-server.ts': 'control.cjs',
  'src/session/linux-abilities.ts': 'abilities.cjs',
  'src/session/limit-keeper.ts': 'limits.cjs',
  'src/session/violation-book.ts': 'violations.cjs',
  'src/session/git-config-desk.ts': 'git-config.cjs',
  'src/session/new-git.ts': 'new-git.cjs',
  'src/session/questions.ts': 'questions.cjs',
  'src/session/run-sockets.ts': 'sockets.cjs',
  'src/agents/catalogue.ts': 'catalogue.cjs',
  'src/agents/layer.ts': 'agent-layer.cjs',
};

function lazyParts(root) {
  const files = new Map(Object.entries(LAZY).map(([entry, file]) => [resolve(root, entry), `./${file}`]));
  return {
    name: 'lazy-parts',
    setup(build) {
      build.onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, resolveDir, kind }) => {
        const file = kind === 'dynamic-import' ? files.get(resolve(resolveDir, path)) : undefined;
        return file === undefined ? undefined : { path: file, external: true };
      });
    },
  };
}

/** As Node wraps what it loads; entry.ts loads this one, and need not copy it to do so. */
const WRAPPED = {
  banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
  footer: { js: '})' },
};

function outputs(root) {
  const commandLine = { format: 'cjs', plugins: [lazyParts(root)] };
  return [
    { entry: 'src/cli/entry.ts', file: 'dist/pinfold.cjs', mode: 0o755, ...commandLine },
    { entry: 'src/cli/main.ts', file: 'dist/main.cjs', ...WRAPPED, ...commandLine },
    ...Object.entries(LAZY).map(([entry, file]) => ({ entry, file: `dist/${file}`, ...commandLine })),
    { entry: 'src/doctor/macos/probe.ts', file: 'dist/doctor-probe.cjs', format: 'cjs' },
    { entry: 'src/index.ts', file: 'dist/index.cjs', format: 'cjs' },
    { entry: 'src/index.ts', file: 'dist/index.js', format: 'esm' },
  ].filter(({ entry }) => existsSync(`${root}/${entry}`));
}

async function loadBundler() {
  try {
    return await import('esbuild');
  } catch (error) {
    if (error?.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

function settings(root, bundler, { entry, file, format, plugins, banner = {}, footer = {} }) {
  const cjs = format === 'cjs';
  return {
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format,
    plugins: [...(plugins ?? []), seccompPrograms(root, bundler)],
    // jsonc-parser's "main" is a UMD file that no bundler can follow.
    mainFields: ['module', 'main'],
    minifyWhitespace: true,
    minifySyntax: true,
    minifyIdentifiers: cjs && plugins !== undefined,
    legalComments: 'inline',
    // import() of a CommonJS file goes through the ESM loader, which costs milliseconds; require does not.
    supported: cjs ? { 'dynamic-import': false } : {},
    define: cjs ? { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' } : {},
    banner,
    footer,
    logLevel: 'warning',
  };
}

function replaceFile(path, contents, mode) {
  const aside = `${dirname(path)}/.${basename(path)}.${process.pid}`;
  writeFileSync(aside, contents);
  chmodSync(aside, mode);
  renameSync(aside, path);
}

export async function buildBundles(root) {
  const wanted = outputs(root);
  const bundler = await loadBundler();
  if (bundler === undefined) {
    const missing = wanted.filter(({ file }) => !existsSync(`${root}/${file}`));
    if (missing.length === 0) return;
    throw new Error(
      `esbuild is not installed and ${missing[0].file} was never built; run "npm ci" without --omit=dev once`,
    );
  }
  await Promise.all(
    wanted.map(async (output) => {
      const { outputFiles } = await bundler.build(settings(root, bundler, output));
      replaceFile(`${root}/${output.file}`, outputFiles[0].contents, output.mode ?? 0o644);
    }),
  );
  const { programs } = await finishedPrograms(root, bundler, '');
  replaceFile(`${root}/dist/${PROGRAMS_FILE}`, programs, 0o644);
  await writeManual(root, bundler);
  writeCodeCache(root);
}

/** So that the cache holds what reads settings too. */
const SETTINGS = `{
  // What most projects say.
  "sandbox": {
    "mode": "standard",
    "deniedPaths": ["**/.env", "./secrets"],
    "allowedPaths": [{ "path": "./build", "mode": "write" }],
    "networkAccess": "none",
    "allowedDomains": ["*.example.com:443"],
    "environment": { "drop": ["FOO"] },
  },
}
`;

/**
 * Runs the command line once in a throwaway home and keeps what V8 compiled. It fits the Node that built it; another one
 * rejects it and compiles anew, so a failure here costs milliseconds later and nothing else.
 */
function writeCodeCache(root) {
  const home = mkdtempSync(`${tmpdir()}/pinfold-build-`);
  const cache = `${home}/main.cache`;
  const kept = `${root}/dist/main-${process.arch}.cache`;
  const project = `${home}/project`;
  mkdirSync(`${project}/.pinfold`, { recursive: true });
  writeFileSync(`${project}/.pinfold/settings.json`, SETTINGS);
  const words = ['-r', `${root}/scripts/code-cache.cjs`, `${root}/dist/pinfold.cjs`, 'run', '--', 'true'];
  spawnSync(process.execPath, words, {
    cwd: project,
    env: { PATH: process.env.PATH, HOME: home, PINFOLD_CODE_CACHE: cache },
    stdio: 'ignore',
    timeout: 30_000,
  });
  if (existsSync(cache)) replaceFile(kept, readFileSync(cache), 0o644);
  else rmSync(kept, { force: true });
  rmSync(home, { recursive: true, force: true });
}

/** The declarations of the library, one file per source file. */
export function buildTypes(root) {
  if (!existsSync(`${root}/src/index.ts`)) return;
  const compiler = resolve(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(
    process.execPath,
    [compiler, '-p', resolve(root, 'scripts/types.tsconfig.json')],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) throw new Error('the declarations of the library could not be written');
}

/**
 * Makes the packages that are published: `npm run package [-- --out DIRECTORY] [--arch x64]...`.
 *
 * `pinfold` itself holds no machine code. What the kernel is told is told by static programs, one package for each kind of
 * machine, which npm chooses by `os` and `cpu`. All have one version and ask for exactly it; none has an install script.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildBundles, buildTypes } from './bundles.mjs';
import { buildProgram } from './programs.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const PROGRAMS = ['launcher', 'doctor-probe'];
/** For the machine that packs its own compiler serves; CC_X64 and CC_ARM64 name others. */
const CROSS_COMPILERS = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' };
/** Not for other machines: machine code, and what V8 compiled for this very Node. */
const STAYS = /(^|\/)(pinfold-(launcher|doctor-probe)|\.[^/]*-stamp|[^/]*\.cache)$/;

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'packages') },
    arch: { type: 'string', multiple: true, default: Object.keys(CROSS_COMPILERS) },
  },
});

function compilerFor(arch) {
  const own = arch === process.arch ? process.env.CC || 'cc' : CROSS_COMPILERS[arch];
  if (own === undefined) throw new Error(`there is no launcher for "${arch}"`);
  return process.env[`CC_${arch.toUpperCase()}`] ?? own;
}

function pack(directory, out) {
  const { status, stdout, error } = spawnSync('npm', ['pack', '--json', '--pack-destination', out], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`npm pack ended with ${status} in ${directory}`);
  const [packed] = Object.values(JSON.parse(stdout));
  process.stdout.write(`${packed.filename}\t${packed.size} bytes, ${packed.unpackedSize} unpacked\n`);
}

function platformPackage(arch, own, staging) {
  const directory = join(staging, arch);
  mkdirSync(directory);
  for (const name of PROGRAMS) {
    try {
      buildProgram(root, name, { force: true, directory, compiler: compilerFor(arch) });
    } catch (error) {
      throw new Error(`for ${arch} (CC_${arch.toUpperCase()} names another compiler): ${error.message}`);
    }
    rmSync(join(directory, `.${name}-stamp`));
  }
  cpSync(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  const { version, license } = own;
  const name = `@pinfold/launcher-linux-${arch}`;
  const text = `# ${name}\n\nThe programs with which [pinfold](https://www.npmjs.com/package/pinfold) makes its boundary on Linux, for ${arch}: static, without dependencies, installed by it.\n`;
  writeFileSync(join(directory, 'README.md'), text);
  writeJson(join(directory, 'package.json'), {
    name,
    version,
    description: `The launcher of pinfold for Linux on ${arch}`,
    license,
    os: ['linux'],
    cpu: [arch],
    files: PROGRAMS.map((each) => `pinfold-${each}`),
  });
  return [name, directory];
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Dependencies are bundled, and not installed a second time; their licences go along. */
function bundledLicences(own) {
  return Object.keys(own.dependencies)
    .map((name) => `${name}\n\n${readFileSync(join(root, 'node_modules', name, 'LICENSE.md'), 'utf8')}`)
    .join('\n\n');
}

function mainPackage(own, platforms, staging) {
  const directory = join(staging, 'pinfold');
  for (const part of ['dist', 'schema']) {
    cpSync(join(root, part), join(directory, part), { recursive: true, filter: (path) => !STAYS.test(path) });
  }
  for (const file of ['README.md', 'LICENSE']) cpSync(join(root, file), join(directory, file));
  writeFileSync(join(directory, 'dist/LICENSES.txt'), bundledLicences(own));
  const { scripts, dependencies, devDependencies, files, ...rest } = own;
  writeJson(join(directory, 'package.json'), {
    ...rest,
    files: files.filter((file) => file !== 'native' && file !== 'scripts'),
    optionalDependencies: Object.fromEntries(platforms.map(([name]) => [name, own.version])),
  });
  return directory;
}

const out = resolve(options.out);
const staging = mkdtempSync(join(tmpdir(), 'pinfold-package-'));
try {
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  mkdirSync(out, { recursive: true });
  await buildBundles(root);
  buildTypes(root);
  const platforms = options.arch.map((arch) => platformPackage(arch, own, staging));
  for (const directory of [...platforms.map(([, each]) => each), mainPackage(own, platforms, staging)]) {
    pack(directory, out);
  }
} catch (error) {
  process.stderr.write(`package: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(staging, { recursive: true, force: true });
}

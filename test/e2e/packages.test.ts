/** The packages that are published: installed by npm, without network, on a machine that has Node, a shell and no compiler. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { makeWorld, people, type Ran, repository, type World } from '../fixtures/world.ts';

const run = promisify(execFile);
const packages = mkdtempSync(join(tmpdir(), 'pinfold-packages-'));
const version = (JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string })
  .version;
const main = `pinfold-${version}.tgz`;
const launcher = `pinfold-launcher-linux-${process.arch}-${version}.tgz`;

/** As `SOURCE=PLACE`: a shell, and the libraries that it and Node are linked with. */
async function programs(node: string): Promise<string[]> {
  const { stdout } = await run('ldd', [node, '/bin/sh']);
  const libraries = new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!));
  const shell = ['/usr/bin/sh', '/bin/sh'].map((place) => `${realpathSync('/bin/sh')}=${place}`);
  return [
    `${node}=/usr/bin/node`,
    ...shell,
    ...[...libraries].map((path) => `${realpathSync(path)}=${path}`),
  ];
}

async function npmDirectory(): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'readlink -f "$(command -v npm)"']);
  return resolve(stdout.trim(), '../..');
}

beforeAll(async () => {
  chmodSync(packages, 0o755);
  const words = ['scripts/package.mjs', '--arch', process.arch, '--out', packages];
  await run(process.execPath, words, { cwd: repository });
  for (const name of readdirSync(packages)) chmodSync(join(packages, name), 0o644);
}, 600_000);
afterAll(() => rmSync(packages, { recursive: true, force: true }));

describe.each(people)('as $label', (person) => {
  let world: World;
  let machine: (script: string) => Promise<Ran>;
  beforeAll(async () => {
    world = await makeWorld(person);
    const npm = await npmDirectory();
    const shown = [
      ...(await programs(realpathSync(world.node))),
      `${npm}=/usr/lib/npm`,
      `${packages}=/packages`,
    ];
    const fixture = join(repository, 'test/fixtures/bare-root.py');
    machine = (script) => {
      const root = mkdtempSync(join(world.root, 'machine-'));
      chmodSync(root, 0o777);
      return world.run(['python3', fixture, root, ...shown, '--', '/usr/bin/sh', '-c', script]);
    };
  });
  afterAll(() => world.dispose());

  const install = (...names: string[]) =>
    `node /usr/lib/npm/bin/npm-cli.js install --offline --no-audit --no-fund ${names.map((name) => `/packages/${name}`).join(' ')} >&2`;

  test('install without a compiler, then run and serve as a library', async () => {
    const program = `import('pinfold').then(async ({ createSandbox }) => {
      const sandbox = await createSandbox();
      console.log((await sandbox.run('node', ['-p', '6 * 7'])).stdout);
      await sandbox.close();
    })`;
    const script = [
      'command -v cc gcc clang',
      install(main, launcher),
      'node node_modules/.bin/pinfold run -- node -p "1 + 1"',
      `node -e "${program}"`,
      "node -p \"['package.json', 'dist/pinfold.1', 'dist/types/src/index.d.ts'].every((each) => fs.existsSync('node_modules/pinfold/' + each))\"",
    ].join('\n');
    const { code, stdout, stderr } = await machine(script);
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '2\n42\n\ntrue\n' });
  });

  test('without the package of this kind of machine nothing runs, and the message says what is missing', async () => {
    const { code, stdout, stderr } = await machine(
      `${install(main)}\nnode node_modules/.bin/pinfold run -- node -p 2`,
    );
    expect([code, stdout]).toEqual([125, '']);
    expect(stderr).toContain('pinfold: Cannot start the launcher');
    expect(stderr).toContain('no --omit=optional, no copied node_modules');
    expect(stderr).toContain('ERR_LAUNCHER_MISSING');
  });

  test('a launcher for another processor ends the run, and the message says so', async () => {
    const bytes = readFileSync(join(inject('install'), 'dist/pinfold-launcher'));
    bytes.writeUInt16LE(22, 18); // e_machine of elf(5): EM_S390
    const foreign = join(world.root, 'foreign');
    writeFileSync(foreign, bytes, { mode: 0o755 });
    const words = ['run', '--', 'echo', 'ran'];
    const refused = await world.pinfold(words, { env: { PINFOLD_LAUNCHER: foreign } });
    expect(refused).toMatchObject({ code: 125, stdout: '' });
    expect(refused.stderr).toContain(`${foreign} is not a program for this processor (${process.arch})`);
    expect(refused.stderr).toContain('ERR_LAUNCHER_MISSING');
    // The control: the same bytes, for this one.
    copyFileSync(join(inject('install'), 'dist/pinfold-launcher'), foreign);
    expect(await world.pinfold(words, { env: { PINFOLD_LAUNCHER: foreign } })).toMatchObject({
      code: 0,
      stdout: 'ran\n',
    });
  });
});

test('all have one version, ask for exactly it, and run nothing when they are installed', async () => {
  const manifest = async (name: string) => {
    const { stdout } = await run('tar', ['-xzOf', join(packages, name), 'package/package.json']);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const [own, programPackage] = [await manifest(main), await manifest(launcher)];
  const name = `@pinfold/launcher-linux-${process.arch}`;
  expect(own).toMatchObject({ version, optionalDependencies: { [name]: version } });
  expect(programPackage).toMatchObject({ name, version, os: ['linux'], cpu: [process.arch] });
  expect([own.scripts, own.dependencies, programPackage.scripts]).toEqual([undefined, undefined, undefined]);
  const listed = (await run('tar', ['-tzf', join(packages, main)])).stdout;
  expect(listed).not.toMatch(/dist\/pinfold-|\.cache|-stamp|native\//);
});

/** Rows of what must keep working with a network, by their ids: it does where the mode has one, and says what is missing elsewhere. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

const ORIGIN = 'http://allowed.test:8080/files';
const FETCH = 'fetch(process.argv[1]).then((answer) => answer.text()).then(console.log)';
const URLLIB = 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())';
const WHEEL = 'library-1.0-py3-none-any.whl';
/** A wheel with one module. */
const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('library.py', 'print("wheel")\\n')
    wheel.writestr('library-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: library\\nVersion: 1.0\\n')
    wheel.writestr('library-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('library-1.0.dist-info/RECORD', '')`;

interface Row {
  readonly id: string;
  readonly what: string;
  readonly script: string;
  readonly prints: string;
  /** Where no name is reachable. */
  readonly refused: RegExp;
}

const ROWS: readonly Row[] = [
  {
    id: 'Z-08',
    what: 'npm ci',
    script:
      'rm -rf node_modules; npm ci --silent --no-audit --no-fund --fetch-retries=0 --cache "$TMPDIR/npm"; node -e "require(\'library\')"',
    prints: 'package\n',
    refused: /Cannot find module 'library'/,
  },
  {
    id: 'Z-08',
    what: 'pip install',
    script: `/usr/bin/python3 -m pip install -q --retries 0 --no-cache-dir --target "$TMPDIR/pip" ${ORIGIN}/${WHEEL} && PYTHONPATH="$TMPDIR/pip" /usr/bin/python3 -c "import library"`,
    prints: 'wheel\n',
    refused: /NewConnectionError|Failed to resolve|Name or service not known/,
  },
  {
    id: 'Z-16',
    what: 'curl',
    script: `curl -sS ${ORIGIN}/text`,
    prints: 'text\n',
    refused: /Could not resolve host: allowed\.test/,
  },
  {
    id: 'Z-16',
    what: 'git clone',
    script: `git clone -q ${ORIGIN}/repo.git "$TMPDIR/clone" && cat "$TMPDIR/clone/f"; rm -rf "$TMPDIR/clone"`,
    prints: 'cloned\n',
    refused: /Could not resolve host: allowed\.test/,
  },
  {
    id: 'Z-16',
    what: 'Node’s fetch',
    script: `node -e '${FETCH}' ${ORIGIN}/text`,
    prints: 'text\n\n',
    refused: /ENOTFOUND/,
  },
  {
    id: 'Z-16',
    what: 'Python’s urllib',
    script: `/usr/bin/python3 -c '${URLLIB}' ${ORIGIN}/text`,
    prints: 'text\n\n',
    refused: /Name or service not known/,
  },
];

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Each word as a script, what it prints and its code between marks, what it says after them. */
const ALL =
  'for row in "$@"; do echo "@@"; sh -c "$row" 2> "$TMPDIR/said"; echo "@= $?"; cat "$TMPDIR/said"; done';

function outcomes(text: string): Outcome[] {
  const parts = text.split(/^@@\n/m).slice(1);
  return parts.map((part) => {
    const [, stdout, code, stderr] = /^([\s\S]*?)^@= (\d+)\n([\s\S]*)$/m.exec(part)!;
    return { stdout: stdout!, code: Number(code), stderr: stderr! };
  });
}

let net: NetworkWorld;

function makeFiles(): void {
  const at = (name: string) => join(net.files, name);
  writeFileSync(at('text'), 'text\n');
  execFileSync('/usr/bin/python3', ['-c', MAKE_WHEEL, at(WHEEL)]);
  mkdirSync(join(net.directory, 'npm/package'), { recursive: true });
  writeFileSync(join(net.directory, 'npm/package/package.json'), '{ "name": "library", "version": "1.0.0" }');
  writeFileSync(join(net.directory, 'npm/package/index.js'), 'console.log("package");\n');
  execFileSync('tar', ['-C', join(net.directory, 'npm'), '-czf', at('library.tgz'), 'package']);
  const work = join(net.directory, 'work');
  const git = (...args: string[]) => execFileSync('git', args, { stdio: 'pipe' });
  git('init', '-q', '-b', 'main', work);
  writeFileSync(join(work, 'f'), 'cloned\n');
  git('-C', work, 'add', '.');
  git('-C', work, '-c', 'user.name=P', '-c', 'user.email=p@example.com', 'commit', '-qm', 'Begin');
  git('clone', '-q', '--bare', work, at('repo.git'));
  git('-C', at('repo.git'), 'update-server-info');
}

beforeAll(async () => {
  net = await makeNetworkWorld();
  makeFiles();
}, 120_000);
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  const prepare = async (): Promise<void> => {
    world = await makeWorld(person, net.host);
    const integrity = `sha512-${createHash('sha512')
      .update(readFileSync(join(net.files, 'library.tgz')))
      .digest('base64')}`;
    const library = { version: '1.0.0', resolved: `${ORIGIN}/library.tgz`, integrity };
    const root = { name: 'app', version: '1.0.0', dependencies: { library: '1.0.0' } };
    const lock = {
      name: 'app',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: { '': root, 'node_modules/library': library },
    };
    world.put(join(world.project, 'package.json'), JSON.stringify(root));
    world.put(join(world.project, 'package-lock.json'), JSON.stringify(lock));
  };
  afterAll(() => world.dispose());

  /** By the row's number. */
  const met = new Map<string, Outcome[]>();
  const runAll = async (name: string, run: (argv: readonly string[]) => Promise<Ran>): Promise<void> => {
    await net.visits();
    const { stdout } = await run(['sh', '-c', ALL, 'sh', ...ROWS.map(({ script }) => script)]);
    met.set(name, outcomes(stdout));
    visited.set(name, (await net.visits()).length > 0);
  };
  const visited = new Map<string, boolean>();
  beforeAll(async () => {
    await prepare();
    const TMPDIR = join(world.root, 'temporary');
    world.put(join(TMPDIR, 'none'));
    await runAll('outside', (argv) => world.run(argv, { env: { TMPDIR } }));
    const open = ['--mode', 'permissive', '--allow-domain', 'allowed.test'];
    await runAll('open', (argv) => world.inside(argv, open));
    for (const mode of MODES) await runAll(mode, (argv) => world.inside(argv, ['--mode', mode]));
  }, 180_000);

  test.each(ROWS.map((row, at) => ({ ...row, at })))(
    '$id: $what works outside, and inside where the mode lets it',
    ({ at, prints, refused }) => {
      for (const name of ['outside', 'open']) {
        const { code, stdout, stderr } = met.get(name)![at]!;
        expect([name, code, stdout], stderr).toEqual([name, 0, prints]);
      }
      for (const mode of MODES) {
        const { stdout, stderr } = met.get(mode)![at]!;
        expect([mode, stdout]).toEqual([mode, '']);
        expect(stderr).toMatch(refused);
      }
    },
  );

  test('Z-08, Z-16: somebody outside is reached exactly where it works', () => {
    expect(Object.fromEntries(visited)).toEqual({
      ...{ outside: true, open: true },
      ...{ strict: false, standard: false, permissive: false },
    });
  });
});

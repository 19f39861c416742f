/** Real work, done twice from the same start: outside, and inside `standard`. Exit code, output, files and status must agree. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareWork } from '../fixtures/same-work.ts';
import { onTerminal, type Step, sandboxed } from '../fixtures/terminal.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
  });
  afterEach(() => world.dispose());

  const compare = (script: string, except: readonly string[] = [], flags: readonly string[] = []) =>
    compareWork(world, script, { except, flags });

  test('npm ci and npm test of a project with a packed dependency', async () => {
    world.put(
      `${world.root}/library/package.json`,
      '{ "name": "library", "version": "1.0.0", "main": "main.js" }',
    );
    world.put(`${world.root}/library/main.js`, 'exports.double = (n) => n * 2;\n');
    const manifest = {
      name: 'app',
      version: '1.0.0',
      scripts: { test: 'node --test' },
      dependencies: { library: 'file:library.tgz' },
    };
    world.put(`${world.project}/package.json`, JSON.stringify(manifest));
    world.put(
      `${world.project}/test/double.test.js`,
      "const { test } = require('node:test'); const { double } = require('library');\ntest('doubles', () => { if (double(2) !== 4) throw new Error('no'); });\n",
    );
    world.put(`${world.project}/.gitignore`, 'node_modules\n');
    const prepare =
      'cd ../library && npm pack --silent && mv library-1.0.0.tgz ../project/library.tgz && cd ../project && npm install --offline --silent && rm -rf node_modules && git add -A && git commit -q -m App';
    const prepared = await world.run(['sh', '-c', prepare]);
    expect(prepared.code, prepared.stderr + prepared.stdout).toBe(0);
    const script =
      'npm ci --offline --silent --no-audit --no-fund && npm test --silent 2>&1 | grep -E "^(# |ℹ )(pass|fail)"';
    const { outside } = await compare(script, ['node_modules/.package-lock.json']);
    expect(outside.stdout).toMatch(/pass 1/);
  });

  test('git clone of a local repository, commit, rebase and worktree', async () => {
    await world.run([
      'sh',
      '-c',
      'git clone -q --bare . vendor.git && git add -A && git commit -q -m Vendor',
    ]);
    const script = [
      'test -n "$TMPDIR" && git clone -q ./vendor.git "$TMPDIR/clone" && cd "$TMPDIR/clone"',
      'git checkout -q -b topic && echo one > one && git add one && git commit -q -m One',
      'git checkout -q main && echo two > two && git add two && git commit -q -m Two',
      'git checkout -q topic && git rebase -q main && git log --format=%s',
      'git worktree add -q ../second main && git -C ../second log --format=%s -1 && git status --porcelain',
    ].join(' && ');
    const { outside } = await compare(script);
    expect(outside).toMatchObject({ code: 0, stdout: 'One\nTwo\nBegin\nTwo\n' });
  });

  test('commit, rebase and branches in the project itself', async () => {
    const script = [
      'git checkout -q -b topic && echo one > one && git add one && git commit -q -m One',
      'git checkout -q main && echo two > two && git add two && git commit -q -m Two',
      'git checkout -q topic && git rebase -q main && git log --format=%s && git gc -q && git fsck --strict 2>/dev/null',
    ].join(' && ');
    const { outside } = await compare(script);
    expect(outside).toMatchObject({ code: 0, stdout: 'One\nTwo\nBegin\n' });
  });

  test('a virtual environment, unittest and multiprocessing of Python', async () => {
    world.put(
      `${world.project}/test_pool.py`,
      [
        'import multiprocessing, unittest',
        'def square(n):',
        '    return n * n',
        'class Pool(unittest.TestCase):',
        '    def test_pool(self):',
        '        with multiprocessing.Pool(2) as pool:',
        '            self.assertEqual(pool.map(square, range(5)), [0, 1, 4, 9, 16])',
        '    def test_queue(self):',
        '        queue = multiprocessing.Queue()',
        '        child = multiprocessing.Process(target=queue.put, args=(7,))',
        '        child.start(); child.join()',
        '        self.assertEqual(queue.get(), 7)',
      ].join('\n'),
    );
    const script =
      'python3 -m venv --without-pip env && . env/bin/activate && python -B -m unittest -q test_pool 2>&1 | grep -v "^Ran" && python -c "import sys; print(sys.prefix)"';
    const { outside } = await compare(script, ['env/pyvenv.cfg']);
    expect(outside.stdout).toContain('OK');
  });

  test('a C program by make', async () => {
    world.put(
      `${world.project}/main.c`,
      '#include <stdio.h>\nint add(int, int);\nint main(void) { printf("%d\\n", add(2, 3)); return 0; }\n',
    );
    world.put(`${world.project}/add.c`, 'int add(int a, int b) { return a + b; }\n');
    world.put(`${world.project}/Makefile`, 'main: main.o add.o\n\tcc -o $@ $^\n%.o: %.c\n\tcc -c -o $@ $<\n');
    const { outside } = await compare('make -s -j2 && ./main');
    expect(outside).toMatchObject({ code: 0, stdout: '5\n' });
  });

  test('SQLite with a write-ahead log, two connections', async () => {
    const script = `python3 -c "
import sqlite3
a = sqlite3.connect('data.db'); b = sqlite3.connect('data.db')
print(a.execute('pragma journal_mode=wal').fetchone()[0])
a.execute('create table t(n)'); a.executemany('insert into t values (?)', [(n,) for n in range(100)]); a.commit()
print(b.execute('select sum(n) from t').fetchone()[0])
b.execute('insert into t values (1)'); b.commit()
print(a.execute('select count(*) from t').fetchone()[0])
a.close(); b.close()
"`;
    const { outside } = await compare(script, ['data.db']);
    expect(outside).toMatchObject({ code: 0, stdout: 'wal\n4950\n101\n' });
  });

  test('a watcher sees a change and starts again', async () => {
    world.put(`${world.project}/app.js`, "console.log('version 1');\n");
    const script = [
      'node --watch --watch-preserve-output app.js > watch.log 2>&1 & watcher=$!',
      'until grep -q "version 1" watch.log; do sleep 0.05; done; sleep 0.2',
      'echo "console.log(\'version 2\');" > app.js',
      'until grep -q "version 2" watch.log; do sleep 0.05; done',
      'kill $watcher; wait $watcher 2>/dev/null; grep -o "version ." watch.log | sort -u; rm watch.log',
    ].join('\n');
    const { outside } = await compare(script);
    expect(outside.stdout).toBe('version 1\nversion 2\n');
  });

  test('Node’s child processes, workers and file watching', async () => {
    world.put(
      `${world.project}/many.js`,
      [
        "const { execFileSync, fork } = require('child_process'); const { Worker } = require('worker_threads');",
        "if (process.argv[2]) { process.send('child'); process.disconnect(); } else {",
        "console.log(execFileSync('echo', ['spawned']).toString().trim());",
        "fork(__filename, ['x']).on('message', (m) => { console.log(m);",
        "new Worker('require(\\'worker_threads\\').parentPort.postMessage(\\'worker\\')', { eval: true }).on('message', console.log); }); }",
      ].join('\n'),
    );
    const { outside } = await compare('node many.js');
    expect(outside.stdout).toBe('spawned\nchild\nworker\n');
  });

  test('a cargo build of a crate without dependencies', async () => {
    const sysroot = rustSysroot();
    if (sysroot === undefined) {
      expect(process.env.CI, 'cargo is required under CI').not.toBe('true');
      return;
    }
    // The tool chain may lie in a home that this person may not enter, so they get a copy (of links where possible).
    const tools = `${world.root}/rust`;
    mkdirSync(tools);
    for (const part of ['bin', 'lib']) {
      try {
        execFileSync('cp', ['-al', `${sysroot}/${part}`, `${tools}/${part}`], { stdio: 'ignore' });
      } catch {
        execFileSync('cp', ['-a', `${sysroot}/${part}`, `${tools}/${part}`]);
      }
    }
    world.put(
      `${world.project}/Cargo.toml`,
      '[package]\nname = "crate"\nversion = "0.1.0"\nedition = "2021"\n',
    );
    world.put(`${world.project}/src/main.rs`, 'fn main() { println!("from rust"); }\n');
    const script = `PATH=${tools}/bin:$PATH cargo build --offline --quiet 2>/dev/null && ./target/debug/crate`;
    const { outside } = await compare(script, ['target', 'Cargo.lock'], ['--allow', `${tools}:ro`]);
    expect(outside).toMatchObject({ code: 0, stdout: 'from rust\n' });
  }, 180_000);

  test('vim edits and saves, less pages, on a terminal', async () => {
    world.put(
      `${world.project}/text`,
      Array.from({ length: 200 }, (_, line) => `line ${line + 1}`).join('\n'),
    );
    const vim: Step[] = [
      { expect: 'line 1' },
      { send: 'ggOfirst line\x1b' },
      { expect: 'first line' },
      { send: ':wq\r' },
    ];
    const edited = await onTerminal(
      world,
      sandboxed(['vim', '-u', 'NONE', 'text'], ['--mode', 'standard']),
      vim,
    );
    expect(edited).toMatchObject({ code: 0, modesKept: true });
    expect(edited.failedAt).toBeUndefined();
    expect(readFileSync(`${world.project}/text`, 'utf8')).toMatch(/^first line\nline 1\n/);
    const less: Step[] = [{ expect: 'line 5' }, { send: 'G' }, { expect: 'line 200' }, { send: 'q' }];
    const paged = await onTerminal(world, sandboxed(['less', 'text'], ['--mode', 'standard']), less);
    expect(paged).toMatchObject({ code: 0, modesKept: true });
    expect(paged.failedAt).toBeUndefined();
  });

  test('git’s pager and a commit message by an editor, on a terminal', async () => {
    const log = await onTerminal(world, sandboxed(['git', 'log'], ['--mode', 'standard']), [
      { expect: 'Begin' },
      { send: 'q' },
    ]);
    expect(log).toMatchObject({ code: 0, modesKept: true });
    // Wide enough that the path fits: else vim asks for a key more.
    const steps: Step[] = [
      { resize: [24, 200] },
      { expect: 'Please enter the commit message' },
      { send: 'iBy hand\x1b:wq\r' },
    ];
    const argv = sandboxed(
      ['git', '-c', 'core.editor=vim -u NONE', 'commit', '--allow-empty'],
      ['--mode', 'standard'],
    );
    const commit = await onTerminal(world, argv, steps);
    expect(commit.failedAt, commit.transcript).toBeUndefined();
    expect(commit.code, commit.transcript).toBe(0);
    expect((await world.run(['git', 'log', '-1', '--format=%s'])).stdout).toBe('By hand\n');
  });
});

/** The tool chain itself, not rustup's front: that one looks for it beneath a home that is not this one. */
function rustSysroot(): string | undefined {
  try {
    return execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** The library: a live boundary, commands in it, and what stays of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processesWith, until } from '../fixtures/host-tree.ts';
import { library, libraryPath } from '../fixtures/library.ts';
import { CANARY, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('a command inside reads what the policy shows and nothing else', async () => {
    const results = await library(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const read = (path) => sandbox.run('cat', [path]);
       const { exitCode, stdout } = await read('README');
       const outside = await read(${JSON.stringify(join(world.outside, 'canary'))});
       report([exitCode, stdout, outside.exitCode, outside.stderr, sandbox.policy.mode.value,
         sandbox.status.enforcement.find(({ mechanism }) => mechanism === 'pid-namespace').state]);`,
    );
    expect(readFileSync(join(world.outside, 'canary'), 'utf8')).toBe(`${CANARY}\n`);
    const why = world.either('Permission denied', 'No such file or directory');
    const refusal = `cat: ${join(world.outside, 'canary')}: ${why}\n`;
    expect(results).toEqual([0, 'a project\n', 1, refusal, 'strict', 'full']);
  });

  test('settings that are refused leave no process behind', async () => {
    const settingsFile = world.put(join(world.root, 'wrong.json'), '{ "sandbox": { "mode": "nonsense" } }');
    const [code, left, made] = await library<[string, string, boolean]>(
      world,
      `const { readFileSync } = await import('node:fs');
       const children = () => readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8');
       const settingsFile = ${JSON.stringify(settingsFile)};
       const { code } = await createSandbox({ mode: 'strict', settingsFile }).catch((error) => error);
       while (children() !== '') await new Promise(setImmediate);
       const left = children();
       await using sandbox = await createSandbox({ mode: 'strict' });
       report([code, left, children() !== '']);`,
    );
    expect([code, left, made]).toEqual(['ERR_SETTINGS_INVALID', '', true]);
  });

  test('a spawned command emits what a ChildProcess emits, in the same order', async () => {
    const { bare, live } = await library<Record<'bare' | 'live', unknown>>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const cases = [
         ['true', [], {}],
         ['sh', ['-c', 'echo out; echo err >&2; exit 3'], {}],
         ['sh', ['-c', 'echo out; exit 4'], { stdio: ['ignore', 'pipe', 'ignore'] }],
         ['sh', ['-c', 'exit 5'], { stdio: 'ignore' }],
         ['sh', ['-c', 'kill -9 $$'], {}],
         ['nonesuch', ['a'], {}],
         ['/', [], {}],
         ['true', [], { cwd: '/nonesuch' }],
         ['sleep', ['100'], { timeout: 50 }],
         ['sleep', ['100'], { timeout: 50, killSignal: 'SIGKILL' }],
         ['sleep', ['100'], () => ({ signal: AbortSignal.timeout(50) })],
         ['sleep', ['100'], { signal: AbortSignal.abort() }],
       ];
       const watch = (child) => new Promise((resolve) => {
         const seen = [];
         child.on('spawn', () => seen.push(['spawn']));
         child.on('exit', (code, signal) => seen.push(['exit', code, signal, child.exitCode, child.signalCode]));
         child.on('error', (error) => seen.push(['error', error.name, error.message, error.code, error.errno, error.syscall,
           error.path, error.spawnargs]));
         child.stdout?.on('data', (chunk) => seen.push(['data', String(chunk)]));
         child.stdout?.on('end', () => seen.push(['end']));
         child.on('close', (code, signal) => {
           seen.push(['close', code, signal, child.killed, child.spawnfile, child.spawnargs]);
           const order = (name) => seen.filter(([event]) => name.includes(event));
           // Data and exit come on different ways, in a ChildProcess too.
           resolve([order(['spawn', 'exit', 'error', 'close']), order(['data', 'end', 'close'])]);
         });
       });
       const all = async (start) => {
         const results = [];
         for (const [file, args, options] of cases)
           results.push(await watch(start(file, args, typeof options === 'function' ? options() : options)));
         return results;
       };
       report({
         bare: await all(spawn),
         live: await all((file, args, options) => sandbox.spawn(file, args, options)),
       });`,
    );
    expect(live).toEqual(bare);
  });

  test('binary input and output come through whole and at the reader’s pace', async () => {
    const [same, held, size] = await library<[boolean, boolean, number]>(
      world,
      `import { createHash, randomBytes } from 'node:crypto';
       await using sandbox = await createSandbox({ mode: 'strict' });
       const bytes = randomBytes(20 << 20);
       const child = sandbox.spawn('cat');
       let written = 0;
       for (let at = 0; at < bytes.length; at += 65536)
         child.stdin.write(bytes.subarray(at, at + 65536), () => { written += 65536; });
       child.stdin.end();
       await once(child, 'spawn');
       await once(child.stdout, 'readable');
       // Nobody reads on: what fits into pipes and buffers has gone, and no more.
       for (let before = -1; before !== written; await new Promise((r) => setTimeout(r, 100))) before = written;
       const held = written < bytes.length / 2;
       const hash = createHash('sha256');
       let size = 0;
       child.stdout.on('data', (chunk) => { hash.update(chunk); size += chunk.length; });
       await closed(child);
       report([hash.digest('hex') === createHash('sha256').update(bytes).digest('hex'), held, size]);`,
    );
    expect({ same, held, size }).toEqual({ same: true, held: true, size: 20 << 20 });
  });

  test('kill reaches the whole process group, and what made a group of its own stays until close', async () => {
    const marker = join(world.root, 'grouped');
    const seen = await library<boolean[]>(
      world,
      `import { readdirSync, readFileSync } from 'node:fs';
       const marked = (text) => readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).filter((pid) => {
         try { return readFileSync('/proc/' + pid + '/cmdline', 'latin1').split('\\0').includes(text); } catch { return false; }
       }).length;
       const until = async (check) => { while (!check()) await new Promise((r) => setTimeout(r, 20)); return true; };
       const sandbox = await createSandbox({ mode: 'strict' });
       const loop = 'while :; do sleep 0.1; done';
       const group = ${JSON.stringify(`${marker}-group`)}, own = ${JSON.stringify(`${marker}-own`)};
       const child = sandbox.spawn('sh', ['-c', 'sh -c "$0" "$1" & setsid sh -c "$0" "$2" & wait', loop, group, own]);
       const results = [await until(() => marked(group) >= 2 && marked(own) >= 2)];
       child.kill('SIGKILL');
       await closed(child.stdout.destroy() && child.stderr.destroy() && child);
       results.push(await until(() => marked(group) === 0), marked(own) >= 1);
       await sandbox.close();
       results.push(marked(own) === 0);
       report(results);`,
    );
    expect(seen).toEqual([true, true, true, true]);
    await until(() => processesWith(marker).length === 0);
  });

  test('what a command leaves behind is kept or killed by choice', async () => {
    const answers = await library<string[]>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const leave = (leftovers) => sandbox.run('sh', ['-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'], { leftovers });
       const alive = async (pid) => (await sandbox.run('kill', ['-0', pid.trim()])).exitCode === 0;
       const kept = (await leave('keep')).stdout;
       const killed = (await leave('kill')).stdout;
       // A process that was killed takes a moment to go; one that was not would never.
       while (await alive(killed));
       report([await alive(kept), false]);`,
    );
    expect(answers).toEqual([true, false]);
  });

  test('a server in the background answers later commands', async () => {
    const said = await library<string>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const server = 'import socket; s = socket.create_server(("127.0.0.1", 8123)); print("up", flush=True); ' +
         'c, _ = s.accept(); c.sendall(b"served"); c.close()';
       const child = sandbox.spawn('/usr/bin/python3', ['-c', server]);
       await once(child.stdout, 'data');
       const client = 'import socket; print(socket.create_connection(("127.0.0.1", 8123)).recv(99).decode())';
       report((await sandbox.run('/usr/bin/python3', ['-c', client])).stdout);`,
    );
    expect(said).toBe('served\n');
  });

  test('200 commands at once all end well, with their own output', async () => {
    const wrong = await library<unknown[]>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const all = await Promise.all(Array.from({ length: 200 }, (_, i) =>
         sandbox.run('sh', ['-c', 'cat; echo "$0"', String(i)], { input: 'in ' })));
       report(all.map(({ exitCode, stdout, stderr }, i) => [exitCode, stdout, stderr, i])
         .filter(([code, stdout, stderr, i]) => code !== 0 || stdout !== 'in ' + i + '\\n' || stderr !== ''));`,
    );
    expect(wrong).toEqual([]);
  });

  test('inherited streams are the program’s own', async () => {
    const path = world.put(
      join(world.root, 'programs/inherit.mjs'),
      `import { createSandbox } from ${JSON.stringify(libraryPath())};
       const sandbox = await createSandbox({ mode: 'strict' });
       const child = sandbox.spawn('sh', ['-c', 'cat; echo out; echo err >&2'], { stdio: ['inherit', 'inherit', 1] });
       child.on('close', () => sandbox.close());`,
    );
    const ran = await world.run([world.node, path], { input: 'in\n' });
    expect(ran).toEqual({ code: 0, stdout: 'in\nout\nerr\n', stderr: '' });
  });

  test('a command’s environment loses the secrets that came from the host, and keeps what the caller made', async () => {
    const said = await library<string[]>(
      world,
      `process.env.DEPLOY_TOKEN = 'from-the-host';
       await using sandbox = await createSandbox({ mode: 'strict', environment: { set: { COLOUR: 'blue' } } });
       const print = async (env) =>
         (await sandbox.run('sh', ['-c', 'echo "$DEPLOY_TOKEN $API_TOKEN $COLOUR $PINFOLD"'], env && { env })).stdout;
       report([await print(), await print({ ...process.env, API_TOKEN: 'made' })]);`,
    );
    expect(said).toEqual(['  blue 1\n', ' made blue 1\n']);
  });

  test('sandboxes side by side keep their own policies', async () => {
    const said = await library<number[]>(
      world,
      `import { join } from 'node:path';
       const outside = ${JSON.stringify(world.outside)};
       await using shut = await createSandbox({ mode: 'strict' });
       await using open = await createSandbox({ mode: 'strict', allowedPaths: [{ path: outside, mode: 'read' }] });
       const read = async (sandbox) => (await sandbox.run('cat', [join(outside, 'canary')])).exitCode;
       report([await read(open), await read(shut), await read(open)]);`,
    );
    expect(said).toEqual([0, 1, 0]);
  });

  test('a refused name is told with the result of the command that tried it', async () => {
    const said = await library<unknown>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const heard = [];
       const facts = ({ act, subject, outcome }) => [act, subject.path, outcome];
       sandbox.on('violation', (violation) => heard.push(facts(violation)));
       const { exitCode, violations } = await sandbox.run('mkdir', ['.vscode']);
       const after = await sandbox.run('mkdir', ['ordinary']);
       report([exitCode, heard, violations.map(facts), after.exitCode, after.violations]);`,
    );
    const attempt = [['create', join(world.project, '.vscode'), 'refused']];
    expect(said).toEqual([1, attempt, attempt, 0, []]);
  });

  test('a look at a hidden name is told where it is seen, and one at a shown name never', async () => {
    const said = await library<unknown>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const heard = [];
       sandbox.on('violation', ({ act, subject }) => heard.push([act, subject.path]));
       const hidden = await sandbox.run('cat', [${JSON.stringify(join(world.outside, 'canary'))}]);
       const shown = await sandbox.run('cat', ['/etc/passwd']);
       report([hidden.exitCode, shown.exitCode, heard]);`,
    );
    const seen = [['look-up', join(world.outside, 'canary')]];
    expect(said).toEqual([1, 0, world.either(seen, [])]);
  });

  test('misuse is a SandboxError with its code', async () => {
    const codes = await library<string[]>(
      world,
      `const code = async (act) => { try { await act(); return 'none'; } catch (error) { return isSandboxError(error) && error.code; } };
       const sandbox = await createSandbox({ mode: 'strict' });
       const codes = [
         await code(() => createSandbox({ mod: 'strict' })),
         await code(() => createSandbox({ mode: 'lax' })),
         await code(() => sandbox.run('nonesuch')),
         await code(() => sandbox.run('true', [], { shell: true })),
         await code(() => sandbox.spawn('true', [], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] })),
         await code(() => sandbox.run('a\\0b')),
         await code(() => sandbox.spawn('sleep', ['9']).kill('SIGNONE')),
       ];
       const running = sandbox.run('sleep', ['100']);
       await Promise.all([sandbox.close(), sandbox.close()]);
       const { exitCode, signal } = await running;
       report([...codes, exitCode, signal, await code(() => sandbox.close()), sandbox.status.state,
         await code(() => sandbox.run('true')), await code(() => sandbox.spawn('true'))]);`,
    );
    expect(codes).toEqual([
      'ERR_SETTINGS_INVALID',
      'ERR_SETTINGS_INVALID',
      'ERR_COMMAND_NOT_STARTED',
      'ERR_USAGE',
      'ERR_USAGE',
      'ERR_USAGE',
      'ERR_USAGE',
      null,
      'SIGKILL',
      'none',
      'ended',
      'ERR_SANDBOX_CLOSED',
      'ERR_SANDBOX_CLOSED',
    ]);
  });

  test('when the launcher is killed, running commands end and later ones are refused', async () => {
    const said = await library<unknown[]>(
      world,
      `import { readFileSync } from 'node:fs';
       const sandbox = await createSandbox({ mode: 'strict' });
       // It executes nothing more: without a supervisor that would fail, and end it before the boundary does.
       const child = sandbox.spawn('sh', ['-c', 'echo up; read line']);
       // Its arguments are in place a moment after execve has let go of the old ones, which is all that \`spawn\` says.
       await Promise.all([once(child, 'spawn'), once(child.stdout, 'data')]);
       if (!readFileSync('/proc/' + child.pid + '/cmdline', 'latin1').startsWith('sh')) throw new Error('not the command');
       const parent = (pid) => Number(/\\) \\S (\\d+)/.exec(readFileSync('/proc/' + pid + '/stat', 'utf8'))[1]);
       process.kill(parent(parent(child.pid)), 'SIGKILL');
       let then;
       child.on('exit', () => { then = sandbox.status.state; });
       const ended = await once(child, 'close');
       report([ended, then, sandbox.status.state, await sandbox.run('true').catch(({ code }) => code),
         await sandbox.close().catch(({ code }) => code)]);`,
    );
    expect(said).toEqual([
      [null, 'SIGKILL'],
      ...['ended', 'ended', 'ERR_SANDBOX_CLOSED', 'ERR_LAUNCHER_DIED'],
    ]);
  });

  test('CommonJS programs get the same library', async () => {
    const path = world.put(
      join(world.root, 'programs/common.cjs'),
      `const { createSandbox } = require(${JSON.stringify(libraryPath().replace(/js$/, 'cjs'))});
       createSandbox({ mode: 'strict' }).then(async (sandbox) => {
         process.stdout.write((await sandbox.run('echo', ['common'])).stdout);
         await sandbox.close();
       });`,
    );
    expect(await world.run([world.node, path])).toEqual({ code: 0, stdout: 'common\n', stderr: '' });
  });

  test('an idle sandbox that nobody closed does not keep its program from ending, and ends with it', async () => {
    const marker = join(world.root, 'idle');
    const pid = await library<number>(
      world,
      `const sandbox = await createSandbox({ mode: 'strict' });
       const left = 'setsid sh -c "while :; do sleep 0.1; done" "$0" & echo';
       const child = sandbox.spawn('sh', ['-c', left, ${JSON.stringify(marker)}], { stdio: ['ignore', 'pipe', 'ignore'] });
       await once(child.stdout, 'data');
       child.stdout.destroy();
       report(child.pid ?? 0);`,
    );
    expect(pid).toBeGreaterThanOrEqual(0);
    await until(() => processesWith(marker).length === 0);
  });
});

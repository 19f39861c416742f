/** Commands of a live session on terminals of their own, from the library and from `pinfold exec`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { withoutNamespaces } from '../fixtures/hindered.ts';
import { library } from '../fixtures/library.ts';
import { onTerminal } from '../fixtures/terminal.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** Starts a command with `pty` and keeps what it shows; `seen` waits for a pattern in it. */
const DRIVER = `
  await using sandbox = await createSandbox({ mode: 'standard' });
  const open = (command, args, options) => {
    const child = sandbox.spawn(command, args, { pty: true, ...options });
    let shown = '';
    child.stdout.on('data', (chunk) => { shown += chunk; });
    const ended = once(child, 'close');
    const seen = async (pattern) => { while (!pattern.test(shown)) await new Promise((r) => setTimeout(r, 10)); };
    return { child, seen, ended, type: (text) => child.stdin.write(text), shown: () => shown };
  };
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('it has a name, the size that was said, and is the controlling terminal; without it there is none', async () => {
    const said = await library<unknown>(
      world,
      `${DRIVER}
       const script = 'tty; stty size; echo controlling > /dev/tty; echo error >&2; exit 3';
       const one = open('sh', ['-c', script], { pty: { columns: 132, rows: 43 } });
       const ending = await one.ended;
       const bare = await sandbox.run('sh', ['-c', 'tty; echo > /dev/tty']);
       report([ending, one.shown(), one.child.stderr, bare.stdout, bare.stderr.includes('No such device')]);`,
    );
    expect(said).toEqual([
      [3, null],
      '/dev/pts/0\r\n43 132\r\ncontrolling\r\nerror\r\n',
      null,
      'not a tty\n',
      true,
    ]);
  });

  test('where there are no namespaces that is refused with its reason, and pipes are given', async () => {
    const said = await library<readonly string[]>(
      world,
      `await using sandbox = await createSandbox({ unsafeAcceptWeaker: true });
       const exec = async (redirect) => {
         const line = ${JSON.stringify(pinfold().join(' '))} + ' exec --session ' + sandbox.id + ' -- echo fine' + redirect;
         const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] });
         let text = '';
         child.stdout.on('data', (chunk) => { text += chunk; });
         return [await closed(child), text];
       };
       let thrown;
       try { sandbox.spawn('true', [], { pty: true }); } catch (error) { thrown = error; }
       const [code, refused] = await exec('');
       report([thrown.code, thrown.fix, code, refused, ...(await exec(' </dev/null'))]);`,
      { before: await withoutNamespaces(world) },
    );
    const fix = 'Give it pipes: leave pty out, or pinfold exec … </dev/null';
    const [error, advice, code, refused, ...piped] = said;
    expect([error, advice, code]).toEqual(['ERR_NAMESPACES_UNAVAILABLE', fix, 125]);
    expect(refused).toContain('Cannot give a command a terminal of its own');
    expect(refused).toContain(fix);
    expect(piped).toEqual([0, 'fine\r\n']);
  });

  test('a resize reaches the command', async () => {
    const said = await library<string>(
      world,
      `${DRIVER}
       // Blocked and waited for: a handler would not be called in time by a Python that is about to read.
       const watch = 'import os, signal; change = {signal.SIGWINCH}; signal.pthread_sigmask(signal.SIG_BLOCK, change); ' +
         'print("ready", flush=True); signal.sigwait(change); print(os.get_terminal_size(), flush=True); input()';
       const { child, seen, ended, type, shown } = open('/usr/bin/python3', ['-c', watch]);
       await seen(/ready/);
       child.resize({ columns: 99, rows: 33 });
       await seen(/columns=99, lines=33/);
       type('\\n');
       await ended;
       report(shown());`,
    );
    expect(said).toContain('columns=99, lines=33');
  });

  test('Control-C reaches the foreground job and not the shell, and Control-Z stops it', async () => {
    const said = await library<unknown>(
      world,
      `${DRIVER}
       const { seen, ended, type, shown } = open('bash', ['--norc', '-i'], { env: { ...process.env, PS1: 'prompt> ' } });
       // Running or stopped: of those that a signal has ended, bash may leave one unreaped until its next command.
       const sleeping = async (there) => {
         while (((await sandbox.run('pgrep', ['-r', 'R,S,T', '-x', 'sleep'])).exitCode === 0) !== there);
       };
       await seen(/prompt> /);
       type('sleep 1000\\n');
       await sleeping(true);
       type('\\x03');
       await sleeping(false);
       type('echo "code $?"; sleep 1001\\n');
       await seen(/code 130/);
       await sleeping(true);
       type('\\x1a');
       await seen(/Stopped/);
       type('kill -9 %1\\n');
       await sleeping(false);
       // Twice: the first is not obeyed where bash has not heard yet that its stopped job has gone.
       type('exit 7\\nexit 7\\n');
       report([await ended, /code 130/.test(shown())]);`,
    );
    expect(said).toEqual([[7, null], true]);
  });

  test('editors and pagers work', async () => {
    const said = await library<unknown>(
      world,
      `${DRIVER}
       const vim = open('vim', ['-u', 'NONE', 'made.txt']);
       await vim.seen(/made\\.txt/);
       vim.type('ihello from vim\\x1b:wq\\r');
       const first = await vim.ended;
       const less = open('less', ['README']);
       await less.seen(/a project/);
       less.type('q');
       report([first, (await sandbox.run('cat', ['made.txt'])).stdout, await less.ended]);`,
    );
    expect(said).toEqual([[0, null], 'hello from vim\n', [0, null]]);
  });

  test('a flood of output comes whole, at the reader’s pace, and the end of input is typed', async () => {
    const said = await library<unknown>(
      world,
      `${DRIVER}
       const flood = sandbox.spawn('sh', ['-c', 'seq 1 200000; echo finished > done.txt'], { pty: true });
       await once(flood.stdout, 'readable');
       await new Promise((r) => setTimeout(r, 300));
       const held = (await sandbox.run('cat', ['done.txt'])).exitCode !== 0;
       let bytes = 0;
       flood.stdout.on('data', (chunk) => { bytes += chunk.length; });
       await once(flood, 'close');
       const cat = open('cat', []);
       cat.child.stdin.end('typed\\n');
       report([held, bytes, await cat.ended, cat.shown()]);`,
    );
    // Numbers with their line ends, which the terminal makes two of.
    expect(said).toEqual([true, 1_288_895 + 200_000, [0, null], 'typed\r\ntyped\r\n']);
  });

  test('a command that lets its terminal go before it ends is not hung up', async () => {
    const said = await library<unknown>(
      world,
      `${DRIVER}
       const ended = await open('sh', ['-c', 'exec <&- >&- 2>&-; sleep 0.3; exit 4']).ended;
       const without = await open('sh', ['-c', 'sleep 0.3; exit 4']).ended;
       report([ended, without]);`,
    );
    expect(said).toEqual([
      [4, null],
      [4, null],
    ]);
  });

  test('closing it hangs the command up, and nothing stays', async () => {
    const said = await library<unknown>(
      world,
      `${DRIVER}
       const { child, seen, ended } = open('sh', ['-c', 'echo up; sleep 1000']);
       await seen(/up/);
       child.stdout.destroy();
       const ending = await ended;
       const left = async () => (await sandbox.run('sh', ['-c', 'ls -d /proc/[0-9]* | wc -l'])).stdout.trim();
       // Init, the shell that asks, and its two commands.
       while (await left() !== '4');
       report(ending);`,
    );
    expect(said).toEqual([null, 'SIGHUP']);
  });

  test('misuse is named', async () => {
    const codes = await library<unknown>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const code = (act) => { try { act(); return 'none'; } catch (error) { return error.code; } };
       const child = sandbox.spawn('true');
       report([
         code(() => sandbox.spawn('true', [], { pty: true, stdio: 'pipe' })),
         code(() => sandbox.spawn('true', [], { pty: { columns: 0 } })),
         code(() => child.resize({ columns: 80, rows: 24 })),
         code(() => sandbox.spawn('true', [], { pty: true }).resize({ columns: 80, rows: 70000 })),
       ]);`,
    );
    expect(codes).toEqual(['ERR_USAGE', 'ERR_USAGE', 'ERR_USAGE', 'ERR_USAGE']);
  });

  describe('pinfold exec', () => {
    test('from a terminal it gives one inside, and leaves the person’s as it was', async () => {
      const session = world.startInside(['sh', '-c', 'echo up; exec sleep 1000']);
      await new Promise((resolve) => session.stdout!.once('data', resolve));
      const argv = [...pinfold(), 'exec', '--', 'env', 'PS1=prompt> ', 'bash', '--norc', '-i'];
      const screen = await onTerminal(world, argv, [
        { expect: 'prompt> ' },
        { send: 'tty; stty size\r' },
        { expect: '/dev/pts/0\\s+24 80' },
        { resize: [40, 100] },
        { send: 'until [ "$(stty size)" = "40 100" ]; do sleep 0.05; done; echo re""sized\r' },
        { expect: 'resized(?s:.*)prompt> ' },
        // One process from the message on: between two commands bash itself would get what is typed next.
        { send: 'sh -c \'echo be""gun; exec sleep 1000\'\r' },
        { expect: 'begun' },
        { send: '\x03' },
        { expect: 'prompt> ' },
        { send: 'exit 9\r' },
      ]);
      expect([screen.code, screen.modesKept]).toEqual([9, true]);
      session.kill('SIGKILL');
    });

    test('may give the command less, and never more', async () => {
      const session = world.startInside(['sh', '-c', 'echo up; exec sleep 1000']);
      await new Promise((resolve) => session.stdout!.once('data', resolve));
      const script = 'echo x > made && echo made && rm made';
      const wide = await world.pinfold(['exec', '--', 'sh', '-c', script]);
      const narrow = await world.pinfold(['exec', '--read-only', '--net', 'none', '--', 'sh', '-c', script]);
      const wider = await world.pinfold(['exec', '--mode', 'permissive', '--', 'true']);
      expect([wide.code, wide.stdout]).toEqual([0, 'made\n']);
      expect([narrow.code, narrow.stdout]).toEqual([2, '']);
      expect(narrow.stderr).toContain('cannot create made: Permission denied');
      expect(wider.code).toBe(125);
      expect(wider.stderr).toContain("it is wider than the session's, which is strict");
      session.kill('SIGKILL');
    });
  });
});

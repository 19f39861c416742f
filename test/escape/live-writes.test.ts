/** A path that was opened to write while the session runs is no way to write, read or keep anything else. */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, lstatSync, readFileSync, symlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { library } from '../fixtures/library.ts';
import { type SpeakingSession, startSpeaking } from '../fixtures/speaking-session.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let open: string;
  let session: SpeakingSession;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    world = await makeWorld(person);
    open = `${world.root}/open`;
    world.put(`${open}/file`, 'file\n');
    world.put(`${open}/a/b/secret`, 'secret\n');
    world.put(`${world.root}/beside/file`, 'beside\n');
    world.put(`${world.root}/shown/file`, 'shown\n');
    world.put(
      `${world.home}/.config/pinfold/settings.json`,
      JSON.stringify({
        sandbox: {
          allowedPaths: [{ path: `${world.root}/shown`, mode: 'read' }],
          deniedPaths: [`${open}/a/b/secret`],
          limits: { fileSize: '1MiB' },
        },
      }),
    );
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => world.dispose());

  const pinfold = (...words: string[]) => world.pinfold([...words, '--session', session.id]);
  async function start(): Promise<void> {
    session = await startSpeaking(world);
    children.push(session.child);
    expect(await pinfold('allow', open, '--write')).toMatchObject({ code: 0 });
    // The control of every test: what was opened is written.
    expect(await session.say(`echo file > ${open}/file && cat ${open}/file`)).toBe('file');
  }
  const within = (line: string) => session.say(`cd ${open}; ${line}`);
  const outside = () => [treeOf(`${world.root}/beside`), treeOf(`${world.root}/shown`)];

  test('a link in it leads to nothing else, and nothing is moved or linked out of it or into it', async () => {
    const before = outside();
    for (const [name, target] of [
      ['to-hidden', '../beside/file'],
      ['to-shown', '../shown/file'],
      ['to-secret', 'a/b/secret'],
      ['to-directory', '../shown'],
    ] as const)
      symlinkSync(target, `${open}/${name}`);
    await start();
    const acts = [
      'echo x > to-hidden',
      'echo x > to-shown',
      'echo x > to-secret',
      'echo x > to-directory/new',
      'rm to-directory/file',
      'chmod 777 to-shown',
      'truncate -s 0 to-shown',
      'touch -d @1 to-shown',
      'ln -s ../shown made && echo x > made/new',
      'mv file ../shown/moved',
      'mv file ../beside/moved',
      'ln file ../shown/linked',
      'ln ../shown/file linked',
      'ln ../beside/file linked',
      'ln to-hidden -L linked',
      // mv would copy what it can read.
      `python3 -c 'import os; os.rename("../shown/file", "moved")'`,
      'mv a/b/secret moved',
      'mv a moved',
      'mv a/b a/c',
      `mv ${open} ${open}-moved`,
      'cat a/b/secret',
    ];
    for (const act of acts)
      expect([act, await within(`${act} || echo refused`)]).toEqual([act, expect.stringMatching(/refused$/)]);
    expect(outside()).toEqual(before);
    expect(readFileSync(`${open}/a/b/secret`, 'utf8')).toBe('secret\n');
    for (const name of ['linked', 'moved'])
      expect(lstatSync(`${open}/${name}`, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('what was opened before it was closed makes, opens and changes nothing afterwards', async () => {
    await start();
    const script = [
      'import os, sys',
      `base = "${open}"`,
      'here = os.open(base, os.O_RDONLY); path = os.open(base, os.O_PATH); os.chdir(base)',
      'held = os.open("file", os.O_RDWR)',
      'print("ready", flush=True); sys.stdin.readline()',
      'def met(act):',
      '    try: act(); return "done"',
      '    except OSError as error: return error.errno',
      'print([met(act) for act in (',
      '    lambda: os.open("late", os.O_CREAT | os.O_WRONLY, dir_fd=here),',
      '    lambda: os.open("late", os.O_CREAT | os.O_WRONLY, dir_fd=path),',
      '    lambda: os.open("late", os.O_CREAT | os.O_WRONLY),',
      '    lambda: os.open("file", os.O_WRONLY, dir_fd=here),',
      '    lambda: os.open(f"/proc/self/fd/{held}", os.O_RDWR),',
      '    lambda: os.unlink("file", dir_fd=here),',
      '    lambda: os.rename("file", "other", src_dir_fd=here, dst_dir_fd=here),',
      '    lambda: os.mkdir("directory", dir_fd=path),',
      ')], os.write(held, b"held"))',
    ];
    world.put(`${world.project}/held.py`, `${script.join('\n')}\n`);
    const said = await library<{ out: string; later: string }>(
      world,
      `const sandbox = await createSandbox({ mode: 'strict' });
       const path = ${JSON.stringify(open)};
       await sandbox.allow({ path, access: 'write' });
       const child = sandbox.spawn('python3', ['held.py'], { stdio: 'pipe' });
       let out = '';
       child.stdout.on('data', (chunk) => { out += chunk; });
       child.stderr.on('data', (chunk) => { out += chunk; });
       while (!out.includes('ready')) await new Promise((done) => setTimeout(done, 10));
       await sandbox.revoke({ path });
       child.stdin.end('go\\n');
       await closed(child);
       const later = await sandbox.run('sh', ['-c', 'echo x > ' + path + '/file || echo refused']);
       report({ out, later: later.stdout });
       await sandbox.close();`,
    );
    // Whatever is open stays open: that is told in the documentation.
    expect(said.out).toMatch(/^ready\n\[(\d+, ){7}\d+\] 4\n$/);
    expect(said.later).toBe('refused\n');
    for (const name of ['late', 'other', 'directory'])
      expect(lstatSync(`${open}/${name}`, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('a file is written by the rights that its owner has inside, and within the limits of the session', async () => {
    world.put(`${open}/closed`, 'closed\n', 0o400);
    await start();
    expect(await within('echo x > closed || echo refused')).toMatch(/Permission denied refused$/);
    expect(await within('chmod 600 closed; echo x > closed; cat closed')).toBe('x');
    const truncate = (mebibytes: number) =>
      within(`python3 -c 'import os; os.truncate("closed", ${mebibytes} << 20)'; stat -c %s closed`);
    expect(await truncate(8)).toMatch(/File too large: 'closed' 2$/);
    expect(await truncate(1)).toBe('1048576');
    chmodSync(`${open}/a`, 0o555);
    const made = await within('touch a/new || echo refused');
    expect(made).toMatch(/Permission denied refused$/);
    chmodSync(`${open}/a`, 0o755);
    expect(await within('touch a/new && echo made')).toBe('made');
  });

  test('a name is whatever bytes it is made of, and of odd flags none means more', async () => {
    const script = [
      'import os',
      `os.chdir("${open}")`,
      'def met(act):',
      '    try: return act() and "done" or "done"',
      '    except OSError as error: return error.errno',
      'name = b"\\xff\\xc3\\x28 (deleted)"',
      'fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o6777)',
      'print(os.listdir(b".").count(name), oct(os.fstat(fd).st_mode), os.get_inheritable(fd))',
      'fd = os.open("file", os.O_RDWR | os.O_APPEND)',
      'import fcntl',
      'print(fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_APPEND | os.O_NONBLOCK) == os.O_APPEND, fcntl.fcntl(fd, fcntl.F_GETFD))',
      'print([met(act) for act in (',
      '    lambda: os.open(".", os.O_TMPFILE | os.O_RDWR),',
      '    lambda: os.open("file", os.O_WRONLY | os.O_DIRECTORY),',
      '    lambda: os.open("a", os.O_WRONLY),',
      '    lambda: os.open("file", os.O_ACCMODE),',
      '    lambda: os.open("to-file", os.O_WRONLY | os.O_NOFOLLOW),',
      '    lambda: os.mkfifo("pipe"),',
      '    lambda: os.setxattr("file", "user.x", b"y"),',
      '    lambda: os.open("absent/x", os.O_CREAT | os.O_WRONLY),',
      '    lambda: os.open("file/x", os.O_CREAT | os.O_WRONLY),',
      '    lambda: os.rename("file", "a"),',
      '    lambda: os.symlink("x" * 4096, "long"),',
      ')])',
      'os.unlink(name)',
    ];
    world.put(`${world.project}/odd.py`, `${script.join('\n')}\n`);
    symlinkSync('file', `${open}/to-file`);
    await start();
    expect(await within(`umask 0; python3 -X utf8 ${world.project}/odd.py`)).toBe(
      '1 0o100777 False True 1 [95, 20, 21, 22, 40, 1, 95, 2, 20, 21, 36]',
    );
  });

  test('a pipe that somebody put there is not waited for, and holds nobody up', async () => {
    expect((await world.run(['mkfifo', `${open}/pipe`])).code).toBe(0);
    await start();
    expect(await within('echo x > pipe || echo refused; echo on > file; cat file')).toMatch(/refused on$/);
  });
});

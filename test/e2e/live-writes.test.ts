/** Files and directories that are opened to write while a session runs: the supervisor writes, and Landlock goes on to refuse. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Violation } from '../../src/violations/types.ts';
import { childrenOf, until } from '../fixtures/host-tree.ts';
import { type SpeakingSession, startSpeaking } from '../fixtures/speaking-session.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** Hidden places are a tripwire file system for one of them, and nothing at all for the other. */
const cases = people.map((person, index) => ({
  person,
  monitor: index === 0 ? 'acts' : 'full',
  label: person.label,
}));

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended since it was seen.
  }
}

describe.each(cases)('as $label, with monitor $monitor', ({ person, monitor }) => {
  let world: World;
  let data: string;
  let shown: string;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    world = await makeWorld(person);
    data = `${world.home}/data`;
    shown = `${world.home}/shown`;
    world.put(
      `${world.home}/.config/pinfold/settings.json`,
      JSON.stringify({
        sandbox: {
          monitor,
          allowedPaths: [{ path: shown, mode: 'read' }],
          deniedPaths: ['~/data/private', '~/data/**/*.secret'],
        },
      }),
    );
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => world.dispose());

  async function open(): Promise<SpeakingSession> {
    for (const [path, content] of [
      [`${data}/file`, 'content\n'],
      [`${data}/deep/er/file`, 'deeper\n'],
      [`${data}/private/key`, 'denied\n'],
      [`${data}/.vscode/tasks.json`, '{}\n'],
      [`${shown}/sub/file`, 'shown\n'],
      [`${world.home}/single`, 'alone\n'],
    ] as const)
      world.put(path, content);
    const session = await startSpeaking(world);
    children.push(session.child);
    return session;
  }

  const allow = (session: SpeakingSession, path: string, ...flags: string[]) =>
    world.pinfold(['allow', path, '--session', session.id, ...flags]);
  const revoke = (session: SpeakingSession, path: string) =>
    world.pinfold(['revoke', path, '--session', session.id]);
  const content = (path: string) => readFileSync(path, 'utf8');

  test('what a program does to files and directories happens, and no more when it is closed', async () => {
    const session = await open();
    const within = (line: string) => session.say(`cd ${data}; ${line}`);
    expect(await session.say(`echo no > ${data}/new || echo refused`)).toContain('refused');
    expect(await allow(session, data, '--write')).toMatchObject({ code: 0 });
    expect(await within('umask 027; echo one > new; echo two >> new; cat new')).toBe('one two');
    expect(content(`${data}/new`)).toBe('one\ntwo\n');
    expect(statSync(`${data}/new`)).toMatchObject({ uid: statSync(data).uid, gid: statSync(data).gid });
    expect(statSync(`${data}/new`).mode & 0o777).toBe(0o640);
    expect(await within('mkdir -p made/it; mv new made/it/moved; cat made/it/moved; ls made')).toBe(
      'one two it',
    );
    expect(await within('ln -s it made/way; echo 3 >> made/way/moved; cat made/it/moved')).toBe('one two 3');
    expect(readlinkSync(`${data}/made/way`)).toBe('it');
    expect(await within('chmod 600 file; truncate -s 3 file; stat -c "%a %s" file; cat file')).toBe(
      '600 3 con',
    );
    expect(await within('touch -d @1000 file; stat -c %Y file')).toBe('1000');
    expect(await within('rm made/way made/it/moved; rmdir made/it made; ls -A')).toBe(
      '.vscode deep file private',
    );
    expect(existsSync(`${data}/made`)).toBe(false);
    expect(await within('set -C; echo x > file; mkdir deep; rmdir deep')).toMatch(
      /cannot overwrite existing file.*File exists.*Directory not empty/,
    );
    expect(await revoke(session, data)).toMatchObject({ code: 0 });
    expect(await session.say(`echo late > ${data}/late || echo refused`)).toContain('refused');
    expect(existsSync(`${data}/late`)).toBe(false);
    expect(
      session.log().filter(({ kind, seen }) => kind.startsWith('grant') && seen !== 'open'),
    ).toMatchObject([
      { kind: 'grant', path: data, access: 'write', by: 'allow', lasts: 'session' },
      { kind: 'grant-used', path: data, seen: 'write', program: expect.stringContaining('bash') },
      { kind: 'grant-ended', path: data, why: 'revoked', writes: expect.any(Number) },
    ]);
  });

  test('times and owners are set as the caller says, by whatever call', async () => {
    const session = await open();
    expect(await allow(session, data, '--write')).toMatchObject({ code: 0 });
    const script = [
      'import ctypes, os, struct',
      `path = "${data}/file".encode()`,
      'libc = ctypes.CDLL(None, use_errno=True)',
      'out = []',
      'def times(): s = os.stat(path); out.append((s.st_atime_ns, s.st_mtime_ns))',
      'os.utime(path, ns=(1000000007, 2000000009)); times()',
      'out.append(libc.syscall(235, path, struct.pack("4q", 3, 5, 4, 6))); times()',
      'out.append(libc.syscall(132, path, struct.pack("2q", 5, 6))); times()',
      'out.append(libc.syscall(235, path, ctypes.c_void_p(8)) and ctypes.get_errno())',
      'os.chown(path, os.getuid(), os.getgid())',
      'os.chmod(path, 0o6755); out.append(oct(os.stat(path).st_mode))',
      'print(out)',
    ];
    world.put(`${world.project}/times.py`, `${script.join('\n')}\n`);
    const expected =
      process.arch === 'x64'
        ? "[(1000000007, 2000000009), 0, (3000005000, 4000006000), 0, (5000000000, 6000000000), 14, '0o100755']"
        : expect.any(String);
    expect(await session.say('python3 times.py')).toEqual(expected);
  });

  test('what is shown to be read can be written as well, and is only to be read again', async () => {
    const session = await open();
    const path = `${shown}/sub/file`;
    expect(await session.say(`echo x > ${path}; cat ${path}`)).toMatch(
      /(Read-only|Permission denied).*shown$/,
    );
    expect(await allow(session, `${shown}/sub`, '--write')).toMatchObject({ code: 0 });
    expect(
      await session.say(`echo new > ${path}; cat ${path}; echo y > ${shown}/other || echo refused`),
    ).toMatch(/^new .*refused$/);
    expect(await revoke(session, `${shown}/sub`)).toMatchObject({ code: 0 });
    expect(await session.say(`echo x > ${path} || cat ${path}`)).toMatch(/new$/);
    expect(existsSync(`${shown}/other`)).toBe(false);
    expect(await session.say('grep -c shown /proc/self/mountinfo')).toBe('1');
  });

  test('a file alone is written, and its neighbours are not', async () => {
    const session = await open();
    const path = `${world.home}/single`;
    expect(await allow(session, path, '--write')).toMatchObject({ code: 0 });
    expect(await session.say(`echo more >> ${path}; chmod 640 ${path}; cat ${path}`)).toBe('alone more');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(await session.say(`rm -f ${path} || echo x > ${world.home}/beside || echo refused`)).toContain(
      'refused',
    );
    expect([existsSync(path), existsSync(`${world.home}/beside`)]).toEqual([true, false]);
  });

  test('what was opened to be read is opened to be written, and closed with what it lies in', async () => {
    const session = await open();
    expect(await allow(session, data)).toMatchObject({ code: 0 });
    expect(await allow(session, `${data}/deep`, '--write')).toMatchObject({ code: 0 });
    expect(await session.say(`echo in > ${data}/deep/new; cat ${data}/deep/new`)).toBe('in');
    expect(await session.say(`echo x > ${data}/new || echo refused`)).toContain('refused');
    expect(await revoke(session, data)).toMatchObject({ code: 0 });
    expect(await session.say(`echo x > ${data}/deep/new || echo refused`)).toContain('refused');
    expect(content(`${data}/deep/new`)).toBe('in\n');
    expect(await allow(session, data, '--write')).toMatchObject({ code: 0 });
    expect(await allow(session, data)).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${data}/deep/new; echo x > ${data}/deep/new || echo refused`)).toMatch(
      /^in .*refused$/,
    );
  });

  test('what lies around an open path is opened as well, and the newer word counts; to read, not where it would close', async () => {
    const session = await open();
    expect(await allow(session, `${data}/file`)).toMatchObject({ code: 0 });
    expect(await allow(session, `${data}/deep`, '--write')).toMatchObject({ code: 0 });
    const refused = await allow(session, data);
    expect([refused.code, refused.stderr]).toEqual([
      125,
      expect.stringContaining('/deep beneath it is shown already'),
    ]);
    expect(
      await session.say(`echo x > ${data}/new || echo x > ${data}/deep/new; cat ${data}/deep/new`),
    ).toMatch(/x$/);
    expect(await allow(session, data, '--write')).toMatchObject({ code: 0 });
    expect(await session.say(`echo y > ${data}/new; cat ${data}/new ${data}/file ${data}/deep/new`)).toBe(
      'y content x',
    );
    expect(
      await session.say(`echo z > ${data}/deep/new; mv ${data}/deep/new ${data}/new; cat ${data}/new`),
    ).toBe('z');
    expect(await revoke(session, data)).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${data}/file || echo x > ${data}/deep/new || echo refused`)).toMatch(
      /refused$/,
    );
    const ended = session
      .log()
      .flatMap(({ kind, path, why }) => (kind === 'grant-ended' ? [[path, why]] : []));
    expect(ended).toEqual([
      [`${data}/file`, 'replaced'],
      [`${data}/deep`, 'replaced'],
      [data, 'revoked'],
    ]);
  });

  test('a grant for a time ends by itself, and one for one time with the first open', async () => {
    const session = await open();
    expect(await allow(session, data, '--write', '--for', '2s')).toMatchObject({ code: 0 });
    expect(await session.say(`exec 5> ${data}/held; echo held >&5; cat ${data}/held`)).toBe('held');
    await until(() => session.log().some(({ kind, why }) => kind === 'grant-ended' && why === 'expired'));
    expect(await session.say(`echo x > ${data}/held || echo refused`)).toContain('refused');
    expect((await allow(session, data, '--write', '--once')).stderr).toContain('--for 10m');
    const path = `${shown}/sub/file`;
    expect(await allow(session, path, '--write', '--once')).toMatchObject({ code: 0 });
    expect(await session.say(`echo once > ${path}; echo twice > ${path} || cat ${path}`)).toMatch(/once$/);
    expect(content(path)).toBe('once\n');
    await until(() => session.log().some(({ kind, why }) => kind === 'grant-ended' && why === 'used'));
  });

  test('what is denied or protected within stays so, is told, and is in no way to be made', async () => {
    const session = await open();
    expect(await allow(session, data, '--write')).toMatchObject({ code: 0 });
    const acts = [
      'echo x > private/key',
      'mv private elsewhere',
      'echo x > new.secret',
      'echo x > .vscode/tasks.json',
      'mkdir .idea',
      'mkdir -p sub/x; echo run > sub/x/hooks; mkdir sub/.git; mv sub/x/hooks sub/.git/hooks',
      'mv sub/x sub/.claude',
      'ln -s sub .envrc',
      'mv .vscode other',
    ];
    for (const act of acts) {
      expect([act, await session.say(`cd ${data}; ${act} || echo refused`)]).toEqual([
        act,
        expect.stringMatching(/refused$/),
      ]);
    }
    expect(content(`${data}/private/key`)).toBe('denied\n');
    expect(content(`${data}/.vscode/tasks.json`)).toBe('{}\n');
    for (const name of [
      'elsewhere',
      'new.secret',
      '.idea',
      'sub/.git/hooks',
      'sub/.claude',
      '.envrc',
      'other',
    ])
      expect([name, lstatSync(`${data}/${name}`, { throwIfNoEntry: false })]).toEqual([name, undefined]);
    // The control: what is none of these is made there.
    expect([existsSync(`${data}/sub/.git`), content(`${data}/sub/x/hooks`)]).toEqual([true, 'run\n']);
    const told = session.log().flatMap((event) => (event.kind === 'violation' ? [event] : []));
    expect(JSON.stringify(told)).toMatch(/\.idea/);
    expect((await allow(session, `${data}/private`, '--write')).stderr).toContain('it is denied on purpose');
  });

  test('whoever waits for an act whose process is killed has an answer, and the next act is done', async () => {
    const session = await open();
    expect(await allow(session, data, '--write')).toMatchObject({ code: 0 });
    const launcher = childrenOf(session.child.pid!)[0]!;
    const standing = new Set(childrenOf(launcher));
    const atWork = () =>
      childrenOf(launcher)
        .filter((pid) => !standing.has(pid))
        .flatMap(childrenOf);
    let answer: string | undefined;
    const script = 'until ! echo x > made; do :; done; echo refused';
    const answered = session.say(`cd ${data}; ${script}`).then((said) => {
      answer = said;
    });
    // Each process at work lives for a millisecond or two, and a kill may come when all was done.
    while (answer === undefined) {
      for (let tries = 0; tries < 200; tries++) atWork().forEach(kill);
      await new Promise(setImmediate);
    }
    await answered;
    expect(answer).toMatch(/Permission denied refused$/);
    // It is written a moment after the answer, when it is known who was refused.
    await until(() => JSON.stringify(session.log()).includes('it was not done: killed at work'));
    expect(await session.say(`cd ${data}; echo next > made && cat made`)).toBe('next');
  });

  test('what is not done there is refused with its reason', async () => {
    const session = await open();
    expect(await allow(session, data, '--write')).toMatchObject({ code: 0 });
    const script = [
      'import os, socket',
      `os.chdir("${data}")`,
      'def met(act):',
      '    try: return act() or "done"',
      '    except OSError as error: return error.errno',
      'print([met(act) for act in (',
      '    lambda: os.link("file", "other"),',
      '    lambda: os.mkfifo("pipe"),',
      '    lambda: os.setxattr("file", "user.x", b"y"),',
      '    lambda: socket.socket(socket.AF_UNIX).bind("socket"),',
      ')])',
    ];
    world.put(`${world.project}/undone.py`, `${script.join('\n')}\n`);
    expect(await session.say('python3 undone.py')).toBe('[18, 1, 95, 30]');
    const reasons = (path: string) =>
      session
        .log()
        .flatMap(({ kind, ...rest }) =>
          kind === 'violation' ? [(rest as unknown as { violation: Violation }).violation] : [],
        )
        .filter(({ denial: { subject } }) => subject.kind === 'path' && subject.path === `${data}/${path}`)
        .map(({ denial: { errno, detail } }) => [errno, detail]);
    const there = 'in what was opened while the session runs';
    expect(reasons('other')).toEqual([[18, `a hard link is not made ${there}`]]);
    expect(reasons('pipe')).toEqual([[1, `a pipe, socket or device is not made ${there}`]]);
    expect(reasons('file')).toEqual([[95, `extended attributes are not changed ${there}`]]);
    expect(reasons('socket')).toEqual([]);
    // What is not done there is done in the project.
    const inProject = `cd ${world.project}; touch file; sed 's:${data}:${world.project}:' undone.py > done.py`;
    expect(await session.say(`${inProject}; python3 done.py; rm -f other pipe socket file done.py`)).toBe(
      "['done', 'done', 'done', 'done']",
    );
    expect(await session.say(`mv ${data}/deep/er/file moved && cat moved`)).toBe('deeper');
    expect(existsSync(`${data}/deep/er/file`)).toBe(false);
  });

  test('git commits in a repository there, and its configuration and hooks stay the person’s', async () => {
    const repository = `${world.root}/other`;
    const git = (...words: string[]) => world.run(['git', '-C', repository, ...words]);
    world.put(`${repository}/file`, 'file\n');
    for (const words of [
      ['init', '-q'],
      ['add', '.'],
      ['commit', '-qm', 'first'],
    ])
      expect([words, (await git(...words)).code]).toEqual([words, 0]);
    const session = await open();
    expect(await allow(session, repository, '--write')).toMatchObject({ code: 0 });
    const say = (line: string) => session.say(`cd ${repository}; ${line}`);
    expect(await say('echo new > new; git add new; git commit -qm second && git log --oneline | wc -l')).toBe(
      '2',
    );
    expect((await git('fsck', '--strict')).code).toBe(0);
    expect((await git('show', 'HEAD:new')).stdout).toBe('new\n');
    expect(
      await say(
        'git checkout -qb branch && git switch -q - && git branch -D branch && git gc -q && echo tidy',
      ),
    ).toMatch(/tidy$/);
    expect(await say('git config core.hooksPath /x || echo refused')).toMatch(/refused$/);
    expect(await say('echo x > .git/hooks/pre-commit || echo refused')).toMatch(/refused$/);
    expect(await say('git init -q made || echo refused')).toMatch(/refused$/);
    expect((await git('config', 'core.hooksPath')).stdout).toBe('');
  });

  test('what only the next run can open is refused, and says so', async () => {
    const session = await open();
    const refusals: [path: string, why: string][] = [
      [`${data}/absent`, 'nothing is there'],
      [world.home, 'the whole home directory'],
      ['/', 'is never opened'],
      [`${world.project}/.git/hooks`, 'git runs hooks; what is protected so stays so'],
      [`${world.home}/.local/state/pinfold`, 'is never opened'],
    ];
    for (const [path, why] of refusals) {
      const answer = await allow(session, path, '--write');
      expect([path, answer.code, answer.stderr]).toEqual([path, 125, expect.stringContaining(why)]);
    }
  });
});

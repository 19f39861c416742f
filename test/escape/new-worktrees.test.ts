/** Worktrees that are added inside: the host gets them when nothing inside runs any more, with paths that are not the inside's. */
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** A sibling opens, exchanges and writes whatever of a new worktree is there, as soon as it is; with `late`, when all are. */
const RACE = `
import os, subprocess, sys, threading
stop = False
held = []
fake = os.path.abspath('fake')
def attempt(act):
    try: act()
    except OSError: pass
def hold(path, flags): held.append(os.open(path, flags | os.O_NONBLOCK))
def once():
    for n in range(6):
        attempt(lambda: hold('r%d/.git' % n, os.O_WRONLY))
        for name in ('gitdir', 'commondir'): attempt(lambda: hold('.git/worktrees/r%d/%s' % (n, name), os.O_WRONLY))
        attempt(lambda: hold('.git/worktrees/r%d' % n, os.O_RDONLY | os.O_DIRECTORY))
        if len(sys.argv) == 1: attempt(lambda: os.rename('r%d/.git' % n, 'r%d/moved' % n))
    if len(held) > 200: [os.close(held.pop(0)) for _ in range(100)]
def sibling():
    while not stop: once()
thread = threading.Thread(target=sibling)
if len(sys.argv) == 1: thread.start()
for n in range(6): subprocess.run(['git', 'worktree', 'add', '-q', 'r%d' % n], stderr=subprocess.DEVNULL)
stop = True
if len(sys.argv) == 1: thread.join()
else: once()
for at in held:
    attempt(lambda: os.write(at, ('gitdir: %s\\n' % fake).encode()))
    attempt(lambda: os.close(os.open('commondir', os.O_CREAT | os.O_WRONLY, dir_fd=at)))
    attempt(lambda: os.close(os.open('config.worktree', os.O_CREAT | os.O_WRONLY, dir_fd=at)))
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  const at = (name: string) => `${world.project}/${name}`;
  const git = async (...words: string[]): Promise<string> => (await world.run(['git', ...words])).stdout;

  test('what is written into the files that tie it to its repository is not what the host gets', async () => {
    const script = (name: string) =>
      [
        `git worktree add -q ${name} && git init -q fake-${name} && cp -r fake-${name}/.git fake`,
        `echo "gitdir: $PWD/fake" > ${name}/.git`,
        `echo "$PWD/fake" > .git/worktrees/${name}/commondir`,
        `ln -s /etc/passwd .git/worktrees/${name}/link; mkfifo .git/worktrees/${name}/pipe`,
        `echo x > .git/worktrees/${name}/config.worktree`,
        'rm -rf fake; true',
      ].join('\n');
    const ran = await world.shell(script('tied'));
    expect(ran.code, ran.stderr).toBe(0);
    expect(readFileSync(at('tied/.git'), 'utf8')).toBe(`gitdir: ${at('.git/worktrees/tied')}\n`);
    expect(readFileSync(at('.git/worktrees/tied/commondir'), 'utf8')).toBe('../..\n');
    expect(readFileSync(at('.git/worktrees/tied/gitdir'), 'utf8')).toBe(`${at('tied/.git')}\n`);
    const names = readdirSync(at('.git/worktrees/tied'));
    expect(names).toContain('HEAD');
    for (const name of ['link', 'pipe', 'config.worktree']) expect(names).not.toContain(name);
    expect(await git('-C', 'tied', 'status', '--porcelain')).toBe('');
    // The control: outside it is what was written.
    expect((await world.run(['sh', '-c', script('free')])).code).toBe(0);
    expect(readFileSync(at('free/.git'), 'utf8')).toBe(`gitdir: ${at('fake')}\n`);
    expect(readdirSync(at('.git/worktrees/free'))).toEqual(
      expect.arrayContaining(['link', 'pipe', 'config.worktree']),
    );
    await world.run(['rm', '-rf', 'free', '.git/worktrees/free']);
  });

  test('while the session runs the host finds nothing there that leads anywhere, and waits for nothing', async () => {
    const script = 'git worktree add -q lasting && cat lasting/.git && read line';
    const child = world.startInside(['sh', '-c', script], [], { input: null });
    const [seen] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(seen.toString()).toBe(`gitdir: ${at('.git/worktrees/lasting')}\n`);
    expect(lstatSync(at('lasting/.git')).isSocket()).toBe(true);
    expect(readdirSync(at('.git/worktrees/lasting'))).toEqual(['locked']);
    expect(await git('worktree', 'list')).not.toContain('lasting');
    expect(await git('-C', 'lasting', 'rev-parse', '--show-toplevel')).toBe(`${world.project}\n`);
    const closed = once(child, 'close');
    child.stdin!.end('\n');
    await closed;
    expect(await git('-C', 'lasting', 'rev-parse', '--show-toplevel')).toBe(`${at('lasting')}\n`);
  });

  test('a `.git` file is made only where a new worktree says that it belongs to it', async () => {
    const script = [
      'git worktree add -q honest; mkdir other',
      'echo "gitdir: fake" > other/.git; echo $?',
      'echo "gitdir: fake" > src/.git; echo $?',
      'mkdir -p .git/worktrees/odd; ln -s /etc .git/worktrees/odd/logs; echo x > .git/worktrees/odd/gitdir; echo $?',
      'echo x > .git/worktrees/odd/commondir; echo $?',
    ].join('\n');
    const ran = await world.shell(script);
    expect(ran.stdout, ran.stderr).toBe('2\n2\n2\n2\n');
    expect(ran.stderr).toContain('Permission denied');
    for (const name of ['other/.git', 'src/.git', '.git/worktrees/odd/gitdir'])
      expect(existsSync(at(name))).toBe(false);
    const control = script.replaceAll('honest', 'control').replaceAll('odd', 'even');
    expect((await world.run(['sh', '-c', control])).stdout).toBe('0\n0\n0\n0\n');
    await world.run([
      'rm',
      '-rf',
      'other',
      'src/.git',
      '.git/worktrees/even',
      '.git/worktrees/odd',
      'control',
    ]);
  });

  test('who names it by the directory beneath the cover makes nothing on the host', async () => {
    const program = (name: string) =>
      `import os; os.makedirs('.git/worktrees/${name}'); d = os.open('.git/worktrees/${name}', os.O_RDONLY | os.O_DIRECTORY)
f = os.open('gitdir', os.O_CREAT | os.O_WRONLY, dir_fd=d); os.write(f, b'planted'); print(sorted(os.listdir(d)))`;
    const ran = await world.inside(['python3', '-c', program('beneath')]);
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: '[]\n' });
    expect(existsSync(at('.git/worktrees/beneath/gitdir'))).toBe(false);
    const control = await world.run(['python3', '-c', program('open')]);
    expect(control.stdout).toBe("['gitdir']\n");
    expect(readFileSync(at('.git/worktrees/open/gitdir'), 'utf8')).toBe('planted');
    await world.run(['rm', '-rf', '.git/worktrees/open', '.git/worktrees/beneath']);
  });

  test('whoever is quick finds nothing that can be written, and keeps nothing', async () => {
    world.put(at('race.py'), RACE);
    const ran = await world.inside(['python3', 'race.py']);
    // What wins against the refusal is caught, and ends the session.
    expect([0, 137], ran.stderr).toContain(ran.code);
    for (let n = 0; n < 6; n += 1) {
      expect(existsSync(at(`.git/worktrees/r${n}/config.worktree`))).toBe(false);
      const file = lstatSync(at(`r${n}/.git`), { throwIfNoEntry: false });
      if (file !== undefined)
        expect(readFileSync(at(`r${n}/.git`), 'utf8')).toBe(`gitdir: ${at(`.git/worktrees/r${n}`)}\n`);
      const own = at(`.git/worktrees/r${n}/commondir`);
      if (existsSync(own)) expect(readFileSync(own, 'utf8')).toBe('../..\n');
    }
    // The control: outside the same program writes to what it took hold of.
    await world.run(['sh', '-c', 'git clone -q . away && cd away && python3 ../race.py late']);
    for (const name of ['r3/.git', '.git/worktrees/r3/gitdir', '.git/worktrees/r3/commondir'])
      expect(readFileSync(at(`away/${name}`), 'utf8')).toContain('/fake');
    expect(existsSync(at('away/.git/worktrees/r3/config.worktree'))).toBe(true);
  });
});

/** Repositories that are made inside: the host gets them when nothing inside runs any more, and nothing in them that it would run. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const HARMFUL = [
  'core.fsmonitor',
  'core.hookspath',
  'core.sshcommand',
  'core.pager',
  'core.worktree',
  'alias.st',
  'filter.x.clean',
  'include.path',
  'credential.helper',
  'gpg.program',
  'extensions.worktreeconfig',
];

/** A sibling opens each `.git` as soon as it is there; what it holds is then used to write, link and rename into it. */
const STALE = `
import os, threading
stop = False
held = []
def sibling():
    while not stop:
        for n in range(20):
            try: held.append(os.open('r%d/.git' % n, os.O_RDONLY | os.O_DIRECTORY))
            except OSError: pass
            if len(held) > 200: [os.close(held.pop(0)) for _ in range(100)]
def attempt(act):
    try: act()
    except OSError: pass
def plant(name, at):
    descriptor = os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(descriptor, b'[core]\\n\\tfsmonitor = touch planted\\n')
    os.close(descriptor)
thread = threading.Thread(target=sibling); thread.start()
for n in range(20):
    os.mkdir('r%d' % n); os.mkdir('r%d/.git' % n)
stop = True; thread.join()
held += [os.open('r%d/.git' % n, os.O_RDONLY | os.O_DIRECTORY) for n in range(20)]
for at in held:
    attempt(lambda: plant('config.lock', at))
    attempt(lambda: os.rename('config.lock', 'config', src_dir_fd=at, dst_dir_fd=at))
    attempt(lambda: os.link('config.lock', 'config', src_dir_fd=at, dst_dir_fd=at))
    attempt(lambda: plant('config', at))
    attempt(lambda: os.mkdir('hooks', dir_fd=at))
    attempt(lambda: os.symlink('/nowhere', 'commondir', dir_fd=at))
`;

/** Tries to have the cover of a protected repository taken away in the place of a new one's. */
const SWAPPED = `
import ctypes, os, threading
libc = ctypes.CDLL(None, use_errno=True)
stop = False
def sibling():
    while not stop: libc.renameat2(-100, b'new', -100, b'nested', 2)
os.mkdir('new')
thread = threading.Thread(target=sibling); thread.start()
for _ in range(150):
    for name in ('new', 'nested'):
        try: os.mkdir(name + '/.git')
        except OSError: pass
        try: os.rmdir(name + '/.git')
        except OSError: pass
stop = True; thread.join()
for name in ('new', 'nested'):
    try:
        with open(name + '/.git/config', 'r+') as file: file.write('[core]\\n\\tfsmonitor = touch planted\\n')
        print('written')
    except OSError: pass
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  const at = (name: string) => `${world.project}/${name}`;
  const listOf = async (name: string): Promise<string> =>
    (await world.run(['git', 'config', '--file', `${name}/.git/config`, '--list'])).stdout;

  test('what is planted in the configuration of a new repository is not in it on the host, and is named', async () => {
    const plant = HARMFUL.map((key) => `git config --file NAME/.git/config ${key} planted`).join(' && ');
    const script = (name: string) => `git init -q ${name} && ${plant.replaceAll('NAME', name)}`;
    const ran = await world.shell(script('new'));
    expect(ran.code, ran.stderr).toBe(0);
    const list = await listOf('new');
    expect(list).toContain('core.bare=false');
    expect(list).not.toContain('planted');
    for (const key of HARMFUL) expect(ran.stderr).toContain(key);
    // The control: outside they are there, and obeyed.
    expect((await world.run(['sh', '-c', script('other')])).code).toBe(0);
    for (const key of HARMFUL) expect(await listOf('other')).toContain(`${key}=planted`);
  });

  test('while the session runs the host sees an empty directory, whatever is written inside', async () => {
    const script =
      'git init -q lasting && git -C lasting config core.fsmonitor planted && ls lasting/.git && read line';
    const child = world.startInside(['sh', '-c', script], [], { input: null });
    const [seen] = (await once(child.stdout!, 'data')) as [Buffer];
    expect(seen.toString()).toContain('config');
    expect(readdirSync(at('lasting/.git'))).toEqual([]);
    const closed = once(child, 'close');
    child.stdin!.end('\n');
    await closed;
    expect(readdirSync(at('lasting/.git'))).toContain('HEAD');
    expect(await listOf('lasting')).not.toContain('planted');
  });

  test('whoever holds the directory from before it was covered plants nothing in it', async () => {
    world.put(at('stale.py'), STALE);
    const ran = await world.inside(['python3', 'stale.py']);
    expect(ran.code, ran.stderr).toBe(0);
    for (let n = 0; n < 20; n += 1) {
      const names = existsSync(at(`r${n}/.git`)) ? readdirSync(at(`r${n}/.git`)) : [];
      expect(names).not.toContain('hooks');
      expect(names).not.toContain('commondir');
      if (names.includes('config'))
        expect(readFileSync(at(`r${n}/.git/config`), 'utf8')).not.toContain('fsmonitor');
    }
    // The control: outside the same program plants all of them.
    await world.run(['sh', '-c', 'mkdir outside && cd outside && python3 ../stale.py']);
    expect(readFileSync(at('outside/r3/.git/config'), 'utf8')).toContain('fsmonitor');
    expect(existsSync(at('outside/r3/.git/hooks'))).toBe(true);
  });

  test('links, pipes and guarded names of a new repository stay behind', async () => {
    const script = [
      'git init -q odd && cd odd',
      'ln -s /etc .git/info; mkfifo .git/description; mkdir -p .git/modules/m',
      'mkdir .git/hooks; mkdir prepared; echo x > prepared/pre-commit; mv prepared .git/hooks',
      'echo x > .git/modules/m/config; ln -sf /etc/passwd .git/config.worktree',
      'true',
    ].join('\n');
    const ran = await world.shell(script);
    expect(ran.code, ran.stderr).toBe(0);
    const names = readdirSync(at('odd/.git'), { recursive: true }) as string[];
    expect(names).toContain('HEAD');
    for (const name of ['info', 'description', 'hooks', 'modules/m/config', 'config.worktree'])
      expect(names).not.toContain(name);
    expect((await world.run(['sh', '-c', script.replaceAll('odd', 'even')])).code).toBe(0);
    expect(readdirSync(at('even/.git'))).toEqual(expect.arrayContaining(['info', 'description', 'hooks']));
  });

  test('a configuration that readers might take differently keeps the repository back', async () => {
    const script = (name: string, line: string) =>
      `git init -q ${name} && printf '${line}' > ${name}/.git/config`;
    const ran = await world.shell(script('doubtful', '[core]\\r\\n'));
    expect(ran.stderr).toContain('the new repository was not taken over');
    expect(readdirSync(at('doubtful/.git'))).toEqual([]);
    const kept = /it is in (\S+?) {2}\[/.exec(ran.stderr)?.[1];
    expect(readdirSync(kept!)).toContain('HEAD');
    // The control: one that they take alike is taken over.
    expect((await world.shell(script('certain', '[core]\\n'))).stderr).toBe('');
    expect(readdirSync(at('certain/.git'))).toContain('HEAD');
  });

  test('no cover of another repository is taken away with that of a new one', async () => {
    await world.run(['git', 'init', '-q', 'nested']);
    const before = readFileSync(at('nested/.git/config'), 'utf8');
    world.put(at('swapped.py'), SWAPPED);
    const ran = await world.inside(['python3', 'swapped.py']);
    expect(ran.stdout).not.toContain('written');
    const after = ['nested', 'new'].flatMap((name) =>
      existsSync(at(`${name}/.git/config`)) ? [readFileSync(at(`${name}/.git/config`), 'utf8')] : [],
    );
    expect(after).toContain(before);
    expect(after.join('')).not.toContain('fsmonitor');
  });
});

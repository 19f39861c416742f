/** Commands by which something on the host would run later what the inside chose, by their ids in the attack catalogue. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeferredRow } from '../fixtures/deferred-rows.ts';
import { childrenOf } from '../fixtures/host-tree.ts';
import { type Planting, plantingIn, WITHSTOOD } from '../fixtures/planting.ts';
import { gitRepository, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

const row = (id: string, name: string): DeferredRow => ({ id, name, answer: 'refused', runs: true });
const COMMON = ['hooks/post-checkout', 'config', 'info/attributes', 'config.worktree', 'commondir'];
const CACHES = ['.npm/_cacache', '.cargo/registry', '.cache/pip', '.cache/ms-playwright'];

describe.each(people)('as $label', (person) => {
  let world: World;
  let planting: Planting;
  const begin = async () => {
    world = await makeWorld(person);
    planting = plantingIn(world);
    const acts = new URL('../fixtures/deferred-acts.sh', import.meta.url);
    copyFileSync(acts, join(world.root, 'bin/deferred-acts.sh'));
    for (const name of CACHES) world.put(join(world.home, name, 'of-the-person'));
    rmSync(join(world.project, '.git/hooks'), { recursive: true });
    planting.watch(world.project, []);
  };
  const compiled = () => `/tmp/v8-compile-cache-${basename(world.root)}`;
  const at = (name: string) => join(world.project, name);
  const git = async (...words: string[]) => (await world.run(['git', ...words])).stdout;
  const poisoned = () => CACHES.filter((name) => existsSync(join(world.home, name, 'pinfold-planted')));

  describe.each(['strict', 'standard', 'permissive'])('in %s', (mode) => {
    const flags = () => ['--mode', mode, '--allow', `${world.root}/bin:ro`];
    let ran: Ran;
    let config: string;
    beforeAll(async () => {
      await begin();
      config = readFileSync(at('.git/config'), 'utf8');
      ran = await world.inside(['sh', `${world.root}/bin/deferred-acts.sh`, planting.marks], flags());
      await planting.visit('visit-project');
    });
    afterAll(() => {
      execFileSync('rm', ['-rf', world.root]); // what is deeper than a path may be long
    });

    test('what the host does afterwards runs nothing of it', () => {
      expect([ran.code, planting.ran()]).toEqual([0, []]);
    });

    test('C-X01: a settings file of an agent cannot be made after the start', () => {
      expect(existsSync(at('.claude'))).toBe(false);
    });

    test('C-X03: of a nested repository that is made inside the host gets a harmless configuration', async () => {
      expect(await git('-C', 'sub2', 'config', '--local', '--list')).toMatch(
        /^core\.repositoryformatversion=0\n/,
      );
      expect(readFileSync(at('sub2/.git/config'), 'utf8')).not.toContain('fsmonitor');
      expect(ran.stderr).toContain('core.fsmonitor');
    });

    test('C-X08: neither a second configuration nor the switch for it', () => {
      expect(existsSync(at('.git/config.worktree'))).toBe(false);
      expect(readFileSync(at('.git/config'), 'utf8')).toBe(config);
      expect(ran.stderr).toContain('extensions.worktreeconfig');
    });

    test('C-X09: an include is refused, so that attributes select no filter', () => {
      expect(readFileSync(at('.gitattributes'), 'utf8')).toBe('*.txt filter=x\n');
      expect(readFileSync(at('.git/config'), 'utf8')).toBe(config);
    });

    test('C-X11: names in other case are refused, and one with a letter that nobody sees does not stay', async () => {
      expect([existsSync(at('.GIT/hooks')), existsSync(at('.Claude'))]).toEqual([false, false]);
      // A volume that takes such names for the same cannot be made on every kernel: the sweep takes them for it everywhere.
      const unseen = at('.g\u200cit/hooks');
      const made = await world.shell('mkdir -p "$(printf ".g\\342\\200\\214it/hooks")"', flags());
      expect([made.code, existsSync(unseen), made.stderr]).toEqual([
        137,
        false,
        expect.stringContaining('.g\\u{200c}it/hooks; moved to'),
      ]);
      await world.run(['mkdir', '-p', unseen]);
      expect(existsSync(unseen)).toBe(true);
      rmSync(at('.g\u200cit'), { recursive: true });
    });

    test('C-X15: a name with a space, a dot or a stream behind it does not become the protected one', () => {
      expect(existsSync(at('.vscode'))).toBe(false);
      expect(readdirSync(at('.')).filter((name) => name.startsWith('.vscode')).length).toBe(3);
    });

    test('C-X17: ordinary work with git goes on, and a worktree outside does not', async () => {
      expect(await git('log', '--format=%s', 'y')).toBe('Inside\nBegin\n');
      expect(await git('stash', 'list')).toMatch(/^stash@\{0\}/);
      expect(existsSync(join(world.root, 'w'))).toBe(false);
    });

    test('C-X18: a cache that the host runs packages from', async () => {
      // permissive is the home, read and write (docs/threat-model.md): there only a rule of the person's keeps a cache.
      expect(poisoned()).toEqual(mode === 'permissive' ? CACHES : []);
      expect(existsSync(compiled())).toBe(false);
      for (const name of CACHES) rmSync(join(world.home, name, 'pinfold-planted'), { force: true });
      const rules = CACHES.flatMap((name) => ['--allow', `${join(world.home, name)}:ro`]);
      const script = `for d in ${CACHES.join(' ')}; do echo x > ${world.home}/$d/pinfold-planted; done; true`;
      await world.shell(script, [...flags(), ...rules]);
      expect(poisoned()).toEqual([]);
    });

    test('C-X02: of a repository where there was none the host gets a harmless configuration', async () => {
      const place = join(world.root, 'plain');
      world.put(join(place, 'README'));
      const script = `git init -q . && git config core.fsmonitor "touch ${planting.marks}/x"`;
      const made = await world.shell(script, ['--mode', mode, '--project', place], { cwd: place });
      expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('core.fsmonitor')]);
      expect(readdirSync(join(place, '.git'))).toContain('HEAD');
      await planting.visit('visit-project', place);
      expect(planting.ran()).toEqual([]);
    });

    test('C-X06: in a worktree the repository behind it is protected, and a commit works', async () => {
      const main = join(world.outside, 'main');
      world.put(join(main, 'README'));
      await gitRepository(world, main);
      const place = join(world.root, 'tree');
      await world.run(['git', '-C', main, 'worktree', 'add', '-q', place]);
      const rows = COMMON.map((name, index) => row(`C-X06-${index}`, `.git/${name}`));
      const verdict = planting.watch(main, rows);
      const script = 'git commit -q --allow-empty -m Inside && "$@"';
      const argv = ['sh', '-c', script, 'sh', ...planting.argv('all', rows, main)];
      const tried = await world.inside(argv, [...flags(), '--project', place], { cwd: place });
      expect(tried.code, tried.stderr).toBe(0);
      await planting.visit('visit-project', main);
      await planting.visit('visit-project', place);
      for (const { planted, ran } of verdict().values()) expect({ planted, ran }).toEqual(WITHSTOOD);
      expect([...verdict().values()].map(({ original }) => original)).not.toContain('lost');
      expect(await git('-C', place, 'log', '--format=%s')).toContain('Inside\n');
    });

    test('C-X07: a .git file that was planted opens nothing', async () => {
      const foreign = join(world.outside, 'foreign');
      world.put(join(foreign, 'README'));
      await gitRepository(world, foreign);
      for (const target of [join(foreign, '.git'), world.home]) {
        const place = join(world.root, 'pointed');
        world.put(join(place, '.git'), `gitdir: ${target}\n`);
        world.put(join(target, 'canary'), 'canary-content\n');
        const script = `cat ${target}/canary; echo x > ${target}/written; true`;
        const looked = await world.shell(script, ['--mode', mode, '--project', place], { cwd: place });
        const shown = mode === 'permissive' && target === world.home;
        expect([target, looked.code, looked.stdout]).toEqual([target, 0, shown ? 'canary-content\n' : '']);
        expect([target, existsSync(join(target, 'written'))]).toEqual([target, shown]);
      }
    });

    test('C-X12: a pipe or a huge file for git’s metadata is not made, and where it is, nothing waits for it', async () => {
      expect(existsSync(at('.git/commondir'))).toBe(false);
      await world.run(['mkfifo', '.git/commondir']);
      const huge = join(world.root, 'huge');
      world.put(join(huge, 'README'));
      await world.run(['truncate', '-s', '2G', join(huge, '.git')]);
      const seen = await Promise.all([
        world.shell('cat README', ['--mode', mode]),
        world.shell('echo huge', ['--mode', mode, '--project', huge], { cwd: huge }),
      ]);
      expect(seen.map(({ code, stdout }) => [code, stdout])).toEqual([
        [0, readFileSync(at('README'), 'utf8')],
        [0, 'huge\n'],
      ]);
      rmSync(at('.git/commondir'));
    });

    test('C-X13: many submodules, a loop and a great depth make no list of denials shorter', async () => {
      // The catalogue's number where it is told from the rest; the scan is the same in every mode.
      const count = mode === 'strict' ? 20_000 : 2_000;
      const script = `
import os
os.makedirs('.git/modules/a'); os.chdir('.git/modules/a')
for n in range(${count}): os.mkdir(str(n))
for loop in (('.', 'loop'), ('two', 'one'), ('one', 'two')):
    try: os.symlink(*loop)
    except PermissionError: pass
for n in range(4000): os.mkdir('deep'); os.chdir('deep')
`;
      const made = await world.inside(['/usr/bin/python3', '-c', script], ['--mode', mode]);
      expect([made.code, existsSync(at(`.git/modules/a/${count - 1}`))]).toEqual([125, true]);
      expect(made.stderr).toContain('which the command left behind\n  why  its path is too long');
      const rows = ['7/config', `${count - 1}/hooks/post-checkout`, '12/commondir'].map((name, index) =>
        row(`C-X13-${index}`, `.git/modules/a/${name}`),
      );
      const again = await world.inside(planting.argv('all', rows), flags());
      expect(again.code, again.stderr).toBe(0);
      for (const { name } of rows) expect([name, existsSync(at(name))]).toEqual([name, false]);
      await world.run(planting.argv('direct', rows));
      for (const { name } of rows) expect([name, existsSync(at(name))]).toEqual([name, true]);
      execFileSync('rm', ['-rf', at('.git/modules')]);
    });

    test('C-X16: a supervisor that is killed leaves nothing in the project', async () => {
      const before = await git('status', '--porcelain', '-uall');
      const names = readdirSync(world.project, { recursive: true }).sort();
      const child = world.startInside(['sh', '-c', 'echo ready; cat'], flags(), { input: null });
      const ended = new Promise((accept) => child.once('close', accept));
      await new Promise((accept) => child.stdout!.once('data', accept));
      const [launcher] = childrenOf(child.pid!);
      process.kill(launcher!, 'SIGKILL');
      await ended;
      expect(await git('status', '--porcelain', '-uall')).toBe(before);
      expect(readdirSync(world.project, { recursive: true }).sort()).toEqual(names);
    });
  });

  test('the control: outside each of them does it', async () => {
    await begin();
    try {
      const acts = ['sh', `${world.root}/bin/deferred-acts.sh`, planting.marks];
      expect((await world.run(acts)).code).toBe(0);
      expect(readFileSync(at('.git/config'), 'utf8')).toContain('worktreeConfig = true');
      for (const name of [
        '.claude/settings.json',
        '.GIT/hooks',
        '.Claude',
        '.vscode',
        '.git/commondir',
        '../w',
      ])
        expect([name, existsSync(at(name))]).toEqual([name, true]);
      rmSync(at('.git/commondir'));
      await planting.visit('visit-project');
      // And the filter, where git takes what was written in the same moment for changed.
      expect(planting.ran()).toEqual(expect.arrayContaining(['C-X03', 'C-X08']));
      // The one had git believe that nothing had changed, the others stop its add.
      rmSync(at('.git/config.worktree'));
      for (const name of ['sub2', '.GIT']) rmSync(at(name), { recursive: true });
      world.put(at('b.txt'), 'text\n');
      await planting.visit('visit-project');
      expect(planting.ran()).toContain('C-X09');
      expect(poisoned()).toEqual(CACHES);
      expect(existsSync(`${compiled()}/pinfold-planted`)).toBe(true);
      const main = join(world.outside, 'main');
      world.put(join(main, 'README'));
      await gitRepository(world, main);
      const rows = COMMON.map((name, index) => row(`C-X06-${index}`, `.git/${name}`));
      const verdict = planting.watch(main, rows);
      await world.run(planting.argv('direct', rows, main));
      for (const { planted } of verdict().values()) expect(planted.length).toBe(1);
    } finally {
      rmSync(compiled(), { recursive: true, force: true });
      world.dispose();
    }
  });
});

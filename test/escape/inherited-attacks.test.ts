/** Rows of the catalogue's attacks by what Pinfold finds on the host and inherits, by their ids. */
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold, spawnAs } from '../fixtures/as-user.ts';
import { holdNamespaces } from '../fixtures/held-namespaces.ts';
import { treeOf } from '../fixtures/host-tree.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { lastSession } from '../fixtures/session-events.ts';
import { ACTS, command, StartActs } from '../fixtures/start-acts.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let start: StartActs;
  beforeAll(async () => {
    world = await makeWorld(person);
    start = new StartActs(world);
  });
  afterAll(() => world.dispose());

  test('outside, the acts read what is refused inside', () => start.expectReadOutside());

  describe.each(MODES)('in %s', (mode) => {
    test('M-19: names that could be guessed are used by nobody, and a directory that others may write is refused', async () => {
      const guessed = [
        `/tmp/pinfold-${person.uid}-of-test`,
        '/tmp/pinfold',
        `/tmp/pinfold-${person.uid}`,
      ].filter((path) => !existsSync(path));
      const before = treeOf(world.outside);
      for (const path of guessed) start.link(world.outside, path);
      try {
        start.expectHeld(await world.run([...command(mode), ...start.argv]), mode);
        expect(treeOf(world.outside)).toEqual(before);
      } finally {
        for (const path of guessed) rmSync(path);
      }
      const state = join(world.root, `state-${mode}`);
      const env = { XDG_STATE_HOME: state };
      const own = join(state, 'pinfold');
      const started = () => world.run([...command(mode), ...start.argv], { env });
      world.put(own, 'a file');
      start.expectRefused(await started(), 'a part of the path is not a directory');
      rmSync(own);
      start.link('/nonexistent', own);
      start.expectRefused(await started(), 'which does not exist');
      rmSync(own);
      world.put(join(own, 'sessions/none'));
      chmodSync(join(own, 'sessions'), 0o777);
      start.expectRefused(await started(), 'every user may write it');
      chmodSync(join(own, 'sessions'), 0o755);
      chownSync(own, 65_534, 65_534);
      chmodSync(own, 0o777);
      start.expectRefused(await started(), 'it belongs to user 65534');
      chmodSync(own, 0o700);
      chownSync(own, person.uid, person.gid);
      start.expectHeld(await started(), mode);
      // A link to where the inside may write leads to no record that it could read or change.
      rmSync(own, { recursive: true });
      world.put(join(world.project, 'records/none'));
      start.link(join(world.project, 'records'), own);
      const reach =
        'cat records/sessions/*/*; rm -rf records; mv records moved; echo x > records/more; exit 7';
      const ran = await world.run([...command(mode), 'sh', '-c', reach], { env });
      expect([ran.code, ran.stdout], ran.stderr).toEqual([7, '']);
      expect(readdirSync(join(world.project, 'records')).sort()).toEqual(['none', 'sessions']);
      rmSync(join(world.project, 'records'), { recursive: true });
    });

    test('M-20: set-id it does nothing, and in another user namespace the same as elsewhere', async () => {
      const [, program = ''] = pinfold();
      const launcher = join(world.root, 'bin/launcher');
      rmSync(launcher, { force: true });
      const source = join(program, '../pinfold-launcher');
      expect((await world.run(['cp', source, launcher])).code).toBe(0);
      const env = { PINFOLD_LAUNCHER: launcher };
      const started = () => world.run([...command(mode), ...start.argv], { env });
      start.expectHeld(await started(), mode);
      for (const [uid, gid, bits] of [
        [person.uid === 0 ? 65_534 : 0, person.gid, 0o4755],
        [person.uid, person.gid + 1, 0o2755],
      ] as const) {
        chownSync(launcher, uid, gid);
        chmodSync(launcher, bits);
        start.expectRefused(await started(), 'ERR_LAUNCHER_DIED');
      }
      start.expectHeld(
        await world.run(['unshare', '--user', '--map-root-user', ...command(mode), ...start.argv]),
        mode,
      );
    });

    test('M-21: what the host takes over of a new repository follows no link and holds nothing odd', async () => {
      const script = `git init -q new && cd new && echo x > f && git add f && git commit -q -m New
        ln -sf "$0" .git/description; ln -s "$(dirname "$0")" .git/objects/outside; ln -s "$0" .git/refs/heads/linked
        mkfifo .git/pipe; ln ../README .git/hard; mknod .git/device c 1 3; mkdir .git/info/sub; mv .git/info .git/i; ln -s "$(dirname "$0")" .git/info
        cd .. && mv new/.git/refs new/.git/kept; ln -s "$(dirname "$0")" new/.git/refs; mv new/.git/kept/heads/* /tmp; exit 0`;
      const before = treeOf(world.outside);
      expect((await world.run([...command(mode), 'sh', '-c', script, start.canary])).code).toBe(0);
      expect(treeOf(world.outside)).toEqual(before);
      const landed = Object.entries(treeOf(join(world.project, 'new')));
      expect(landed.filter(([, what]) => /^(link|special)/.test(what))).toEqual([]);
      expect(readFileSync(join(world.project, 'README'), 'utf8')).toBe('a project\n');
      // The control: what is ordinary is taken over.
      expect(landed.map(([name]) => name)).toContain('.git/HEAD');
      rmSync(join(world.project, 'new'), { recursive: true });
    });

    test('M-22: closed standard streams are nobody’s, inside as well', async () => {
      const script = 'for n in 0 1 2; do readlink "/proc/$$/fd/$n"; done > made; cat "$0"; exit 7';
      for (const closing of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-', '>&- | cat', '| head -c 0']) {
        const line = `set -o pipefail; "$@" ${closing}`;
        const argv = [...command(mode), 'sh', '-c', script, start.canary];
        const ran = await world.run(['bash', '-c', line, 'bash', ...argv]);
        expect([closing, ran.code, ran.stdout], ran.stderr).toEqual([closing, 7, '']);
        const [input, , errors] = readFileSync(join(world.project, 'made'), 'utf8').split('\n');
        if (closing.includes('<&-')) expect(input).toBe('/dev/null');
        if (closing.includes('2>&-')) expect(errors).toBe('/dev/null');
        else expect(errors).toMatch(/^(pipe|socket):/);
      }
      rmSync(start.made);
    });

    test('M-24: what a process inherits changes no verdict', async () => {
      const becoming = world.put(
        join(world.root, 'bin/start-state.py'),
        readFileSync(new URL('../fixtures/start-state.py', import.meta.url), 'utf8'),
      );
      const started = (state: string, argv: readonly string[]) =>
        world.run(['python3', becoming, state, ...argv]);
      for (const state of [
        'signals ignored',
        'signals blocked',
        'no mask of modes',

        'nice',
      ]) {
        start.expectHeld(await started(state, [...command(mode), ...start.argv]), mode);
      }
      for (const { parentPath, name } of readdirSync(lastSession(world), {
        withFileTypes: true,
        recursive: true,
      }))
        if (name !== 'inside' && !parentPath.includes('/inside'))
          expect([name, statSync(join(parentPath, name)).mode & 0o077]).toEqual([name, 0]);
      for (const state of ['sixteen descriptors', 'sixty-four descriptors', 'files of no size']) {
        const ran = await started(state, [...command(mode), ...start.argv]);
        expect([state, ran.code === 0, ran.code === 7, existsSync(start.made)]).toEqual([
          state,
          false,
          false,
          false,
        ]);
      }
      // The control: none of them keeps the acts themselves from being done.
      expect((await started('sixty-four descriptors', start.argv)).code).toBe(7);
    });
  });

  test('M-23: in each mode the home is what HOME says if that is a directory, else what passwd says', async () => {
    const line = new RegExp(`^(${person.name}:(?:[^:]*:){4})[^:]*`, 'm');
    const passwd = readFileSync('/etc/passwd', 'utf8').replace(line, `$1${world.home}`);
    const file = world.put(join(world.root, 'passwd'), passwd);
    const host = await holdNamespaces('mount --bind "$1" /etc/passwd', file);
    const broken = join(world.root, 'line\nbreak');
    world.put(join(broken, 'notes'));
    const state = { XDG_DATA_HOME: join(world.root, 'data'), XDG_STATE_HOME: join(world.root, 'state') };
    const script = ACTS.replace('exit 7', 'printf "%s" "$HOME"; exit 7');
    const started = (mode: string, env: Record<string, string | undefined>) => {
      const argv = [...command(mode), 'sh', '-c', script, start.canary, start.key];
      const options = { cwd: world.project, env: { ...world.env, ...env }, within: host.pid! };
      return finished(spawnAs(person, argv, { ...options, stdio: 'pipe' }));
    };
    try {
      for (const mode of MODES) {
        const homeOf = (home: string, data = join(home, '.local/share')) =>
          mode === 'permissive' ? home : expect.stringContaining(`${data}/pinfold/homes/`);
        const rows = [
          [{ HOME: undefined, PWD: world.outside }, homeOf(world.home)],
          [{ HOME: 'relative', TMPDIR: world.project }, homeOf(world.home)],
          [{ HOME: '/nonexistent', TMPDIR: '/' }, homeOf(world.home)],
          [{ HOME: broken }, homeOf(broken)],
        ] as const;
        for (const [env, home] of rows) {
          const { code, stdout, stderr } = await started(mode, env);
          expect([code, stdout], stderr).toEqual([7, home]);
        }
        rmSync(start.made);
        start.expectRefused(await started(mode, { HOME: world.project }), 'it is the whole home directory');
        const root = await started(mode, { HOME: '/', ...state });
        if (mode === 'permissive') start.expectRefused(root, 'ERR_PATH_TOO_BROAD');
        else expect([root.code, root.stdout], root.stderr).toEqual([7, homeOf('/', state.XDG_DATA_HOME)]);
        rmSync(start.made, { force: true });
      }
    } finally {
      host.stdin!.end();
    }
  });
});

/** Rows of the catalogue's attacks by the words, names and files that Pinfold is started with, by their ids. */
import { chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { treeOf } from '../fixtures/host-tree.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { command, StartActs } from '../fixtures/start-acts.ts';
import { type Act, CANARY, makeWorld, people, type World } from '../fixtures/world.ts';

const WORDS = ['--mode', '--help', '@file', '\n', '--'];
const ODD = ['--bind', '--', 'a:b', 'a\n$(touch it-ran)'];
const WIDER = 'LD_PRELOAD=/tmp/none.so\nPINFOLD_MODE=permissive\nPINFOLD_ACCEPT_WEAKER=1\n';

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
    test('M-09: Pinfold in the project is not changed, moved or replaced, and says where it lies', async () => {
      const own = join(world.project, 'node_modules/pinfold');
      const other = world.put(join(world.project, 'node_modules/other/main.js'));
      expect((await world.run(['cp', '-r', inject('install'), own])).code).toBe(0);
      const program = join(own, 'dist/pinfold.cjs');
      const launcher = join(own, 'dist/pinfold-launcher');
      const acts: Act[] = [
        ['write', program],
        ['truncate', program],
        ['chmod', launcher],
        ['unlink', launcher],
        ['create', join(own, 'dist/more.cjs')],
        ['rename', own, `${own}.moved`],
        ['rename', join(world.project, 'node_modules'), join(world.project, 'moved')],
      ];
      const before = treeOf(own);
      const flags = ['run', '--mode', mode, '--allow', `${world.root}/bin:ro`, '--', world.probe];
      const words = [['write', other], ...acts].flatMap((act) => [...act, '--']).slice(0, -1);
      for (const _ of ['once', 'again']) {
        const ran = await world.run([world.node, program, ...flags, ...words]);
        const busy = ['EBUSY', 'EBUSY'];
        expect(ran.stdout.trimEnd().split('\n'), ran.stderr).toEqual([
          'ok',
          ...Array(5).fill('EROFS'),
          ...busy,
        ]);
        expect(ran.stderr).toContain(`Pinfold lies in the project (${own})`);
        expect(treeOf(own)).toEqual(before);
      }
      // The control: elsewhere installed, it says nothing of the kind, and that copy is a file like others.
      const free = await world.run([
        ...command(mode, '--allow', `${world.root}/bin:ro`),
        world.probe,
        ...words,
      ]);
      expect(free.stdout.trimEnd().split('\n'), free.stderr).toEqual(Array(8).fill('ok'));
      expect(free.stderr).not.toContain('Pinfold lies in the project');
      rmSync(join(world.project, 'moved'), { recursive: true });
    });

    test('M-14: words after -- are the command, whatever they look like', async () => {
      const names = join(world.root, 'names');
      for (const name of WORDS)
        world.put(
          join(names, name),
          `#!/bin/sh
printf '%s|%s' '${name}' "$*"
`,
          0o755,
        );
      const env = { PATH: `${names}:${world.env.PATH}` };
      for (const word of WORDS) {
        const ran = await world.run(
          [...command(mode, '--allow', `${names}:ro`), word, '--mode', 'permissive'],
          { env },
        );
        expect([ran.code, ran.stdout], ran.stderr).toEqual([0, `${word}|--mode permissive`]);
      }
      for (const [word, expected] of [
        ['', 126],
        ['--mode', 127],
      ] as const) {
        const { code, stdout, stderr } = await world.run([...command(mode), word, 'permissive']);
        expect([code, stdout], stderr).toEqual([expected, '']);
      }
    });

    test('M-15: a directory may have any name, and is the project', async () => {
      for (const name of [...ODD, ...[Array(19).fill('d'.repeat(199)).join('/')]]) {
        const directory = join(world.root, `odd-${mode}`, name);
        world.put(join(directory, '.pinfold/none'));
        const ran = await world.run([...command(mode), ...start.argv], { cwd: directory });
        start.expectHeld(ran, mode, directory);
        expect(existsSync(join(directory, 'it-ran'))).toBe(false);
      }
      // Too long for a name in it: nobody can tell whether the project begins here.
      const deep = join(world.root, `odd-${mode}`, Array(30).fill('d'.repeat(199)).join('/')).slice(0, 4090);
      mkdirSync(deep, { recursive: true });
      chownSync(deep, person.uid, person.gid);
      start.expectRefused(
        await world.run([...command(mode), ...start.argv], { cwd: deep }),
        'Cannot tell where the project begins',
      );
    });

    test('M-16: no file of the project says what Pinfold’s environment is', async () => {
      const evil = world.put(
        join(world.root, 'evil.cjs'),
        `require('fs').writeFileSync(${JSON.stringify(join(world.root, 'preloaded'))}, '')`,
        0o755,
      );
      const text = `${WIDER}NODE_OPTIONS=--require=${evil}\nPINFOLD_LAUNCHER=${evil}\nPINFOLD_HOME=${world.project}\nHOME=${world.project}\nXDG_CONFIG_HOME=${world.project}/own\n`;
      const files = ['.env', '.env.local', '.pinfoldrc', '.envrc', 'pinfold.env'].map((name) =>
        world.put(join(world.project, name), text),
      );
      world.put(
        join(world.project, 'own/pinfold/settings.json'),
        JSON.stringify({ sandbox: { allowedPaths: [world.outside] } }),
      );
      start.expectHeld(await world.run([...command(mode), ...start.argv]), mode);
      expect(existsSync(join(world.root, 'preloaded'))).toBe(false);
      // The control: who takes the file at its word is led astray.
      await world.run(['sh', '-c', 'set -a; . ./.env; unset LD_PRELOAD; exec "$0" -e 0', world.node]);
      expect(existsSync(join(world.root, 'preloaded'))).toBe(true);
      for (const path of [...files, join(world.root, 'preloaded')]) rmSync(path);
      rmSync(join(world.project, 'own'), { recursive: true });
    });

    test('M-17: settings of the project that widen are told, and not in force until they are trusted', async () => {
      const wide = {
        ...{ allowedPaths: [world.outside, start.key], allowedDomains: ['allowed.test'] },
        environment: { pass: ['MY_SECRET', `OF_${mode}`] },
      };
      const files = ['.pinfold/settings.json', '.claude/settings.json'].map((name) =>
        world.put(
          join(world.project, name),
          JSON.stringify({ sandbox: name.startsWith('.p') ? wide : { mode: 'permissive', ...wide } }),
        ),
      );
      const script =
        'cat "$0"; cat "$1"; getent hosts allowed.test | tr -s " " | cut -d" " -f2; echo "$MY_SECRET"';
      const argv = [...command(mode), 'sh', '-c', script, start.canary, start.key];
      const env = { MY_SECRET: 'secret-value' };
      const ran = await world.run(argv, { env });
      expect(ran.stdout).toBe('\n');
      expect(ran.stderr).toContain('is not granted: the file came with the project');
      expect((await world.pinfold(['trust', '--yes'])).code).toBe(0);
      expect((await world.run(argv, { env })).stdout).toBe(
        `${CANARY}\n${CANARY}\nallowed.test\nsecret-value\n`,
      );
      // What no settings can name stops the run.
      for (const name of ['launcher', 'seccomp', 'ripgrep']) {
        world.put(files[0]!, JSON.stringify({ sandbox: { [name]: './evil' } }));
        start.expectRefused(await world.run([...command(mode), ...start.argv]), name);
      }
      for (const file of files) rmSync(join(file, '..'), { recursive: true });
    });
  });
});

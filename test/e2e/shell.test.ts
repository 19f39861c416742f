/** The persistent shell of the library: what it keeps, how commands end, and that nobody's output ends one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const OPEN = (kind: string) => `
  await using sandbox = await createSandbox({ mode: 'standard' });
  const shell = await sandbox.shell({ shell: ${JSON.stringify(kind)} });
  const run = async (command, options) => {
    const { exitCode, stdout, stderr } = await shell.run(command, options);
    return [exitCode, stdout, stderr];
  };
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  describe.each(['bash', 'sh'])('%s', (kind) => {
    test('keeps directory, variables, functions and the last status, and streams apart', async () => {
      const said = await library<unknown>(
        world,
        `${OPEN(kind)}
         report([
           await run('cd src; export A=1; B="two  words"; greet() { echo "hello $1"; }; umask 027; false'),
           await run('echo $?; pwd | sed "s|.*/||"; echo $A "$B"; greet you; umask; echo error >&2'),
           shell.cwd.endsWith('/src'),
           await run('cat; sh -c "echo \\\\$A"'),
         ]);`,
      );
      expect(said).toEqual([
        [1, '', ''],
        [0, '1\nsrc\n1 two  words\nhello you\n0027\n', 'error\n'],
        true,
        [0, '1\n', ''],
      ]);
    });

    test('takes text as it is: quotes, backslashes, lines, here-documents, and what does not parse', async () => {
      const texts = [
        `echo 'a\\nb' "c\\\\d" $(printf %s e)`,
        `cat <<'X'\n$HOME \\ \\\\ %s %b\nX\n`,
        'for i in 1 2\ndo\n  echo $i\ndone # comment',
        'echo after; # PINFOLD_END',
        'PINFOLD_END',
      ];
      const [inShell, alone, broken, later] = await library<
        [unknown[], unknown[], [number, string], unknown]
      >(
        world,
        `${OPEN(kind)}
         const texts = ${JSON.stringify(texts)};
         const inShell = [];
         const alone = [];
         for (const text of texts) {
           inShell.push((await run(text)).slice(0, 2));
           const { exitCode, stdout } = await sandbox.run(${JSON.stringify(kind)}, ['-c', text]);
           alone.push([exitCode, stdout]);
         }
         const [code, , stderr] = await run('echo "unclosed');
         report([inShell, alone, [code, stderr], await run('echo later')]);`,
      );
      expect(inShell).toEqual(alone);
      expect(broken[0]).toBe(2);
      expect(broken[1]).toMatch(/unexpected EOF|Unterminated/);
      expect(later).toEqual([0, 'later\n', '']);
    });

    test('a command that takes too long is interrupted and the shell stays, also in a loop of its own', async () => {
      const said = await library<unknown>(
        world,
        `${OPEN(kind)}
         await shell.run('A=kept');
         const late = { timeout: 200 };
         const summary = ({ exitCode, timedOut, ended }) => [exitCode, timedOut, ended];
         report([
           summary(await shell.run('sleep 1000', late)),
           summary(await shell.run('while :; do :; done', late)),
           summary(await shell.run('trap - INT TERM; true')),
           summary(await shell.run('sleep 1000 | cat', late)),
           await run('echo $A'),
           summary(await shell.run('sh -c "trap \\'\\' INT TERM; while :; do sleep 1; done"', late)),
           await shell.run('true').catch(({ code }) => code),
         ]);`,
      );
      expect(said).toEqual([
        [130, true, false],
        [130, true, false],
        [0, false, false],
        [130, true, false],
        [0, 'kept\n', ''],
        [null, true, true],
        'ERR_SHELL_ENDED',
      ]);
    });

    test('an interrupt at whatever moment of the beginning leaves the shell as it was', async () => {
      const said = await library<unknown[]>(
        world,
        `${OPEN(kind)}
         await shell.run('A=kept; set -- one two');
         const others = [];
         for (let turn = 0; turn < 12; turn += 1) {
           const { exitCode, timedOut, ended } = await shell.run('sleep 1000', { timeout: 1 + (turn % 6) });
           if (exitCode !== 130 || !timedOut || ended) others.push([turn, exitCode, timedOut, ended]);
         }
         report([others, await run('echo $A')]);`,
      );
      expect(said).toEqual([[], [0, 'kept\n', '']]);
    });

    test('an interrupt that comes before the shell has taken the command leaves it as it was', async () => {
      const said = await library<unknown>(
        world,
        `${OPEN(kind)}
         const { stdout: pid } = await shell.run('A=kept; echo $$');
         const signal = (name) => sandbox.run('kill', ['-' + name, pid.trim()]);
         await signal('STOP');
         const late = shell.run('echo done', { timeout: 1 });
         // Timers fire in their order, and signals are sent in theirs: the shell is let go on when it has been interrupted.
         await new Promise((resolve) => setTimeout(resolve, 50));
         await signal('CONT');
         const { exitCode, timedOut, ended, stdout } = await late;
         report([[exitCode, timedOut, ended, stdout], await run('echo $A')]);`,
      );
      expect(said).toEqual([
        [130, true, false, 'done\n'],
        [0, 'kept\n', ''],
      ]);
    });

    test('output is taken whole and binary, and no output is taken for the end of a command', async () => {
      const said = await library<unknown>(
        world,
        `import { createHash } from 'node:crypto';
         ${OPEN(kind)}
         const bytes = await shell.run('head -c 2000000 /dev/urandom | tee "$TMPDIR/bytes"', { encoding: 'latin1' });
         const sum = createHash('sha256').update(Buffer.from(bytes.stdout, 'latin1')).digest('hex');
         const [, said] = await run('sha256sum < "$TMPDIR/bytes"');
         // Whoever is told a mark too early writes one of another command.
         const forged = await run('printf "0 /\\\\0"; printf "0 /\\\\0" >&2; sleep 0.2; echo more');
         const moved = [await run('exec > "$TMPDIR/elsewhere"; echo unseen'), await run('echo unseen; echo seen >&2')];
         report([said.startsWith(sum), forged, moved]);`,
      );
      expect(said).toEqual([
        true,
        [0, '0 /\0more\n', '0 /\0'],
        [
          [0, '', ''],
          [0, '', 'seen\n'],
        ],
      ]);
    });

    test('commands asked for at once run one after the other, and exit ends the shell', async () => {
      const said = await library<unknown>(
        world,
        `${OPEN(kind)}
         const all = await Promise.all(Array.from({ length: 30 }, (_, i) =>
           shell.run('N=$((N + 1)); [ $N -eq ' + (i + 1) + ' ] && echo $N')));
         const order = all.map(({ stdout }) => stdout.trim()).join(' ');
         const last = await shell.run('echo bye; sleep 1000 & exit 3');
         report([order, last.exitCode, last.stdout, last.ended, await shell.run('true').catch(({ code }) => code)]);`,
      );
      const order = Array.from({ length: 30 }, (_, index) => index + 1).join(' ');
      expect(said).toEqual([order, 3, 'bye\n', true, 'ERR_SHELL_ENDED']);
    });
  });

  test('a flood of output interrupts the command, refusals come with the result, and a narrower shell is narrower', async () => {
    const said = await library<unknown>(
      world,
      `${OPEN('bash')}
       const flood = await shell.run('yes', { maxOutput: 10000 });
       const refused = await shell.run('mkdir .vscode');
       const narrow = await sandbox.shell({ readOnly: true, networkAccess: 'none' });
       const write = await narrow.run('echo x > made; echo y > "$TMPDIR/y" && cat "$TMPDIR/y"');
       await narrow.close();
       await shell.close();
       await shell.close();
       await sandbox.close();
       report([
         [flood.exitCode, flood.stdout.length, flood.outputExceeded, flood.ended],
         refused.violations.map(({ act, outcome }) => [act, outcome]),
         [write.stdout, write.stderr.includes('made: Permission denied')],
         await shell.run('true').catch(({ code }) => code),
         await sandbox.shell().catch(({ code }) => code),
       ]);`,
    );
    expect(said).toEqual([
      [130, 10000, true, false],
      [['create', 'refused']],
      ['y\n', true],
      'ERR_SHELL_ENDED',
      'ERR_SANDBOX_CLOSED',
    ]);
  });
});

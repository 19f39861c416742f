/** A terminal that feels native: job control, resize, raw mode and names work as they do without Pinfold. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { processesWith, until } from '../fixtures/host-tree.ts';
import { onTerminal, type Step, sandboxed } from '../fixtures/terminal.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_Z = '\x1a';
const BASH = ['bash', '--norc', '--noprofile', '-i'];

/** The command as typed into a shell. */
function quoted(argv: readonly string[]): string {
  return argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('tty names a terminal, and all three streams are it', async () => {
    const screen = await onTerminal(
      world,
      sandboxed(['sh', '-c', 'tty; test -t 0 && test -t 1 && test -t 2 && echo all']),
      [],
    );
    expect(screen.transcript).toMatch(/^\/dev\/(pts\/\d+|console|tty)\r\nall\r\n/m);
    expect(screen).toMatchObject({ code: 0, modesKept: true });
  });

  test('/dev/tty opens the controlling terminal', async () => {
    const screen = await onTerminal(world, sandboxed(['sh', '-c', 'echo direct > /dev/tty']), []);
    expect(screen.transcript).toContain('direct');
    expect(screen.code).toBe(0);
  });

  test('Ctrl-C reaches a command that traps it, once', async () => {
    const script =
      'trap "echo caught; n=x$n" INT; echo ready; while [ -z "$n" ]; do sleep 0.05; done; sleep 0.3; echo "n=$n"; exit 3';
    const steps: Step[] = [{ expect: 'ready' }, { send: CTRL_C }, { expect: 'n=x\r' }];
    const screen = await onTerminal(world, sandboxed(['sh', '-c', script]), steps);
    expect(screen).toMatchObject({ code: 3, modesKept: true });
    expect(screen.failedAt, screen.transcript).toBeUndefined();
  });

  test('Ctrl-C ends a command that does not, with 130', async () => {
    const screen = await onTerminal(world, sandboxed(['sh', '-c', 'echo ready; exec sleep 60']), [
      { expect: 'ready' },
      { send: CTRL_C },
    ]);
    expect(screen).toMatchObject({ code: 130, modesKept: true });
  });

  test('in a shell inside, Ctrl-C hits the foreground job only', async () => {
    const steps: Step[] = [
      { expect: '\\$ ' },
      { send: 'sleep 77 &\n' },
      { expect: '\\$ ' },
      { send: 'sh -c "echo g""o; exec sleep 60"\n' },
      { expect: 'go\r' },
      { send: CTRL_C },
      { expect: '\\$ ' },
      { send: 'jobs; echo "status:$((40+2))"\n' },
      { expect: 'Running +sleep 77' },
      { expect: 'status:42' },
      { send: 'exit 5\n' },
    ];
    const screen = await onTerminal(world, sandboxed(BASH), steps);
    expect(screen.failedAt, screen.transcript).toBeUndefined();
    expect(screen.code).toBe(5);
    expect(screen.transcript).not.toMatch(/no job control|cannot set terminal process group/);
  });

  test('in a shell inside, Ctrl-Z stops the job and fg brings it back', async () => {
    const steps: Step[] = [
      { expect: '\\$ ' },
      { send: 'sh -c "echo g""o; exec cat"\n' },
      { expect: 'go\r' },
      { send: 'one\n' },
      { expect: 'one\r\none' },
      { send: CTRL_Z },
      { expect: 'Stopped' },
      { expect: '\\$ ' },
      { send: 'fg\n' },
      { expect: 'exec cat' },
      { send: 'two\n' },
      { expect: 'two[\\s\\S]*two' },
      { send: CTRL_D },
      { expect: '\\$ ' },
      { send: 'exit\n' },
    ];
    const screen = await onTerminal(world, sandboxed(BASH), steps);
    expect(screen.failedAt, screen.transcript).toBeUndefined();
    expect(screen.code).toBe(0);
  });

  test('from a shell outside, Ctrl-Z stops the whole and fg brings it back', async () => {
    const command = quoted(sandboxed(['sh', '-c', 'echo rea""dy; read word; echo "got:$word"']));
    const steps: Step[] = [
      { expect: '\\$ ' },
      { send: `${command}\n` },
      { expect: 'ready\r' },
      { send: CTRL_Z },
      { expect: 'Stopped' },
      { expect: '\\$ ' },
      { send: 'echo between:$((1+1))\n' },
      { expect: 'between:2' },
      { expect: '\\$ ' },
      { send: 'fg\n' },
      { expect: 'pinfold' },
      { send: 'word\n' },
      { expect: 'got:word' },
      { send: 'echo "code:$?"\n' },
      { expect: 'code:0' },
      { send: 'exit\n' },
    ];
    const screen = await onTerminal(world, BASH, steps);
    expect(screen.failedAt, screen.transcript).toBeUndefined();
  });

  test('from a shell outside, Ctrl-C ends it and the shell goes on with 130', async () => {
    const command = quoted(sandboxed(['sh', '-c', 'echo rea""dy; exec sleep 60']));
    const steps: Step[] = [
      { expect: '\\$ ' },
      { send: `${command}\n` },
      { expect: 'ready\r' },
      { send: CTRL_C },
      { expect: '\\$ ' },
      { send: 'echo "code:$?"\n' },
      { expect: 'code:130' },
      { send: 'exit\n' },
    ];
    const screen = await onTerminal(world, BASH, steps);
    expect(screen.failedAt, screen.transcript).toBeUndefined();
  });

  test('a run in the background of an outer shell does not take the terminal', async () => {
    const command = quoted(sandboxed(['sh', '-c', 'sleep 0.2; echo from""-behind']));
    const steps: Step[] = [
      { expect: '\\$ ' },
      { send: `${command} &\n` },
      { expect: 'from-behind' },
      { send: 'echo front:$((2+2))\n' },
      { expect: 'front:4' },
      { send: 'exit\n' },
    ];
    const screen = await onTerminal(world, BASH, steps);
    expect(screen.failedAt, screen.transcript).toBeUndefined();
  });

  test('a resize is delivered, and the new size seen', async () => {
    const script = 'trap "stty size" WINCH; stty size; echo ready; while :; do sleep 0.05; done';
    const steps: Step[] = [
      { expect: '24 80' },
      { expect: 'ready' },
      { resize: [33, 111] },
      { expect: '33 111' },
      { send: CTRL_C },
    ];
    const screen = await onTerminal(world, sandboxed(['sh', '-c', script]), steps);
    expect(screen.failedAt, screen.transcript).toBeUndefined();
    expect(screen.code).toBe(130);
  });

  test('raw mode delivers single keys and Ctrl-C as a byte', async () => {
    const script =
      'saved=$(stty -g); stty raw -echo; printf ready; dd bs=1 count=2 2>/dev/null | od -An -tx1; stty "$saved"';
    const screen = await onTerminal(world, sandboxed(['sh', '-c', script]), [
      { expect: 'ready' },
      { send: `q${CTRL_C}` },
    ]);
    expect(screen.transcript).toMatch(/71 03/);
    expect(screen).toMatchObject({ code: 0, modesKept: true });
  });

  test('Node sees a terminal with its size', async () => {
    const script =
      "console.log([process.stdout.isTTY, process.stdout.columns, process.stdin.isTTY].join(' '))";
    expect((await onTerminal(world, sandboxed([world.node, '-e', script]), [])).transcript).toContain(
      'true 80 true',
    );
  });

  test('a command killed with SIGKILL leaves the terminal as it was', async () => {
    const screen = await onTerminal(world, sandboxed(['sh', '-c', 'echo ready; kill -9 $$']), [
      { expect: 'ready' },
    ]);
    expect(screen).toMatchObject({ code: 137, modesKept: true });
  });

  test('closing the terminal ends everything inside', async () => {
    const marker = `${world.root}/hung-up`;
    const steps: Step[] = [{ expect: 'ready' }, { hangup: true }];
    const screen = await onTerminal(
      world,
      sandboxed(['sh', '-c', 'echo ready; while :; do sleep 0.1; done', marker]),
      steps,
    );
    expect(screen.code).not.toBe(0);
    await until(() => processesWith(marker).length === 0);
    expect(processesWith(marker)).toEqual([]);
  });

  test('pinfold shell is an interactive shell inside', async () => {
    const steps: Step[] = [
      { send: 'echo "at:$PWD"; ls ../outside; exit 6\n' },
      { expect: `at:${world.project}` },
      { expect: world.either('Permission denied', 'No such file') },
    ];
    const screen = await onTerminal(world, [...pinfold(), 'shell'], steps);
    expect(screen.failedAt, screen.transcript).toBeUndefined();
    expect(screen.code).toBe(6);
  });
});

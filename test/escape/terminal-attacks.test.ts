/** Every row of the catalogue's attacks on the person's terminal, by its id: nothing is typed for them, and it is theirs again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODES } from '../fixtures/service-attacks.ts';
import { onTerminal, sandboxed } from '../fixtures/terminal.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** Holds another terminal of the person's open while it runs what it is given, with the number of that terminal and its own pid. */
const BESIDE = `
import os, pty, subprocess, sys
_, other = pty.openpty()
number = os.ttyname(other).rsplit('/', 1)[1]
sys.exit(subprocess.call([*sys.argv[1:], number, str(os.getpgid(os.getppid()))]))`;

/** On a terminal that is no console of a machine, these reach its driver, which knows no such request. */
const UNKNOWN = { paste: 'ENOTTY', 'paste, bit 32': 'ENOTTY' };
const FILTERED = {
  push: 'EPERM',
  'push, bit 32': 'EPERM',
  'push, bit 63': 'EPERM',
  'push to input': 'EPERM',
  paste: 'EPERM',
  'paste, bit 32': 'EPERM',
};

/** The modes of a terminal that a program leaves: the other screen, the mouse, pasting, no cursor. */
const LEFT = '\\033[?1049h\\033[?2004h\\033[?1003h\\033[?1006h\\033[?25l';

/** What a terminal has on after all that it was shown, of the modes that are off in a fresh one, and whether the cursor is hidden. */
function modesAfter(transcript: string): string[] {
  const on = new Set<string>();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a mode begins with.
  for (const [, modes = '', verb] of transcript.matchAll(/\x1b\[\?([\d;]+)([hl])/g))
    for (const mode of modes.split(';')) {
      if ((verb === 'h') === (mode !== '25' && mode !== '7')) on.add(mode);
      else on.delete(mode);
    }
  return [...on].sort();
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let acts: string[];
  beforeAll(async () => {
    world = await makeWorld(person);
    const source = fileURLToPath(new URL('../fixtures/terminal-acts.py', import.meta.url));
    acts = ['python3', world.put(join(world.project, 'acts.py'), readFileSync(source, 'utf8'))];
  });
  afterAll(() => world.dispose());

  async function met(argv: readonly string[]): Promise<{ answers: Record<string, string>; typed: string }> {
    const beside = ['python3', '-c', BESIDE, ...argv];
    const { code, transcript, modesKept } = await onTerminal(world, beside, []);
    expect([code, modesKept], transcript).toEqual([0, true]);
    const [, typed, said] = /^(.*?)(\{.*?\})/s.exec(transcript) ?? [];
    expect(said, transcript).toBeDefined();
    return { answers: JSON.parse(said!), typed: typed!.trim() };
  }

  test.each(MODES)(
    'I-22, I-23: in %s nothing is pushed into the terminal, and no other is there',
    async (mode) => {
      const { answers, typed } = await met(sandboxed(acts, ['--mode', mode, '--quiet']));
      expect(answers).toEqual({
        ...FILTERED,
        'take the console': expect.stringMatching(/^(EPERM|ENOTTY|EINVAL)$/),
        'group of another': 'ESRCH',
        'open another': 'ENOENT',
        steal: 'EPERM',
      });
      expect(typed).toBe('');
    },
  );

  test('I-22, I-23: on the host the same acts reach the terminal, and another one', async () => {
    const { answers, typed } = await met(acts);
    expect(answers).toMatchObject({ ...UNKNOWN, 'open another': 'ok' });
    // Kernels since 6.2 may keep pushing to root; whoever may, does.
    if (person.uid === 0) {
      expect(answers).toMatchObject({ push: 'ok', 'push, bit 32': 'ok', 'push to input': 'ok', steal: 'ok' });
      expect(typed).toBe('####');
    } else expect(['ok', 'EIO']).toContain(answers.push);
  });

  test.each(['stty raw -echo; exit', 'stty raw -echo; kill -9 $$'])(
    'I-24: after "%s" its modes are as before',
    async (script) => {
      const screen = await onTerminal(world, sandboxed(['sh', '-c', script]), []);
      expect([screen.code, screen.modesKept]).toEqual([script.includes('kill') ? 137 : 0, true]);
      // The control.
      expect((await onTerminal(world, ['sh', '-c', script], [])).modesKept).toBe(false);
    },
  );

  test.each([`printf "${LEFT}"`, `printf "${LEFT}"; kill -9 $$`])(
    'I-25: after %j its screen is as before',
    async (script) => {
      const screen = await onTerminal(world, sandboxed(['sh', '-c', script]), []);
      expect(screen.transcript).toContain('\x1b[?1049h');
      expect(modesAfter(screen.transcript)).toEqual([]);
      const control = await onTerminal(world, ['sh', '-c', script], []);
      expect(modesAfter(control.transcript)).toEqual(['1003', '1006', '1049', '2004', '25']);
    },
  );

  let servers = 0;
  /** What a terminal of tmux shows at the end of a program that took the other screen, gave it back and said farewell. */
  async function shownByTmux(argv: readonly string[]): Promise<string[]> {
    // Each has a server of its own: one that was told to end may still take the next one's words.
    servers += 1;
    const tmux = ['tmux', '-S', join(world.root, `tmux-${servers}`), '-f', '/dev/null'];
    const ran = async (...words: string[]) => {
      const { code, stdout, stderr } = await world.run([...tmux, ...words]);
      expect([code, stderr]).toEqual([0, '']);
      return stdout;
    };
    const script = '"$@"; echo after; tmux wait-for -S over; exec sleep 600';
    await ran('new-session', '-d', '-x', '80', '-y', '24', 'sh', '-c', script, 'sh', ...argv);
    try {
      await ran('wait-for', 'over');
      return (await ran('capture-pane', '-p')).trimEnd().split('\n');
    } finally {
      await ran('kill-server');
    }
  }

  test('I-25: what a program said after it gave the screen back is not written over', async () => {
    const script = 'echo begun; printf "\\033[?1049h"; printf "\\033[?1049l"; echo farewell';
    const argv = ['sh', '-c', script];
    expect(await shownByTmux(sandboxed(argv, ['--quiet']))).toEqual(['begun', 'farewell', 'after']);
    expect(await shownByTmux(argv)).toEqual(['begun', 'farewell', 'after']);
    // One that was killed while it had the other screen leaves nothing of that.
    const killed = ['sh', '-c', 'echo begun; printf "\\033[?1049h"; echo hidden; kill -9 $$'];
    expect(await shownByTmux(sandboxed(killed, ['--quiet']))).toEqual(['begun', 'after']);
    expect(await shownByTmux(killed)).toContain('hidden');
  });

  test('I-25: a job in the background leaves the screen of the one in front alone', async () => {
    const [command = '', ...words] = sandboxed(['true'], ['--mode', 'strict', '--quiet']);
    const line = `"$@" & wait; printf "${LEFT}"`;
    const behind = await onTerminal(world, ['bash', '-mc', line, 'bash', command, ...words], []);
    expect(modesAfter(behind.transcript)).toEqual(['1003', '1006', '1049', '2004', '25']);
    expect(behind.transcript).not.toContain('\x1b[?1049l');
  });

  test('I-25: what is no terminal, or a dumb one, is told nothing', async () => {
    expect((await world.shell('echo plain')).stdout).toBe('plain\n');
    const dumb = await onTerminal(world, ['env', 'TERM=dumb', ...sandboxed(['echo', 'plain'])], []);
    expect(dumb.transcript).not.toContain('\x1b[?');
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type PlainOutput, plainOutput } from '../../../test/fixtures/plain-output.ts';
import type { Command, Context } from '../command.ts';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { zshScript } from '../completion/zsh.ts';
import { COMMANDS, dispatchRare } from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'pinfold-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface TestContext extends Context {
  readonly out: PlainOutput;
  readonly err: PlainOutput;
}

function makeContext(): TestContext {
  return {
    cwd: directory,
    environment: { HOME: directory, PATH: '/usr/bin:/bin' },
    out: plainOutput(),
    err: plainOutput(),
    launcherPath: '/nonexistent',
    version: '1.2.3',
    pid: process.pid,
    words: [],
    entry: { node: process.execPath, script: '/nonexistent/pinfold.cjs' },
    onSignals: () => () => {},
  };
}

async function said(...words: string[]): Promise<string> {
  const context = makeContext();
  expect(await dispatchRare(words, context)).toBe(0);
  expect(context.err.text).toBe('');
  return context.out.text;
}

function everyCommand(commands: readonly Command[] = COMMANDS, above = ''): [string, Command][] {
  return commands.flatMap((command) => {
    const path = `${above} ${command.name}`.trim();
    return [[path, command] as [string, Command], ...everyCommand(command.subcommands ?? [], path)];
  });
}

describe('help', () => {
  test('no words, --help and help show every command', async () => {
    const overview = await said();
    expect(await said('--help')).toBe(overview);
    expect(await said('help')).toBe(overview);
    for (const { name, summary, agent } of COMMANDS) {
      expect(overview).toContain(name);
      if (!agent) expect(overview).toContain(summary.split(' ')[0]);
    }
    expect(await said('--version')).toBe('pinfold 1.2.3\n');
  });

  test.each(everyCommand())(
    'of %s names every option, and is the same by both ways',
    async (path, command) => {
      const text = await said('help', ...path.split(' '));
      // Every word after an agent's name is the agent's.
      if (!command.verbatim) expect(await said(...path.split(' '), '--help')).toBe(text);
      expect(text).toContain(`pinfold ${path}`);
      for (const [name, option] of Object.entries(command.options)) {
        if (!option.hidden) expect(text).toContain(`--${name}`);
      }
    },
  );

  test('stays within the width of the terminal', async () => {
    for (const [path] of everyCommand()) {
      const context = { ...makeContext(), out: plainOutput({ columns: 80 }) };
      await dispatchRare(['help', ...path.split(' ')], context);
      const wide = context.out.text
        .split('\n')
        .filter((line) => line.length > 80 && !line.startsWith('  pinfold'));
      expect(wide).toEqual([]);
    }
  });
});

describe('what is not known is refused with ERR_USAGE and the nearest that is', () => {
  test.each([
    [['rnu'], 'Unknown command "rnu"', 'did you mean pinfold run?'],
    [['help', 'polcy'], 'Unknown command "polcy"', 'did you mean pinfold policy?'],
    [['zzzzzzzzz'], 'Unknown command "zzzzzzzzz"', 'pinfold has no such command'],
    [['--mode', 'strict'], 'Unknown option --mode', 'options stand after the command'],
    [['status', '--jsn'], 'Unknown option --jsn', 'did you mean --json?'],
    [['completion', 'bsh'], 'SHELL cannot be "bsh"', 'did you mean bash?'],
  ])('%j', async (words, what, why) => {
    await expect(dispatchRare(words, makeContext())).rejects.toMatchObject({ code: 'ERR_USAGE', what, why });
  });
});

describe('the table', () => {
  test.each(everyCommand())('%s: names, letters and argument order are sound', (_path, command) => {
    const options = Object.entries(command.options);
    const letters = ['h', ...options.flatMap(([, { short }]) => (short === undefined ? [] : [short]))];
    expect(new Set(letters).size).toBe(letters.length);
    for (const [name, option] of options) {
      expect(name).toMatch(/^[a-z][a-z-]*$/);
      expect(option.summary).not.toMatch(/\.$/);
    }
    const many = (command.arguments ?? []).findIndex((argument) => argument.many);
    expect([-1, (command.arguments ?? []).length - 1]).toContain(many);
  });
});

/** Asks bash itself what the script would offer. */
function bashOffers(...words: string[]): string[] {
  const script = join(directory, 'completion.bash');
  writeFileSync(script, bashScript(COMMANDS));
  const ask = `source "$0"; COMP_WORDS=(pinfold "$@"); COMP_CWORD=$#; _pinfold; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', ask, script, ...words], {
    encoding: 'utf8',
    cwd: directory,
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  test('bash offers commands, options, modes, and arguments', () => {
    expect(bashOffers('ru')).toEqual(['run']);
    expect(bashOffers('run', '--mod')).toEqual(['--mode']);
    expect(bashOffers('run', '--mode', '')).toEqual(['strict', 'standard', 'permissive']);
    expect(bashOffers('run', '--mode', 'p')).toEqual(['permissive']);
    expect(bashOffers('completion', 'f')).toEqual(['fish']);
    expect(bashOffers('help', 'stat')).toEqual(['status']);
  });

  test('bash offers programs, and no option of ours, where the command to be run stands', () => {
    expect(bashOffers('run', '--', 'basenam')).toContain('basename');
    expect(bashOffers('run', '-q', 'basenam')).not.toContain('run');
    expect(bashOffers('run', '--mode', 'strict', '--', 'ls', '--mo')).not.toContain('--mode');
  });

  test.each([
    ['bash', bashScript],
    ['zsh', zshScript],
    ['fish', fishScript],
  ] as const)('the script for %s names every command and every option', async (shell, make) => {
    const script = make(COMMANDS);
    expect(await said('completion', shell)).toBe(script);
    for (const [, command] of everyCommand()) {
      expect(script).toContain(command.name);
      for (const [name, option] of Object.entries(command.options)) {
        if (!option.hidden) expect(script).toContain(shell === 'fish' ? `-l ${name}` : `--${name}`);
      }
    }
  });

  test('names of sessions are asked for and none is offered when there is none', async () => {
    expect(await said('completion', 'names', 'sessions')).toBe('');
  });
});

test('status without any session says so, also for machines', async () => {
  expect(await said('status')).toBe('No session is live.\n');
  expect(JSON.parse(await said('status', '--json'))).toEqual({ live: [], recent: [] });
});

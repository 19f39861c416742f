import { describe, expect, test } from 'vitest';
import { defineCommand } from '../command.ts';
import { COMMANDS } from '../commands/index.ts';
import { flatten } from '../completion/table.ts';
import { renderMan } from './man.ts';

describe('the manual page', () => {
  const page = renderMan(COMMANDS, '1.2.3', '2026-11-27');

  test('names every command with every option that help names', () => {
    const missing = flatten(COMMANDS.filter(({ agent }) => !agent))
      .filter(({ command }) => command.subcommands === undefined)
      .flatMap(({ path, command }) => [
        `.SS "pinfold ${path}`,
        ...Object.entries(command.options)
          .filter(([, { hidden }]) => !hidden)
          .map(([name]) => `--${name}`),
      ])
      .filter((words) => !page.includes(words.replaceAll('-', '\\-')));
    expect(missing).toEqual([]);
  });

  test('takes nothing of a text for a request or an escape', () => {
    const command = defineCommand({
      name: 'odd',
      summary: 'does \\fBodd\\fP things',
      description: '.so /etc/passwd\\n\'tis "quoted" --so',
      options: { 'a-b': { type: 'flag', summary: '.hidden request' } },
      run: () => Promise.resolve(0),
    });
    const lines = renderMan([command], '1', '2026-11-27').split('\n');
    expect(lines).toContain('Does \\efBodd\\efP things.');
    expect(lines).toContain('\\&.so /etc/passwd\\en\'tis "quoted" \\-\\-so');
    expect(lines).toContain('.B "\\-\\-a\\-b"');
    expect(lines).toContain('\\&.hidden request');
  });

  test('has one line for its title, with the date as it is', () => {
    expect(page.split('\n')[0]).toBe('.TH PINFOLD 1 "2026-11-27" "pinfold 1.2.3"');
  });
});

/** The manual page, made from the table of commands in the language of man(7). */
import type { Command } from '../command.ts';
import { type Flat, flatten } from '../completion/table.ts';
import { optionEntry, usage } from './help.ts';

/** A line of text: nothing in it is a request or an escape, and hyphens stay what one can type. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}

function quoted(text: string): string {
  return `"${plain(text).replaceAll('"', '\\(dq')}"`;
}

/** A term and what it means. */
function item(term: string, text: string): string[] {
  return ['.TP', `.B ${quoted(term)}`, plain(text)];
}

function section({ path, command }: Flat): string[] {
  const { description, examples = [] } = command;
  const options = Object.entries(command.options).filter(([, { hidden }]) => hidden !== true);
  return [
    `.SS ${quoted(usage(`pinfold ${path}`, command))}`,
    plain(`${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`),
    ...(description === undefined ? [] : ['.PP', plain(description)]),
    ...(command.arguments ?? []).flatMap(({ name, summary }) => item(name, summary)),
    ...options.flatMap((option) => {
      const [term, text] = optionEntry(option);
      return item(term.trim(), text);
    }),
    ...examples.flatMap(({ line, does }) => ['.PP', `.B ${quoted(line)}`, '.br', plain(does)]),
  ];
}

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['125', 'The boundary could not be made, or settings are invalid; the command was not started.'],
  ['126', 'The command is not executable.'],
  ['127', 'The command was not found.'],
  ['128+n', 'The command died of signal n.'],
  ['other', 'The code of the command itself.'],
];

const FILES: readonly (readonly [string, string])[] = [
  ['~/.config/pinfold/settings.json', 'A person’s settings.'],
  ['.claude/settings.json', 'Settings of a project, in its object "sandbox".'],
  ['.pinfold/settings.json', 'Settings of a project.'],
  ['.pinfold/settings.local.json', 'The same, for one person’s checkout.'],
  ['/etc/pinfold/settings.json', 'Managed settings: nothing else can widen them.'],
  ['~/.local/state/pinfold/sessions', 'Each session with its policy and its log.'],
];

/** `date` as 2026-11-27. An agent’s command is one line: its words are the agent’s own. */
export function renderMan(commands: readonly Command[], version: string, date: string): string {
  const agents = commands.filter(({ agent }) => agent).map(({ name }) => name);
  const others = commands.filter(({ agent }) => !agent);
  const lines = [
    `.TH PINFOLD 1 "${date}" ${quoted(`pinfold ${version}`)}`,
    '.SH NAME',
    plain('pinfold - run AI agents, and any command, inside a boundary that the kernel enforces'),
    '.SH SYNOPSIS',
    '.B pinfold',
    '.I COMMAND',
    plain('[OPTIONS]'),
    '.SH DESCRIPTION',
    plain(
      'Inside the boundary a command works freely and asks nobody. What crosses it is refused, recorded and explained.',
    ),
    '.SH COMMANDS',
    ...flatten(others)
      .filter(({ command }) => command.subcommands === undefined)
      .flatMap(section),
    `.SS ${quoted('pinfold AGENT ARGUMENTS…')}`,
    plain(`Run that agent inside, in its preset. Agents: ${agents.join(', ')}.`),
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(([code, text]) => item(code, text)),
    '.SH FILES',
    ...FILES.flatMap(([path, text]) => item(path, text)),
  ];
  return `${lines.join('\n')}\n`;
}

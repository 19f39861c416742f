/** Help, made from the table of commands. */
import type { ArgumentSpec, Command, CommandSpec, OptionSpec, Output } from '../command.ts';
import { paint } from './style.ts';

const MAX_WIDTH = 100;

export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

export type Entry = readonly [left: string, right: string];

/** Two columns; a left side that is too long gets a line of its own. */
function columns(output: Output, entries: readonly Entry[]): string {
  const total = Math.min(output.columns, MAX_WIDTH);
  const left = Math.min(Math.max(...entries.map(([name]) => name.length)), 28) + 4;
  return entries
    .map(([name, text]) => {
      const [first = '', ...more] = wrap(text, Math.max(total - left, 30));
      const indent = ' '.repeat(left);
      const shown = paint(output, 'accent', name);
      const head =
        name.length + 4 > left
          ? `  ${shown}\n${indent}${first}`
          : `  ${shown}${' '.repeat(left - 2 - name.length)}${first}`;
      return [head, ...more.map((line) => indent + line)].join('\n');
    })
    .join('\n');
}

function heading(output: Output, text: string): string {
  return paint(output, 'strong', text);
}

function argumentWord({ name, required, many }: ArgumentSpec): string {
  const word = many ? `${name}…` : name;
  return required ? word : `[${word}]`;
}

export function usage(path: string, spec: CommandSpec): string {
  if (spec.subcommands) return `${path} ${spec.subcommands.map(({ name }) => name).join('|')}`;
  const words = (spec.arguments ?? []).map(argumentWord);
  if (spec.verbatim) return [path, ...words].join(' ');
  return [path, '[OPTIONS]', ...(spec.passThrough && words.length > 0 ? ['[--]'] : []), ...words].join(' ');
}

export function optionEntry([name, option]: readonly [string, OptionSpec]): Entry {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  const value = option.type === 'flag' ? '' : ` ${option.placeholder}`;
  const notes = [
    ...(option.type === 'flag' || option.choices === undefined ? [] : [option.choices.join(', ')]),
    ...(option.type === 'list' ? ['may be repeated'] : []),
    ...(option.type === 'flag' || option.default === undefined ? [] : [`default: ${option.default}`]),
  ];
  return [
    `${short}--${name}${value}`,
    `${option.summary}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`,
  ];
}

function optionSections(output: Output, spec: CommandSpec): string[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of Object.entries(spec.options)) {
    if (entry[1].hidden) continue;
    const group = entry[1].group ?? 'Options';
    groups.set(group, [...(groups.get(group) ?? []), optionEntry(entry)]);
  }
  const help: Entry = ['-h, --help', 'this text'];
  groups.set('Options', [...(groups.get('Options') ?? []), help]);
  return [...groups].map(([group, entries]) => `${heading(output, group)}\n${columns(output, entries)}`);
}

export function renderCommandHelp(output: Output, command: Command, path: string): string {
  const width = Math.min(output.columns, MAX_WIDTH);
  const { description, subcommands, examples = [] } = command;
  const positional = (command.arguments ?? []).map(
    ({ name, summary, choices }): Entry => [name, choices ? `${summary} (${choices.join(', ')})` : summary],
  );
  const sections = [
    `${heading(output, path)}: ${command.summary}`,
    `${heading(output, 'Usage')}\n  ${usage(path, command)}`,
    ...(description === undefined ? [] : [wrap(description, width).join('\n')]),
    ...(subcommands
      ? [
          `${heading(output, 'Commands')}\n${columns(
            output,
            subcommands.map(({ name, summary }) => [name, summary]),
          )}`,
        ]
      : []),
    ...(positional.length > 0 ? [`${heading(output, 'Arguments')}\n${columns(output, positional)}`] : []),
    ...(subcommands || command.verbatim ? [] : optionSections(output, command)),
    ...(examples.length > 0
      ? [
          `${heading(output, 'Examples')}\n${examples.map(({ line, does }) => `  ${paint(output, 'accent', line)}\n      ${does}`).join('\n')}`,
        ]
      : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

export function renderOverview(output: Output, commands: readonly Command[], version: string): string {
  const entries: Entry[] = [
    ...commands.filter(({ agent }) => !agent).map(({ name, summary }): Entry => [name, summary]),
    ['help', 'this text, or that of a command: pinfold help run'],
  ];
  return `${[
    `${heading(output, 'pinfold')} ${version}: runs AI agents, and any command, inside a boundary that the kernel enforces`,
    `${heading(output, 'Usage')}\n  pinfold COMMAND [OPTIONS]`,
    `${heading(output, 'Commands')}\n${columns(output, entries)}`,
    `${heading(output, 'Agents')}\n${columns(output, [
      [
        'pinfold AGENT …',
        `run that agent inside, in its preset: ${commands.flatMap(({ agent, name }) => (agent ? [name] : [])).join(', ')}`,
      ],
    ])}`,
    `${heading(output, 'Start here')}\n${columns(output, [
      ['pinfold run -- npm test', 'run a command inside'],
      ['pinfold run --dry-run -- ls', 'what the boundary would be, in words'],
      ['pinfold explain ~/.ssh', 'which rule decides about a path'],
    ])}`,
  ].join('\n\n')}\n`;
}

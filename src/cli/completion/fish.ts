/** Completion for fish. */
import type { Command, Completion } from '../command.ts';
import { type Flat, flatten, type Named, optionsOf, quoted } from './table.ts';

const FISH_ASK: Readonly<Record<Completion, string>> = {
  path: '-F',
  directory: "-f -a '(__fish_complete_directories)'",
  command: "-f -a '(__fish_complete_command)'",
  session: "-f -a '(pinfold completion names sessions 2>/dev/null)'",
  profile: "-f -a '(pinfold completion names profiles 2>/dev/null)'",
  agent: "-f -a '(pinfold completion names agents 2>/dev/null)'",
  none: '-f',
};

function fishOption(condition: string, [name, option]: Named): string {
  const short = option.short === undefined ? '' : ` -s ${option.short}`;
  const value =
    option.type === 'flag'
      ? ''
      : ` -r ${option.choices ? `-f -a ${quoted(option.choices.join(' '))}` : FISH_ASK[option.completion ?? 'none']}`;
  return `complete -c pinfold -n ${condition} -l ${name}${short} -d ${quoted(option.summary)}${value}`;
}

function fishCommand({ path, command }: Flat): string[] {
  const words = path.split(' ');
  const condition = quoted(words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and '));
  const first = command.arguments?.[0];
  const argument = command.passThrough
    ? [`complete -c pinfold -n ${condition} -x -a '(__fish_complete_subcommand --fcs-skip=2)'`]
    : first === undefined
      ? []
      : [
          `complete -c pinfold -n ${condition} ${first.choices ? `-f -a ${quoted(first.choices.join(' '))}` : FISH_ASK[first.completion ?? 'none']}`,
        ];
  return [
    ...optionsOf(command).map((option) => fishOption(condition, option)),
    ...(command.subcommands ?? []).map(
      ({ name, summary }) => `complete -c pinfold -f -n ${condition} -a ${name} -d ${quoted(summary)}`,
    ),
    ...argument,
  ];
}

export function fishScript(commands: readonly Command[]): string {
  return [
    '# fish completion for pinfold, made by "pinfold completion fish"',
    'complete -c pinfold -f',
    ...commands.map(
      ({ name, summary }) => `complete -c pinfold -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    "complete -c pinfold -n __fish_use_subcommand -a help -d 'show help'",
    ...flatten(commands).flatMap(fishCommand),
    '',
  ].join('\n');
}

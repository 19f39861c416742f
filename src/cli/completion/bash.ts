/** Completion for bash. */
import type { Command, Completion, OptionSpec } from '../command.ts';
import { type Flat, flagWords, flatten, namesOf, optionsOf, quoted } from './table.ts';

const BASH_ASK: Readonly<Record<Completion, string>> = {
  path: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word"))',
  directory: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$word"))',
  command: 'COMPREPLY=($(compgen -c -- "$word"))',
  session: 'COMPREPLY=($(compgen -W "$(pinfold completion names sessions 2>/dev/null)" -- "$word"))',
  profile: 'COMPREPLY=($(compgen -W "$(pinfold completion names profiles 2>/dev/null)" -- "$word"))',
  agent: 'COMPREPLY=($(compgen -W "$(pinfold completion names agents 2>/dev/null)" -- "$word"))',
  none: 'COMPREPLY=()',
};

function bashWords(words: readonly string[]): string {
  return `COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word"))`;
}

function bashValue(option: OptionSpec): string | undefined {
  if (option.type === 'flag') return undefined;
  return option.choices ? bashWords(option.choices) : BASH_ASK[option.completion ?? 'none'];
}

function bashCase({ path, command }: Flat): string {
  const values = optionsOf(command).flatMap(([name, option]) => {
    const ask = bashValue(option);
    const words = option.short === undefined ? `--${name}` : `--${name}|-${option.short}`;
    return ask === undefined ? [] : [`        ${words}) ${ask}; return;;`];
  });
  const argument = command.arguments?.[0];
  const ask = command.subcommands
    ? bashWords(command.subcommands.map(({ name }) => name))
    : argument?.choices
      ? bashWords(argument.choices)
      : BASH_ASK[argument?.completion ?? 'none'];
  return [
    `    ${quoted(path)})`,
    ...(values.length > 0 ? ['      case "$before" in', ...values, '      esac'] : []),
    `      if [[ "$word" == -* ]]; then ${bashWords(flagWords(command))}; else ${ask}; fi;;`,
  ].join('\n');
}

/** Options of `pass` commands that take a value: the word after them is not yet the command to be run. */
function valueFlags(commands: readonly Flat[]): string[] {
  const flags = commands.flatMap(({ command }) =>
    optionsOf(command).flatMap(([name, option]) =>
      option.type === 'flag' ? [] : [`--${name}`, ...(option.short ? [`-${option.short}`] : [])],
    ),
  );
  return [...new Set(flags)];
}

export function bashScript(commands: readonly Command[]): string {
  const flat = flatten(commands);
  const groups = flat.filter(({ command }) => command.subcommands).map(({ path }) => path);
  const pass = flat.filter(({ command }) => command.passThrough).map(({ path }) => path);
  return `# bash completion for pinfold, made by "pinfold completion bash"
_pinfold() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path="" at=1 each
  COMPREPLY=()
  for ((; at < COMP_CWORD; at++)); do
    each="\${COMP_WORDS[at]}"
    if [[ -z "$path" ]]; then path="$each"
    elif [[ " ${groups.join(' ')} " == *" $path "* && "$each" != -* ]]; then path="$path $each"
    else break; fi
  done
  # Past "--", or past the first word that is no option, all belongs to the command to be run.
  if [[ " ${pass.join(' ')} " == *" $path "* ]]; then
    for ((; at < COMP_CWORD; at++)); do
      each="\${COMP_WORDS[at]}"
      case "$each" in
        --) ((at++)); break 1;;
        ${valueFlags(flat).join('|')}) ((at++)); continue;;
        -*) continue;;
      esac
      break
    done
    if ((at < COMP_CWORD)) || [[ "$at" -eq COMP_CWORD && "$before" == -- ]]; then
      if declare -F _command_offset >/dev/null && ((at < COMP_CWORD)); then _command_offset "$at"
      elif ((at == COMP_CWORD)); then COMPREPLY=($(compgen -c -- "$word"))
      else compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); fi
      return
    fi
  fi
  case "$path" in
    '') ${bashWords([...namesOf(commands), '--help', '--version'])};;
    help) ${bashWords(commands.map(({ name }) => name))};;
${flat.map(bashCase).join('\n')}
  esac
}
complete -F _pinfold pinfold
`;
}

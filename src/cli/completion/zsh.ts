/** Completion for zsh. */
import type { Command, Completion } from '../command.ts';
import { type Flat, flatten, type Named, optionsOf } from './table.ts';

/** Shell text: `${…}` is zsh's. */
const ASK_NAMES = (kind: string) => `{compadd -- \${(f)"$(pinfold completion names ${kind} 2>/dev/null)"}}`;

const ZSH_ASK: Readonly<Record<Completion, string>> = {
  path: '_files',
  directory: '_files -/',
  command: '_command_names -e',
  session: ASK_NAMES('sessions'),
  profile: ASK_NAMES('profiles'),
  agent: ASK_NAMES('agents'),
  none: '',
};

/** `_arguments` gives meaning to brackets and colons. */
function zshText(text: string): string {
  return text.replace(/[[\]:'\\]/g, ' ');
}

function zshOption([name, option]: Named): string[] {
  const words = option.short === undefined ? [`--${name}`] : [`--${name}`, `-${option.short}`];
  const many = option.type === 'list' ? '*' : '';
  const value =
    option.type === 'flag'
      ? ''
      : `:${zshText(option.placeholder)}:${option.choices ? `(${option.choices.join(' ')})` : ZSH_ASK[option.completion ?? 'none']}`;
  return words.map((word) => `'${many}${word}[${zshText(option.summary)}]${value}'`);
}

function zshDescribe(commands: readonly Command[]): string {
  return commands.map(({ name, summary }) => `'${name}:${zshText(summary)}'`).join(' ');
}

function zshFunction({ path, command }: Flat): string {
  const name = `_pinfold_${path.replaceAll(/[ -]/g, '_')}`;
  if (command.subcommands) {
    const cases = command.subcommands.map(
      (sub) => `      ${sub.name}) _pinfold_${`${path} ${sub.name}`.replaceAll(/[ -]/g, '_')};;`,
    );
    return `${name}() {
  local -a names=(${zshDescribe(command.subcommands)})
  if (( CURRENT == 2 )); then _describe command names
  else
    local sub=$words[2]; shift words; (( CURRENT-- ))
    case $sub in
${cases.join('\n')}
    esac
  fi
}`;
  }
  const specs = [...optionsOf(command).flatMap(zshOption), "'--help[this text]'"];
  const first = command.arguments?.[0];
  const rest = command.passThrough
    ? ["'(-)1:command: _command_names -e'", "'*::arguments: _normal'"]
    : (command.arguments ?? []).map(
        (argument) =>
          `'${argument.many ? '*' : ''}:${zshText(argument.name)}:${argument.choices ? `(${argument.choices.join(' ')})` : ZSH_ASK[argument.completion ?? 'none']}'`,
      );
  return `${name}() {
  _arguments -s${command.passThrough && first ? ' -A "-*"' : ''} \\
    ${[...specs, ...rest].join(' \\\n    ')}
}`;
}

export function zshScript(commands: readonly Command[]): string {
  const flat = flatten(commands);
  const cases = commands.map(({ name }) => `      ${name}) _pinfold_${name};;`);
  return `#compdef pinfold
# zsh completion for pinfold, made by "pinfold completion zsh"
${flat.map(zshFunction).join('\n')}
_pinfold() {
  local -a names=(${zshDescribe(commands)} 'help:show help')
  if (( CURRENT == 2 )); then _describe command names
  else
    local sub=$words[2]; shift words; (( CURRENT-- ))
    case $sub in
      help) _describe command names;;
${cases.join('\n')}
    esac
  fi
}
compdef _pinfold pinfold
`;
}

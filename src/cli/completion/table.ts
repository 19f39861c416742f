/** What the completion scripts of all shells take from the table of commands. Its words need no quoting. */
import type { Command, OptionSpec } from '../command.ts';

export interface Flat {
  /** `config get`; empty for pinfold itself. */
  readonly path: string;
  readonly command: Command;
}

export function flatten(commands: readonly Command[], above = ''): Flat[] {
  return commands.flatMap((command) => {
    const path = above === '' ? command.name : `${above} ${command.name}`;
    return [{ path, command }, ...flatten(command.subcommands ?? [], path)];
  });
}

export type Named = readonly [name: string, option: OptionSpec];

export function optionsOf(command: Command): Named[] {
  return Object.entries(command.options).filter(([, option]) => option.hidden !== true);
}

export function flagWords(command: Command): string[] {
  // The flags of an agent are its own affair.
  return command.verbatim ? [] : [...optionsOf(command).map(([name]) => `--${name}`), '--help'];
}

export function namesOf(commands: readonly Command[]): string[] {
  return [...commands.map(({ name }) => name), 'help'];
}

/** Single-quoted for a shell; fish, zsh and bash agree about what stands in them but for the quote itself. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", '')}'`;
}

/** What a command of Pinfold is: one table entry from which parsing, help and shell completion are all made. */
import type { EarlyLauncher } from '../platform/linux/launcher-process.ts';
import type { Keeper } from './keeper.ts';

/** Where values of an option or argument come from; drives completion in the shell. */
export type Completion = 'path' | 'directory' | 'command' | 'session' | 'profile' | 'agent' | 'none';

interface OptionBase {
  /** One clause, no full stop; shown by help. */
  readonly summary: string;
  /** A single letter: `-v`. */
  readonly short?: string;
  /** Heading under which help lists the option; default "Options". */
  readonly group?: string;
  /** Works, but help and completion do not mention it. */
  readonly hidden?: boolean;
}

export type OptionSpec =
  | (OptionBase & { readonly type: 'flag' })
  | (OptionBase & {
      /** `list` may be given more than once. */
      readonly type: 'value' | 'list';
      /** How help names the value: `DIR`. */
      readonly placeholder: string;
      /** The only values there are; anything else is refused with the nearest of them. */
      readonly choices?: readonly string[];
      readonly completion?: Completion;
      /** Of a `value`: it may stand alone, before another option or at the end; its value is then empty. */
      readonly optional?: true;
      /** What holds when the option is not given: words for help, not a value that is filled in. */
      readonly default?: string;
    });

/** Keyed by long name without dashes: `{ project: { type: 'value', … } }` is `--project DIR`. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

export interface ArgumentSpec {
  /** `PATH`, shown in the usage line. */
  readonly name: string;
  readonly summary: string;
  readonly required?: boolean;
  /** Takes all that are left. Only the last one may. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
  readonly completion?: Completion;
}

type OptionValue<S extends OptionSpec> = S extends { type: 'flag' }
  ? boolean
  : S extends { type: 'list' }
    ? readonly string[]
    : S extends { choices: readonly (infer C extends string)[] }
      ? C | undefined
      : string | undefined;

/** A flag not given is false, a list not given is empty, a value not given is undefined. */
export type OptionValues<O extends OptionTable> = { readonly [K in keyof O]: OptionValue<O[K]> };

/** One of the two streams of the process. Text must already be safe to show: see render/escape.ts. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** NO_COLOR, FORCE_COLOR and the terminal considered. */
  readonly colour: boolean;
  /** Width of the terminal; 80 when it is none. */
  readonly columns: number;
}

/** What a command may touch of its process; nothing else in src/cli reads process.* (except main.ts and entry.ts). */
export interface Context {
  /** Absolute working directory. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** stdout: results, for people or machines. */
  readonly out: Output;
  /** stderr: messages. */
  readonly err: Output;
  /** Absolute path of `pinfold-launcher`. */
  readonly launcherPath: string;
  /** One that runs already, for a command that is likely to want it. */
  readonly started?: EarlyLauncher | undefined;
  readonly version: string;
  /** By what Pinfold is started again: absolute paths. */
  readonly entry: { readonly node: string; readonly script: string };
  /** One line from the person at the terminal, without its end; absent where nobody is there to ask. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Of this process. */
  readonly pid: number;
  /** What Pinfold was called with, from the command on. */
  readonly words: readonly string[];
  /** This process holds a detached session, and who started it leaves. */
  readonly keeper?: Keeper | undefined;
  /** Hears `names` until the returned function is called; meanwhile they do not end the process. */
  onSignals(names: readonly NodeJS.Signals[], hear: (name: NodeJS.Signals) => void): () => void;
}

export interface Invocation<O extends OptionTable = OptionTable> {
  readonly options: OptionValues<O>;
  /** Positional arguments in order; required ones are there. For `passThrough` commands: the words of the command. */
  readonly arguments: readonly string[];
  readonly context: Context;
}

export interface CommandSpec<O extends OptionTable = OptionTable> {
  readonly name: string;
  /** One clause for the list of commands: "run a command inside". */
  readonly summary: string;
  /** Paragraphs for `pinfold help NAME`, after the usage. */
  readonly description?: string;
  readonly options: O;
  readonly arguments?: readonly ArgumentSpec[];
  /** Everything after `--` or from the first word that is no option on belongs to the command to be run, verbatim. */
  readonly passThrough?: boolean;
  /** Every word belongs to the command to be run, `--help` too; it has no options of its own. */
  readonly verbatim?: boolean;
  /** Help shows it under "Agents", in one line with the others. */
  readonly agent?: boolean;
  readonly examples?: readonly { readonly line: string; readonly does: string }[];
  /** `config get|set|…`; a command with these does nothing by itself. */
  readonly subcommands?: readonly Command[];
}

export interface Command extends CommandSpec {
  /**
   * Resolves with the exit code. Throws SandboxError for everything a person should read (main shows it and exits 125;
   * `ERR_USAGE` for a wrong use that the table cannot see).
   */
  run(invocation: Invocation): Promise<number>;
}

/** Gives `run` the types that follow from `options`. */
export function defineCommand<const O extends OptionTable>(
  command: CommandSpec<O> & { run(invocation: Invocation<O>): Promise<number> },
): Command {
  // The parser fills `options` from this very table, so the narrower type holds.
  return command as unknown as Command;
}

/** A command that only groups others. */
export function defineGroup(
  group: Omit<CommandSpec, 'options'> & { subcommands: readonly Command[] },
): Command {
  return { ...group, options: {}, run: () => Promise.reject(new Error(`${group.name} needs a subcommand`)) };
}

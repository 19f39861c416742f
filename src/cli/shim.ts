/** Small scripts in a directory of Pinfold's own by which an agent's plain name starts it inside. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { usageError } from './parse.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** `~/.local/share/pinfold/shims`, by the XDG base directory specification. */
export function shimDirectory(homeDir: string, environment: Environment): string {
  const said = environment.XDG_DATA_HOME;
  const data = said !== undefined && isAbsolute(said) ? normalize(said) : join(homeDir, '.local/share');
  return join(data, 'pinfold/shims');
}

/** By this line a script is known as one of ours; another one is never replaced or removed. */
const MARK = '# Made by "pinfold shim install"; "pinfold shim remove" takes it away.';

/** Single quotes are the shell's only quotes in which nothing is special. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export interface ShimPlace {
  readonly directory: string;
  /** Of the program that it stands for. */
  readonly command: string;
}

export interface ShimTarget {
  /** The agent's name: `claude`. */
  readonly agent: string;
  /** Absolute paths of Node and of Pinfold's entry: neither is sought on PATH, which the shim is first on. */
  readonly node: string;
  readonly entry: string;
}

/** Two steps, so that the shell itself becomes what runs: job control, signals and exit code are then the program's own. */
function shimText({ agent, node, entry }: ShimTarget): string {
  const pinfold = `${quoted(node)} ${quoted(entry)}`;
  return [
    '#!/bin/sh',
    MARK,
    `outside=$(${pinfold} shim outside ${agent}) || exit`,
    '[ -n "$outside" ] && exec "$outside" "$@"',
    `exec ${pinfold} ${agent} "$@"`,
    '',
  ].join('\n');
}

function isOurs(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').split('\n')[1] === MARK;
  } catch {
    // Absent, or no text of ours.
    return false;
  }
}

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Throws ERR_USAGE where something else of that name is there. */
export function installShim({ directory, command }: ShimPlace, target: ShimTarget): string {
  const path = join(directory, command);
  if (exists(path) && !isOurs(path)) {
    throw usageError(`Cannot make ${path}`, 'something else has that name', 'Move it away first');
  }
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, shimText(target), { mode: 0o755 });
  chmodSync(draft, 0o755);
  renameSync(draft, path);
  return path;
}

/** Whether there was one. Nothing stays: the directory goes with the last one. */
export function removeShim({ directory, command }: ShimPlace): boolean {
  const path = join(directory, command);
  if (!isOurs(path)) return false;
  rmSync(path);
  if (readdirSync(directory).length === 0) rmdirSync(directory);
  return true;
}

export function installedShims(directory: string, commands: readonly string[]): string[] {
  return commands.filter((command) => isOurs(join(directory, command)));
}

/** Asks /proc who a process of the sandbox is: program, command line, and the chain up to the first one inside. */
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { decodeName } from '../policy/printable.ts';
import { commandWithoutSecrets } from '../policy/secrets.ts';
import type { Actor, Ancestor } from '../violations/types.ts';

/** Of the command line; a process may have megabytes of it. */
const COMMAND_BYTES = 2048;
/** How far up is looked for the launcher; a deeper process stays unknown. */
const MAX_CHAIN = 64;

function parentOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the program's name in brackets, may itself hold spaces and brackets.
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // It has gone.
    return undefined;
  }
}

/** The path of the executable as it is named inside: the kernel shows it from the process's own root. */
function programOf(pid: number): string | undefined {
  try {
    return decodeName(readlinkSync(`/proc/${pid}/exe`, { encoding: 'buffer' }));
  } catch {
    // It has gone, or made itself undumpable: then only its number is known.
    return undefined;
  }
}

function commandOf(pid: number): string[] | undefined {
  const buffer = Buffer.alloc(COMMAND_BYTES);
  try {
    const descriptor = openSync(`/proc/${pid}/cmdline`, 'r');
    try {
      const words = buffer.subarray(0, readSync(descriptor, buffer, 0, COMMAND_BYTES, 0));
      // A program that renamed itself, as npm does, leaves NULs behind.
      return commandWithoutSecrets(decodeName(words).replace(/\0+$/, '').split('\0'));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // It has gone.
    return undefined;
  }
}

const INTERPRETER = /\/(node|nodejs|python[\d.]*|(ba|da|z|k)?sh|busybox|perl[\d.]*|ruby[\d.]*|php[\d.]*)$/;
/** Options after which no script is named. */
const NO_SCRIPT = /^-([a-z]*[cem]|p|pe|-eval|-print)$/;

/** Undefined where the program says enough. */
export function nameOf(program: string, [first = '', ...rest]: readonly string[]): string | undefined {
  // npm, for one, writes `npm run build` over its command line.
  if (rest.length === 0) return first.includes(' ') ? first : undefined;
  if (!INTERPRETER.test(program)) return undefined;
  const at = rest.findIndex((word) => !word.startsWith('-'));
  if (at < 0 || rest.slice(0, at).some((option) => NO_SCRIPT.test(option))) return undefined;
  const script = rest[at]!.slice(rest[at]!.lastIndexOf('/') + 1);
  return script === '' ? undefined : script;
}

function ancestorOf(pid: number): Ancestor | undefined {
  const program = programOf(pid);
  if (program === undefined) return undefined;
  const name = nameOf(program, commandOf(pid) ?? []);
  return { pid, program, ...(name !== undefined && { name }) };
}

/**
 * From the process up to, and without, the first one inside; undefined for a process that is not, or no longer, one of those
 * that `launcher` started. SECURITY: numbers are used again, so without the chain a refusal could be laid at the door of a
 * process of the host, its secrets on its command line shown.
 */
function chainOf(pid: number, launcher: number): number[] | undefined {
  const chain: number[] = [];
  for (let at: number | undefined = parentOf(pid); at !== launcher; at = parentOf(at)) {
    if (at === undefined || at <= 1 || chain.length === MAX_CHAIN) return undefined;
    chain.push(at);
  }
  // The last is init, the launcher's child: ours, and nothing that a person started. Without any, it is init itself.
  return chain.length === 0 ? undefined : chain.slice(0, -1);
}

/** undefined for a process that is none of those that `launcher` started. */
export function identifyInside(pid: number, launcher: number): Actor | undefined {
  const chain = chainOf(pid, launcher);
  if (chain === undefined) return undefined;
  const program = programOf(pid);
  const command = commandOf(pid);
  return {
    pid,
    ...(program !== undefined && { program }),
    ...(command !== undefined && { command }),
    parents: chain.flatMap((each) => ancestorOf(each) ?? []),
  };
}

/** The executable of a process of the sandbox; undefined as for `identifyInside`. */
export function programInside(pid: number, launcher: number | undefined): string | undefined {
  return launcher === undefined || chainOf(pid, launcher) === undefined ? undefined : programOf(pid);
}

/**
 * What this process was given, byte for byte. Node reads it as UTF-8 and puts U+FFFD in the place of all that is none, by which a
 * command would be told of another file than was named. Stray bytes are spelt as `decodeName` does.
 */
import { readFileSync, statSync } from 'node:fs';
import { SandboxError } from '../errors.ts';
import { decodeName, escapeBytes } from '../policy/printable.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const REPLACED = '\ufffd';

/** The texts of a list in which a NUL ends each, as proc_pid_cmdline(5) and proc_pid_environ(5) have them. */
function endedByNul(path: string): string[] {
  const bytes = readFileSync(path);
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    const stop = end === -1 ? bytes.length : end;
    texts.push(decodeName(bytes.subarray(at, stop)));
    at = stop + 1;
  }
  return texts;
}

/** The words after the name of the program. */
export function givenWords(): readonly string[] {
  const words = process.argv.slice(2);
  if (process.platform !== 'linux' || !words.some((word) => word.includes(REPLACED))) return words;
  return endedByNul('/proc/self/cmdline').slice(-words.length);
}

/** `process.env` itself where nothing was lost. */
export function givenEnvironment(): Environment {
  const isWhole = ([name, value]: readonly [string, string | undefined]) =>
    !name.includes(REPLACED) && !value?.includes(REPLACED);
  const entries = Object.entries(process.env);
  if (process.platform !== 'linux' || entries.every(isWhole)) return process.env;
  const given = endedByNul('/proc/self/environ').flatMap((entry) => {
    const at = entry.indexOf('=', 1);
    return at === -1 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const];
  });
  const whole = new Set(entries.filter(isWhole).map(([name]) => name));
  // Of two with one name getenv(3) gives the first.
  const others = given.filter(([name]) => !whole.has(name)).reverse();
  return { ...Object.fromEntries(entries.filter(isWhole)), ...Object.fromEntries(others) };
}

function noDirectory(what: string, why: string, fix: string): SandboxError {
  return new SandboxError('ERR_PROJECT_INVALID', { what, why, fix });
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const gone = code === 'ENOENT';
    // getcwd(3): ERANGE and ENAMETOOLONG for what is longer than PATH_MAX.
    const why = gone ? 'it has been removed' : code === 'ERANGE' ? 'its path is too long' : `${code}`;
    throw noDirectory('Cannot use the working directory', why, 'Change to another directory');
  }
}

/**
 * Throws ERR_PROJECT_INVALID where there is none any more, or where its path is too long or cannot be said in UTF-8, as settings
 * and plans say paths.
 */
export function givenDirectory(): string {
  const path = currentDirectory();
  if (process.platform !== 'linux' || !path.includes(REPLACED)) return path;
  const [named, here] = [statSync(path, { throwIfNoEntry: false }), statSync('.')];
  if (named?.ino === here.ino && named.dev === here.dev) return path;
  throw noDirectory(
    `Cannot work in ${escapeBytes(Buffer.from(path))}`,
    'the path of this directory is not valid UTF-8',
    'Rename the directory, or change to another one',
  );
}

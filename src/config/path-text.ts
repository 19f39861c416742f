/** Owns how a path may be written in settings. Says what is wrong with the text; what it leads to is not looked at. */
import { isSandboxError } from '../errors.ts';
import { compileGlob, expandGlob, isGlob } from '../policy/glob.ts';

export interface PathComplaint {
  readonly message: string;
  readonly suggestion?: string;
}

/** An allowing entry is a plain path, a denying one may be a glob. */
export type PathUse = 'allow' | 'deny';

/** PATH_MAX of linux/limits.h counts the final NUL. */
const MAX_BYTES = 4095;

function checkCharacters(text: string): PathComplaint | undefined {
  if (text.includes('\0')) {
    return { message: 'a path cannot hold a NUL character' };
  }
  // A tab is a legal and harmless part of a name; the rest would forge lines and colours in what people read.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/.test(text)) {
    return { message: 'a path cannot hold a line break or other control character' };
  }
  if (/\p{Cs}/u.test(text)) {
    return { message: 'a path cannot hold half of a surrogate pair' };
  }
  if (Buffer.byteLength(text) > MAX_BYTES) {
    return { message: `a path has at most ${MAX_BYTES} bytes` };
  }
  return undefined;
}

/** Spellings that other tools expand and Pinfold does not: taken literally they would grant or deny nothing. */
function checkExpansion(text: string): PathComplaint | undefined {
  if (/^~[^/]/.test(text)) {
    return { message: 'only "~/" (your own home) is expanded, no other user\'s' };
  }
  if (/^[$%]/.test(text)) {
    return { message: `variables are not expanded; write the path, or "./${text}" if that is its name` };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    const local = /^file:\/\/(\/.*)$/i.exec(text)?.[1];
    return { message: 'a path is expected, not an address with "://"', ...(local && { suggestion: local }) };
  }
  if (text.startsWith('-')) {
    return {
      message: 'this looks like an option; a path of this name is written with "./"',
      suggestion: `./${text}`,
    };
  }
  if (text.startsWith('!')) {
    return {
      message: 'there is no negation with "!"; use allowedPaths for an exception',
      suggestion: `./${text}`,
    };
  }
  return undefined;
}

/** Where paths are relative to matters for nothing here; a pattern only has to be one. */
const ANYWHERE = { projectDir: '/project', homeDir: '/home' };

function checkGlob(text: string): PathComplaint | undefined {
  const bare = text.replace(/\\./g, '');
  for (const [open, close] of [
    ['[', ']'],
    ['{', '}'],
  ] as const) {
    if (bare.lastIndexOf(open) > bare.lastIndexOf(close)) {
      return { message: `"${open}" is never closed in this pattern` };
    }
  }
  try {
    compileGlob(expandGlob(text, ANYWHERE));
    return undefined;
  } catch (error) {
    if (isSandboxError(error)) {
      return { message: `${error.what}: ${error.why}` };
    }
    throw error;
  }
}

function checkPattern(text: string, use: PathUse): PathComplaint | undefined {
  if (use === 'deny') {
    return isGlob(text) ? checkGlob(text) : undefined;
  }
  if (/[*?]/.test(text)) {
    const plain = text.replace(/\/\*\*\/?$/, '');
    return {
      message:
        'allowedPaths takes plain paths; an entry covers everything beneath it (patterns belong in deniedPaths)',
      ...(/^[^*?]+$/.test(plain) && { suggestion: plain }),
    };
  }
  // /proc/self/root and its kin are doors to anywhere, and mean something else to each process that opens them.
  const steps = text.split('/').filter((step) => step !== '' && step !== '.');
  if (text.startsWith('/') && steps[0] === 'proc') {
    return { message: 'paths in /proc cannot be allowed: they mean something else to each process' };
  }
  return undefined;
}

/** What is wrong with `text` as a path entry; undefined when nothing is. */
export function checkPath(text: string, use: PathUse): PathComplaint | undefined {
  if (text.trim() === '') {
    return { message: 'an empty string names no path', suggestion: '.' };
  }
  return checkCharacters(text) ?? checkExpansion(text) ?? checkPattern(text, use);
}

/** The host's list of users as the inside is to see it: the person's home is the private one. */
import { readFileSync } from 'node:fs';

/** Its fields are in passwd(5): name, password, uid, gid, comment, home, shell. */
export const ACCOUNTS = '/etc/passwd';
const UID = 2;
const HOME = 5;
/** A larger one is left as it is: it would be carried in each plan. */
const MOST_BYTES = 256 * 1024;

/** Each byte a letter, so that names in any encoding stay what they are. */
function lettersOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** `home`: absolute. Undefined where there is nothing to rewrite: no file, or nobody of that uid in it. */
export function accountsWithHome(
  home: string,
  {
    path = ACCOUNTS,
    uid = process.getuid?.(),
  }: { readonly path?: string; readonly uid?: number | undefined } = {},
): Uint8Array | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    return undefined; // What is not there or cannot be read is not shown in another way either.
  }
  // A colon would begin another field.
  if (text.length > MOST_BYTES || home.includes(':')) return undefined;
  let found = false;
  const lines = text.split('\n').map((line) => {
    const fields = line.split(':');
    if (fields[UID] !== String(uid) || fields.length <= HOME) return line;
    found = true;
    return fields.with(HOME, lettersOf(home)).join(':');
  });
  return found ? Buffer.from(lines.join('\n'), 'latin1') : undefined;
}

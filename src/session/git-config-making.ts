/** Makes the first configuration of a repository for the inside (`git init`, `git clone`), and keeps it from being changed there. */
import { chmodSync, closeSync, constants, openSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { judgeGitConfig } from '../policy/git-config-change.ts';
import { baseOf, parentOf } from '../policy/paths.ts';
import {
  contentOf,
  failureOf,
  type GitConfigWriting,
  O_PATH,
  Opened,
  PLAIN,
  placeOf,
  refusalOf,
} from './git-config-writing.ts';

export interface Covering {
  /** Nobody takes what appears at this path for planted. */
  admit(path: string): void;
  /** What is at this path has to go, and the session with it. */
  reject(path: string): void;
  /** Makes it read-only inside. Rejects with an error that has `errno`: EAGAIN where somebody has it open for writing. */
  cover(path: string): Promise<void>;
}

/** errno(3). */
const EAGAIN = 11;

/**
 * SECURITY: until it is covered the inside can see it. By its mode nobody may write to it, and whoever changed that and opened
 * it is found out when it is covered.
 */
export async function makeGitConfig(path: string, covering: Covering): Promise<GitConfigWriting> {
  const opened = new Opened();
  try {
    const here = placeOf(opened, parentOf(path));
    const [lock, config] = [`${here}/${baseOf(path)}.lock`, `${here}/${baseOf(path)}`];
    const after = contentOf(opened.open(lock, constants.O_RDONLY | PLAIN));
    const judged = judgeGitConfig('', after.toString('latin1'));
    if (judged.kind === 'refused') return refusalOf(judged);
    covering.admit(path);
    const made = openSync(config, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | PLAIN, 0o400);
    try {
      writeSync(made, after);
    } finally {
      closeSync(made);
    }
    await cover(path, covering);
    chmodSync(config, 0o644);
    unlinkSync(lock);
    return { kind: 'written', changed: judged.changed };
  } catch (error) {
    return failureOf(error);
  } finally {
    opened.close();
  }
}

async function cover(path: string, covering: Covering): Promise<void> {
  try {
    await covering.cover(path);
  } catch (error) {
    covering.reject(path);
    const taken = (error as { errno?: number }).errno === EAGAIN;
    throw Object.assign(new Error(), { code: taken ? 'somebody opened it to write' : 'it was not covered' });
  }
}

/** git sees whether it can set the bit for execution on what it has just made. False: that is not what is asked for. */
export function flipExecution(path: string, mode: number): boolean {
  const opened = new Opened();
  try {
    const here = placeOf(opened, parentOf(path));
    const file = `/proc/self/fd/${opened.open(`${here}/${baseOf(path)}`, O_PATH | constants.O_NOFOLLOW)}`;
    if (((statSync(file).mode ^ mode) & 0o7777) !== 0o100) return false;
    chmodSync(file, mode & 0o7777);
    return true;
  } catch {
    // Gone, or not the person's: the kernel says what becomes of the call.
    return false;
  } finally {
    opened.close();
  }
}

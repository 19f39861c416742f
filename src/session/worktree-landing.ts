/** Gives the host a worktree that was added inside: what git needs of it, its paths written anew, and no names that it would obey. */
import { lstatSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseOf, parentOf } from '../policy/paths.ts';
import { Opened, placeOf } from './git-config-writing.ts';
import { type Guarded, type Landed, sift } from './repository-landing.ts';

/** What ties a worktree to its repository; for the host it is written anew. */
export const TIES = ['gitdir', 'commondir'];

export interface WorktreeLanding {
  /** What git wrote, where no sandbox sees it any more. */
  readonly content: string;
  /** Of the directory in `.git/worktrees` on the host. */
  readonly path: string;
  /** What lay in it before it was covered. */
  readonly covered: readonly string[];
  /** The `.git` file that belongs to it; undefined when there is none, or they do not agree. */
  readonly gitFile: string | undefined;
}

export function landWorktree({ content, path, covered, gitFile }: WorktreeLanding, guarded: Guarded): Landed {
  const opened = new Opened();
  try {
    if (!/\/\.git\/worktrees\/[^/]+$/.test(path)) throw new Error('its directory was moved');
    if (gitFile === undefined || baseOf(gitFile) !== '.git') throw new Error('it has no working tree');
    const aside = sift(content, path, guarded, ['config']).filter((name) => !TIES.includes(name));
    writeFileSync(join(content, 'gitdir'), `${gitFile}\n`, { flag: 'wx' });
    writeFileSync(join(content, 'commondir'), '../..\n', { flag: 'wx' });
    const pointer = `${content}-git`;
    writeFileSync(pointer, `gitdir: ${path}\n`, { flag: 'wx' });
    const place = placeOf(opened, path);
    for (const name of readdirSync(place)) if (covered.includes(name)) unlinkSync(`${place}/${name}`);
    renameSync(content, `${placeOf(opened, parentOf(path))}/${baseOf(path)}`);
    replacePlaceholder(pointer, gitFile, opened);
    return { kind: 'landed', path, left: aside };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'kept', path, why: code ?? message, kept: content };
  } finally {
    opened.close();
  }
}

/** `pointer`: a file of ours. */
export function replacePlaceholder(pointer: string, gitFile: string, opened: Opened): void {
  const target = `${placeOf(opened, parentOf(gitFile))}/${baseOf(gitFile)}`;
  // Nothing inside runs any more that could put something else there.
  if (!lstatSync(target).isSocket()) throw new Error('something else is in the place of its .git file');
  renameSync(pointer, target);
}

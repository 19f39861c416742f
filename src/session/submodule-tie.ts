/** Gives the host the `.git` file of a submodule, where the repository that it leads to says that it belongs there. */
import { constants, lstatSync, unlinkSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { keyOf, parseGitConfig } from '../policy/git-config.ts';
import { baseOf, parentOf } from '../policy/paths.ts';
import { contentOf, Opened, PLAIN, placeOf } from './git-config-writing.ts';
import type { GitFile } from './git-files.ts';
import type { Landed } from './repository-landing.ts';
import { replacePlaceholder } from './worktree-landing.ts';

const MODULE = /\/\.git\/(worktrees\/[^/]+\/)?modules\/[^/]/;

/**
 * Call when the repositories are in their places. SECURITY: the configuration of a submodule is either the host's own or was written
 * by the host a moment ago, since nobody inside can make one; so only these are led to, and a directory `..` beside them is not.
 */
export function tieSubmodule(file: GitFile): Landed {
  const { path, gitdir, kept } = file;
  const opened = new Opened();
  try {
    if (baseOf(path) !== '.git') throw new Error('its .git file was renamed');
    if (gitdir === undefined || !MODULE.test(gitdir) || !isTied(opened, gitdir, parentOf(path)))
      throw new Error('its .git file leads to no submodule or worktree that was made');
    const pointer = `${kept}-tie`;
    writeFileSync(pointer, `gitdir: ${relative(parentOf(path), gitdir)}\n`, { flag: 'wx' });
    replacePlaceholder(pointer, path, opened);
    return { kind: 'empty' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path);
    return { kind: 'kept', path, why: code ?? message, kept };
  } finally {
    opened.close();
  }
}

function isTied(opened: Opened, gitdir: string, worktree: string): boolean {
  const config = opened.open(`${placeOf(opened, gitdir)}/config`, constants.O_RDONLY | PLAIN);
  const said = parseGitConfig(contentOf(config).toString('latin1'))?.filter(
    (entry) => keyOf(entry) === 'core.worktree',
  );
  const [first, ...more] = said ?? [];
  if (first?.value === undefined || more.length > 0) return false;
  return resolve(gitdir, Buffer.from(first.value, 'latin1').toString()) === worktree;
}

/** Finds the repository of a project that is a worktree or a submodule: its `.git` is a file that points elsewhere. */
import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isBeneath } from './containment.ts';

/** Git's pointer files are one line; anything longer is not one. */
const LONGEST_POINTER = 8192;

function readSmall(path: string): string | undefined {
  try {
    const state = lstatSync(path);
    return state.isFile() && state.size <= LONGEST_POINTER ? readFileSync(path, 'utf8') : undefined;
  } catch {
    // Absent or unreadable: then it points nowhere.
    return undefined;
  }
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function isRepository(directory: string): boolean {
  return ['HEAD', 'objects', 'refs'].every((name) =>
    statSync(join(directory, name), { throwIfNoEntry: false }),
  );
}

/** The worktree's own directory is `<common>/worktrees/<id>`, and says itself which worktree it belongs to. */
function commonOfWorktree(gitDir: string, pointer: string): string | undefined {
  const back = readSmall(join(gitDir, 'gitdir'))?.trim();
  const common = readSmall(join(gitDir, 'commondir'))?.trim();
  if (back === undefined || common === undefined || real(resolve(gitDir, back)) !== real(pointer))
    return undefined;
  const found = real(resolve(gitDir, common));
  return found !== undefined && dirname(dirname(gitDir)) === found ? found : undefined;
}

/** A submodule's directory names its worktree in its configuration. */
function isSubmoduleOf(gitDir: string, projectDir: string): boolean {
  const worktree = /^\s*worktree\s*=\s*(.+?)\s*$/m.exec(readSmall(join(gitDir, 'config')) ?? '')?.[1];
  return worktree !== undefined && real(resolve(gitDir, worktree)) === projectDir;
}

/**
 * The directory outside the project in which git must write to commit, or undefined.
 *
 * SECURITY: an archive may bring a `.git` file that points at `~/.ssh`. So the pointer is believed only when the other end
 * points back here, which nobody can arrange who cannot write there (git itself checks no more than this).
 */
export function findGitDirectory(projectDir: string): string | undefined {
  const pointer = join(projectDir, '.git');
  const target = /^gitdir: (.+?)\n?$/.exec(readSmall(pointer) ?? '')?.[1];
  const gitDir = target === undefined ? undefined : real(resolve(projectDir, target));
  if (gitDir === undefined || isBeneath(gitDir, projectDir)) return undefined;
  const found = commonOfWorktree(gitDir, pointer) ?? (isSubmoduleOf(gitDir, projectDir) ? gitDir : undefined);
  return found !== undefined && !isBeneath(projectDir, found) && isRepository(found) ? found : undefined;
}

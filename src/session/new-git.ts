/** All that git makes inside and the host gets when the session ends: repositories, worktrees, submodules. Loaded at the first. */
import { constants, lstatSync, type Stats } from 'node:fs';
import { join, resolve } from 'node:path';
import { parentOf } from '../policy/paths.ts';
import { contentOf, Opened, PLAIN } from './git-config-writing.ts';
import { GitFiles, type GitFilesOptions } from './git-files.ts';
import { NewRepositories, type NewRepositoriesOptions } from './new-repositories.ts';
import { NewSubmodules } from './new-submodules.ts';
import { NewWorktrees } from './new-worktrees.ts';
import type { Landed } from './repository-landing.ts';
import { tieSubmodule } from './submodule-tie.ts';

/** The first name that git makes by which a worktree is tied to its repository. */
const WORKTREE_PLACE = /\/\.git\/worktrees\/[^/]+\/gitdir$/;

export class NewGit {
  readonly repositories: NewRepositories;
  readonly #files: GitFiles;
  readonly #worktrees: NewWorktrees;
  readonly #submodules: NewSubmodules;

  constructor(options: NewRepositoriesOptions & GitFilesOptions) {
    this.repositories = new NewRepositories(options);
    this.#files = new GitFiles(options);
    this.#worktrees = new NewWorktrees({ ...options, files: this.#files });
    this.#submodules = new NewSubmodules(options);
  }

  /** Somebody inside is about to make this file, by the call `id`. True: the call has a file of ours. */
  async makeFile(path: string, id: bigint): Promise<boolean> {
    if (WORKTREE_PLACE.test(path)) return await this.#worktrees.begin(path, id);
    return (
      (this.#worktrees.claims(path) || this.#isInSuperproject(path)) && (await this.#files.lay(path, id))
    );
  }

  /** git renames its lock file over this configuration. False: it is none that the host does not have yet. */
  async replaceConfig(path: string): Promise<boolean> {
    return this.repositories.replaceConfig(path) || (await this.#submodules.replaceConfig(path));
  }

  /** git tries whether links can be made in a repository of a submodule. False: it is none of ours, or another link. */
  makeProbeLink(path: string): boolean {
    return this.repositories.makeProbeLink(path) || this.#submodules.makeProbeLink(path);
  }

  /** From this repository to its working tree, where a new `.git` file leads to it. */
  worktreeOf(gitdir: string): string | undefined {
    return this.#files.worktreeOf(gitdir);
  }

  /** Somebody inside is about to remove this. False: it is none of ours, or not empty. */
  remove(path: string): boolean {
    return this.#files.remove(path) || this.#worktrees.remove(path) || this.#submodules.remove(path);
  }

  /** Call once, when nothing inside runs any more. */
  land(): Landed[] {
    const files = this.#files.files();
    const worktreeOf = (gitdir: string) => this.worktreeOf(gitdir);
    const landed = [
      ...this.repositories.land(worktreeOf),
      ...this.#worktrees.land(files.map(({ path }) => path)),
      ...this.#submodules.land(worktreeOf),
    ];
    this.#files.close();
    const said = new Set(landed.flatMap((each) => (each.kind === 'kept' ? [each.path] : [])));
    // Those of worktrees have been put in their places.
    const left = files.filter(({ path }) => stateOf(path)?.isSocket());
    const ties = left.map((file) => ({ file, tied: tieSubmodule(file) }));
    return [...landed, ...ties.filter(({ file }) => !said.has(file.gitdir ?? '')).map(({ tied }) => tied)];
  }

  /** Whether git has begun to keep submodules of a repository around `path`: elsewhere no `.git` file belongs to one. */
  #isInSuperproject(path: string): boolean {
    for (let around = parentOf(path); around !== '/'; around = parentOf(around)) {
      const git = join(around, '.git');
      if (this.repositories.hasModules(git) || isDirectory(join(repositoryAt(git), 'modules'))) return true;
    }
    return false;
  }
}

function isDirectory(path: string): boolean {
  return stateOf(path)?.isDirectory() === true;
}

/** Undefined where nothing is, or nothing that can be looked at. */
function stateOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Of a worktree, or a submodule of the host's, it is elsewhere. SECURITY: looked at while the inside runs, so by one descriptor that
 * follows no link and waits for no pipe.
 */
function repositoryAt(git: string): string {
  const opened = new Opened();
  try {
    const pointer = contentOf(opened.open(git, constants.O_RDONLY | PLAIN)).toString();
    const gitdir = /^gitdir: (.+?)\n?$/.exec(pointer)?.[1];
    return gitdir === undefined ? git : resolve(parentOf(git), gitdir);
  } catch {
    return git; // A directory, nothing, or nothing of git's.
  } finally {
    opened.close();
  }
}

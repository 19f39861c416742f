/** Takes the calls by which git writes a repository's configuration inside, where they are refused, and answers them. Loaded at the first. */
import { existsSync } from 'node:fs';
import { type GitConfigWriting, writeGitConfig } from './git-config-writing.ts';

export class GitConfigDesk {
  /** Each as it was before the session first changed it, by path. */
  readonly #found = new Map<string, string>();
  /** One at a time: a second change is judged by what the first one left. */
  #before: Promise<unknown> = Promise.resolve();

  /**
   * The lock file beside `path` is renamed over it. Never rejects. `worktree`: where the working tree of this submodule may be said
   * to be.
   */
  replace(path: string, worktree?: string): Promise<GitConfigWriting> {
    const turn = this.#before.then(() => this.#replace(path, worktree));
    this.#before = turn;
    return turn;
  }

  #replace(path: string, worktree: string | undefined): GitConfigWriting {
    // SECURITY: a first one cannot be covered before somebody inside may have opened it to write: that race was won.
    if (existsSync(path)) return writeGitConfig(path, this.#found, worktree);
    return { kind: 'refused', why: 'the first configuration of a repository is made outside' };
  }
}

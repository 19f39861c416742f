/**
 * Repositories that the inside makes in the project (`git init`, `git clone`). What git writes lies in the session's own
 * directory, mounted over an empty `.git`; the host gets it when nothing inside runs any more, and only what was judged then.
 */
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Launcher } from '../platform/linux/launcher.ts';
import { baseOf, parentOf } from '../policy/paths.ts';
import { cover } from './covering.ts';
import { O_PATH, Opened, placeOf } from './git-config-writing.ts';
import { type Guarded, type Landed, land, type RepositoryLanding } from './repository-landing.ts';
import { makeProbeLink, replaceStagedConfig } from './staged-acts.ts';
import { pathOf } from './staged-path.ts';

/** Directories of the session for them; more are refused, as they were before there was one. */
const MOST = 64;

export interface NewRepositoriesOptions {
  readonly launcher: Pick<Launcher, 'calls'>;
  /** The session's own. */
  readonly directory: string;
  /** Which of these entries, as the host would have them, are names that it runs code from. */
  readonly guarded: Guarded;
  /** Sees to it that nothing slips into the empty directory on the host. */
  readonly watch: (directory: string) => void;
}

interface Staged {
  /** Of the empty `.git` on the host: its path may change meanwhile. */
  readonly descriptor: number;
  /** What is mounted over it. */
  readonly content: string;
}

export class NewRepositories {
  readonly #options: NewRepositoriesOptions;
  readonly #staged = new Set<Staged>();
  #count = 0;

  constructor(options: NewRepositoriesOptions) {
    this.#options = options;
  }

  /**
   * Makes the `.git` that somebody inside is about to make. False: it was not made, and the call may go on as it is.
   * SECURITY: the name is on the host before it is covered, and somebody may keep the empty directory open. What they make in
   * it is judged as before, by the same names, and nothing that is written through the cover is ever seen there.
   */
  async make(path: string): Promise<boolean> {
    if (this.#staged.size >= MOST) return false;
    const opened = new Opened();
    try {
      const place = placeOf(opened, parentOf(path));
      const made = `${place}/${baseOf(path)}`;
      const content = join(realpathSync(this.#options.directory), 'repositories', String(this.#count++));
      mkdirSync(content, { recursive: true });
      // In the end it is renamed to there, which only one file system can do.
      if (statSync(place).dev !== statSync(content).dev) return false;
      mkdirSync(made);
      const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      const staged = { content, descriptor: openSync(made, flags) };
      this.#options.watch(path);
      if (await cover(this.#options.launcher, path, 'directory', content)) {
        this.#staged.add(staged);
        return true;
      }
      closeSync(staged.descriptor);
      rmdirSync(made);
      return false;
    } catch {
      // Nothing is there to mount on, or it is there already: the kernel answers the call.
      return false;
    } finally {
      opened.close();
    }
  }

  /** git renames its lock file over a configuration in one of these. False: that is none of them, or cannot be done. */
  replaceConfig(path: string): boolean {
    return [...this.#staged].some(({ descriptor, content }) =>
      replaceStagedConfig(content, pathOf(descriptor), path),
    );
  }

  /** The same of a link by which git tries the file system. */
  makeProbeLink(path: string): boolean {
    return [...this.#staged].some(({ descriptor, content }) =>
      makeProbeLink(content, pathOf(descriptor), path),
    );
  }

  /** Whether submodules belong to the repository at `path`, which is one of these. */
  hasModules(path: string): boolean {
    const content = this.#at(path)?.content;
    if (content === undefined) return false;
    return lstatSync(join(content, 'modules'), { throwIfNoEntry: false })?.isDirectory() === true;
  }

  /**
   * Removes the `.git` that somebody inside is about to remove. False: it holds something, or is none of these. SECURITY: from
   * the host's mounts, where it is a directory like others; the kernel then takes away what covers it elsewhere (rmdir(2)). To
   * unmount it by its path inside could be led to the cover of another.
   */
  remove(path: string): boolean {
    const staged = this.#at(path);
    if (staged === undefined) return false;
    const opened = new Opened();
    try {
      if (readdirSync(staged.content).length > 0) return false;
      rmdirSync(`${placeOf(opened, parentOf(path))}/${baseOf(path)}`);
      this.#staged.delete(staged);
      closeSync(staged.descriptor);
      rmdirSync(staged.content);
      return true;
    } catch {
      // The kernel says what becomes of the call.
      return false;
    } finally {
      opened.close();
    }
  }

  /** Call once, when nothing inside runs any more. */
  land(worktreeOf: RepositoryLanding['worktreeOf']): Landed[] {
    return [...this.#staged].map(({ content, descriptor }): Landed => {
      const path = pathOf(descriptor);
      closeSync(descriptor);
      if (path !== undefined && baseOf(path) === '.git')
        return land({ content, path, guarded: this.#options.guarded, worktreeOf, standing: 'empty' });
      return { kind: 'kept', path: path ?? '.git', why: 'its directory has gone', kept: content };
    });
  }

  #at(path: string): Staged | undefined {
    return [...this.#staged].find(({ descriptor }) => pathOf(descriptor) === path);
  }
}

/**
 * `.git` files that git makes inside, in a worktree or a submodule. On the host each is a socket of ours, inside a file of the
 * session's; what it says is judged when nothing inside runs any more.
 */
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { groundHere } from '../platform/linux/ground.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { standInCalls } from '../platform/linux/stand-in-file.ts';
import { baseOf, parentOf } from '../policy/paths.ts';
import { cover } from './covering.ts';
import { O_PATH, Opened, placeOf } from './git-config-writing.ts';
import { layPlaceholder } from './placeholder.ts';
import { pathOf } from './staged-path.ts';

/** Of a session; more are refused. */
const MOST = 256;
/** As git's own limit for them is a path's. */
const MOST_BYTES = 4200;

export interface GitFilesOptions {
  readonly launcher: Pick<Launcher, 'calls'>;
  /** The session's own. */
  readonly directory: string;
  /** This socket is ours: where it bears a guarded name, nothing has slipped past anybody. */
  readonly spare: (socket: string) => void;
}

export interface GitFile {
  /** On the host, by now. */
  readonly path: string;
  /** The directory that it says it leads to; undefined: it says nothing of the kind. */
  readonly gitdir: string | undefined;
  /** Where its words are. */
  readonly kept: string;
}

export class GitFiles {
  readonly #options: GitFilesOptions;
  /** By a descriptor of the placeholder, whose path may change meanwhile. */
  readonly #laid = new Map<number, string>();
  #count = 0;

  constructor(options: GitFilesOptions) {
    this.#options = options;
  }

  /**
   * Somebody inside is about to make this file: covers it, and answers the call with the cover. False: it was not done, and the name
   * may not be made. SECURITY: the kernel never goes on with the call, which may name it by another way than the one that was judged.
   */
  async lay(path: string, id: bigint): Promise<boolean> {
    if (this.#laid.size >= MOST) return false;
    const opened = new Opened();
    try {
      const root = join(realpathSync(this.#options.directory), 'git-files');
      mkdirSync(root, { recursive: true });
      const content = join(root, String(this.#count++));
      const made = `${placeOf(opened, parentOf(path))}/${baseOf(path)}`;
      await layPlaceholder(made, root, (socket) => this.#options.spare(socket));
      const descriptor = openSync(made, O_PATH | constants.O_NOFOLLOW);
      writeFileSync(content, '', { flag: 'wx' });
      if (await cover(this.#options.launcher, path, 'file', content)) {
        this.#laid.set(descriptor, content);
        return await this.answer(id, content);
      }
      closeSync(descriptor);
      unlinkSync(made);
      return false;
    } catch {
      // Something is there already, or nothing to mount on.
      return false;
    } finally {
      opened.close();
    }
  }

  /** The waiting call is given this file of ours, emptied. */
  async answer(id: bigint, file: string): Promise<boolean> {
    try {
      await this.#options.launcher.calls(standInCalls(id, file, groundHere().arch));
      return true;
    } catch {
      // The caller has gone, or took the file away already.
      return false;
    }
  }

  /**
   * Removes the one that somebody inside is about to remove. False: it is none of these. SECURITY: from the host's mounts; the
   * kernel then takes away what covers it elsewhere (unlink(2)).
   */
  remove(path: string): boolean {
    const descriptor = [...this.#laid.keys()].find((each) => pathOf(each) === path);
    if (descriptor === undefined) return false;
    const opened = new Opened();
    try {
      unlinkSync(`${placeOf(opened, parentOf(path))}/${baseOf(path)}`);
      this.#laid.delete(descriptor);
      closeSync(descriptor);
      return true;
    } catch {
      // The kernel says what becomes of the call.
      return false;
    } finally {
      opened.close();
    }
  }

  /** Those that are still there. */
  files(): GitFile[] {
    return [...this.#laid].flatMap(([descriptor, kept]) => {
      const path = pathOf(descriptor);
      return path === undefined ? [] : [{ path, kept, gitdir: gitdirOf(kept, parentOf(path)) }];
    });
  }

  /** From the repository at `gitdir` to the working tree whose file leads there; undefined: none does. */
  worktreeOf(gitdir: string): string | undefined {
    const file = this.files().find((each) => each.gitdir === gitdir && baseOf(each.path) === '.git');
    return file && relative(gitdir, parentOf(file.path));
  }

  close(): void {
    for (const descriptor of this.#laid.keys()) closeSync(descriptor);
    this.#laid.clear();
  }
}

/** By its letters: whoever uses the path sees to it that no link is on the way. */
function gitdirOf(content: string, directory: string): string | undefined {
  if (lstatSync(content).size > MOST_BYTES) return undefined;
  const written = /^gitdir: (.+?)\n?$/.exec(readFileSync(content, 'utf8'))?.[1];
  return written === undefined ? undefined : resolve(directory, written);
}

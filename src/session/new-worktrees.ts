/**
 * Worktrees that the inside adds in the project (`git worktree add`). What git keeps of one in `.git/worktrees/ID`, and the `.git`
 * file that leads there, lie in the session's own directory and are mounted over what the host has. The host gets them when
 * nothing inside runs any more, with paths that are written anew.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Launcher } from '../platform/linux/launcher.ts';
import { baseOf, parentOf } from '../policy/paths.ts';
import { cover } from './covering.ts';
import { contentOf, O_PATH, Opened, PLAIN, placeOf } from './git-config-writing.ts';
import type { GitFiles } from './git-files.ts';
import type { Guarded, Landed } from './repository-landing.ts';
import { pathOf } from './staged-path.ts';
import { landWorktree, TIES } from './worktree-landing.ts';

/** Of a session; more are refused, as they were before there was one. */
const MOST = 64;
/** git has made one by then, `locked`. */
const MOST_ENTRIES = 4;
const MOST_BYTES = 4096;

export interface NewWorktreesOptions {
  readonly launcher: Pick<Launcher, 'calls'>;
  /** The session's own. */
  readonly directory: string;
  /** Which of these entries, as the host would have them, are names that it runs code from. */
  readonly guarded: Guarded;
  readonly files: Pick<GitFiles, 'lay' | 'answer'>;
}

interface Worktree {
  /** Of `.git/worktrees/ID` on the host. */
  readonly descriptor: number;
  /** What is mounted over it. */
  readonly content: string;
  /** Names that were on the host before it was covered. */
  readonly covered: readonly string[];
}

export class NewWorktrees {
  readonly #options: NewWorktreesOptions;
  readonly #worktrees = new Set<Worktree>();
  #count = 0;

  constructor(options: NewWorktreesOptions) {
    this.#options = options;
  }

  /**
   * Somebody inside is about to make `gitdir` in the directory of a new worktree: covers the directory, and answers the call with
   * the file there. False: it was not done, and the name may not be made. SECURITY: the kernel never goes on with the call, which may
   * name it by the directory beneath the cover.
   */
  async begin(gitdir: string, id: bigint): Promise<boolean> {
    const path = parentOf(gitdir);
    if (this.#worktrees.size >= MOST || this.#at(path) !== undefined) return false;
    const opened = new Opened();
    try {
      const place = placeOf(opened, path);
      const content = this.#reserve();
      mkdirSync(content, { recursive: true });
      // In the end it is renamed to there, which only one file system can do.
      if (statSync(place).dev !== statSync(content).dev) return false;
      const covered = copyPlain(place, content);
      // They are there when git makes them, so that nobody needs leave to make them anywhere.
      for (const name of TIES) writeFileSync(join(content, name), '', { flag: 'wx' });
      const descriptor = openSync(place, O_PATH | constants.O_DIRECTORY);
      if (await cover(this.#options.launcher, path, 'directory', content)) {
        this.#worktrees.add({ descriptor, content, covered });
        return await this.#options.files.answer(id, join(content, 'gitdir'));
      }
      closeSync(descriptor);
      return false;
    } catch {
      // It is no such directory, or holds more than git puts there.
      return false;
    } finally {
      opened.close();
    }
  }

  /** Whether a new worktree says that this `.git` file belongs to it. */
  claims(path: string): boolean {
    return [...this.#worktrees].some(({ content }) => leadsTo(content, path));
  }

  /**
   * Removes the directory of a new worktree that somebody inside is about to remove, when it is empty. False: it is none of
   * these. SECURITY: from the host's mounts; the kernel then takes away what covers it elsewhere (rmdir(2)).
   */
  remove(path: string): boolean {
    const worktree = this.#at(path);
    const opened = new Opened();
    try {
      if (worktree === undefined || readdirSync(worktree.content).length > 0) return false;
      const place = placeOf(opened, path);
      for (const each of worktree.covered) unlinkSync(`${place}/${each}`);
      rmdirSync(`${placeOf(opened, parentOf(path))}/${baseOf(path)}`);
      this.#worktrees.delete(worktree);
      closeSync(worktree.descriptor);
      return true;
    } catch {
      // The kernel says what becomes of the call.
      return false;
    } finally {
      opened.close();
    }
  }

  /** Call once, when nothing inside runs any more. `files`: the `.git` files that were made. */
  land(files: readonly string[]): Landed[] {
    return [...this.#worktrees].map(({ descriptor, content, covered }): Landed => {
      const path = pathOf(descriptor);
      closeSync(descriptor);
      const gitFile = files.find((file) => leadsTo(content, file));
      if (path === undefined)
        return { kind: 'kept', path: gitFile ?? '.git', why: 'its directory has gone', kept: content };
      return landWorktree({ content, path, covered, gitFile }, this.#options.guarded);
    });
  }

  #at(path: string): Worktree | undefined {
    return [...this.#worktrees].find(({ descriptor }) => pathOf(descriptor) === path);
  }

  #root(): string {
    const root = join(realpathSync(this.#options.directory), 'worktrees');
    mkdirSync(root, { recursive: true });
    return root;
  }

  #reserve(): string {
    return join(this.#root(), String(this.#count++));
  }
}

/**
 * Whether the worktree whose own directory this is says that it belongs to the `.git` file at `path`. SECURITY: the inside writes there
 * meanwhile, so by one descriptor that follows no link and waits for no pipe.
 */
function leadsTo(content: string, path: string): boolean {
  const opened = new Opened();
  try {
    const gitdir = opened.open(join(content, 'gitdir'), constants.O_RDONLY | PLAIN);
    return contentOf(gitdir).toString() === `${path}\n`;
  } catch {
    return false; // It is absent, or no plain file.
  } finally {
    opened.close();
  }
}

/** Copies the few small files that are there, and gives their names. Throws for anything else. */
function copyPlain(from: string, to: string): string[] {
  const entries = readdirSync(from, { withFileTypes: true });
  if (entries.length > MOST_ENTRIES) throw new RangeError('too much is there');
  return entries.map((entry) => {
    if (!entry.isFile() || lstatSync(join(from, entry.name)).size > MOST_BYTES)
      throw new RangeError('what is there is no small file');
    copyFileSync(join(from, entry.name), join(to, entry.name), constants.COPYFILE_EXCL);
    return entry.name;
  });
}

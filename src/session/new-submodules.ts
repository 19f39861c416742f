/**
 * Repositories of submodules that git makes inside in a repository of the host's (`.git/modules/NAME`). From its first configuration
 * on what git writes lies in the session's own directory, mounted over what the host has; the host gets it when nothing inside runs
 * any more.
 */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
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
import { type Guarded, type Landed, land, type RepositoryLanding } from './repository-landing.ts';
import { makeProbeLink, replaceStagedConfig } from './staged-acts.ts';
import { pathOf } from './staged-path.ts';

/** Of a session; more are refused. */
const MOST = 256;
/** git has made a dozen by then, before any object. */
const MOST_ENTRIES = 64;

const MODULE = /\/\.git\/(worktrees\/[^/]+\/)?modules\/[^/]/;

export interface NewSubmodulesOptions {
  readonly launcher: Pick<Launcher, 'calls'>;
  /** The session's own. */
  readonly directory: string;
  /** Which of these entries, as the host would have them, are names that it runs code from. */
  readonly guarded: Guarded;
}

interface Staged {
  /** Of the directory on the host: its path may change meanwhile. */
  readonly descriptor: number;
  /** What is mounted over it. */
  readonly content: string;
}

export class NewSubmodules {
  readonly #options: NewSubmodulesOptions;
  readonly #staged = new Set<Staged>();
  /** One at a time, so that none is covered twice. */
  #before: Promise<unknown> = Promise.resolve();
  #count = 0;

  constructor(options: NewSubmodulesOptions) {
    this.#options = options;
  }

  /** git renames its lock file over `config`. False: that is in none of these, and cannot be made one. Never rejects. */
  replaceConfig(config: string): Promise<boolean> {
    const turn = this.#before.then(() => this.#replace(config) || this.#begin(config));
    this.#before = turn;
    return turn;
  }

  /** git tries whether links can be made. False as above. */
  makeProbeLink(path: string): boolean {
    return [...this.#staged].some(({ descriptor, content }) =>
      makeProbeLink(content, pathOf(descriptor), path),
    );
  }

  #replace(config: string): boolean {
    return [...this.#staged].some(({ descriptor, content }) =>
      replaceStagedConfig(content, pathOf(descriptor), config),
    );
  }

  /**
   * The first configuration: all that git made so far is small. SECURITY: who keeps the directory beneath the cover open is judged by
   * the same names as before, and what lies in it is not what the host gets.
   */
  async #begin(config: string): Promise<boolean> {
    const path = parentOf(config);
    if (this.#staged.size >= MOST || !MODULE.test(path)) return false;
    const opened = new Opened();
    try {
      const place = placeOf(opened, path);
      const content = join(realpathSync(this.#options.directory), 'submodules', String(this.#count++));
      mkdirSync(content, { recursive: true });
      // In the end it is renamed to there, which only one file system can do.
      if (statSync(place).dev !== statSync(content).dev) return false;
      copySmall(opened, place, content, MOST_ENTRIES);
      // It throws where there is a configuration already, or no such file.
      renameSync(join(content, 'config.lock'), join(content, 'config'));
      const descriptor = openSync(place, O_PATH | constants.O_DIRECTORY);
      if (await cover(this.#options.launcher, path, 'directory', content)) {
        this.#staged.add({ descriptor, content });
        unlinkSync(`${place}/config.lock`);
        return true;
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

  /**
   * Removes the directory that somebody inside is about to remove, when it is empty. False: it is none of these. SECURITY: from the
   * host's mounts; the kernel then takes away what covers it elsewhere (rmdir(2)). What was beneath the cover is put aside by name,
   * never looked into.
   */
  remove(path: string): boolean {
    const staged = [...this.#staged].find(({ descriptor }) => pathOf(descriptor) === path);
    const opened = new Opened();
    try {
      if (staged === undefined || readdirSync(staged.content).length > 0) return false;
      const place = placeOf(opened, path);
      const aside = `${staged.content}-begun`;
      mkdirSync(aside);
      for (const name of readdirSync(place)) renameSync(`${place}/${name}`, join(aside, name));
      rmdirSync(`${placeOf(opened, parentOf(path))}/${baseOf(path)}`);
      this.#staged.delete(staged);
      closeSync(staged.descriptor);
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
      if (path !== undefined && MODULE.test(path))
        return land({ content, path, guarded: this.#options.guarded, worktreeOf, standing: 'begun' });
      const why = path === undefined ? 'its directory has gone' : 'its directory was moved';
      return { kind: 'kept', path: path ?? '.git/modules', why, kept: content };
    });
  }
}

/**
 * Throws for what is more than a few plain files, or too many. SECURITY: goes from descriptor to descriptor, since whoever writes there
 * may exchange a directory for a link.
 */
function copySmall(opened: Opened, from: string, to: string, most: number): number {
  let left = most;
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [`${from}/${entry.name}`, join(to, entry.name)];
    left -= 1;
    if (left < 0) throw new RangeError('too much is there');
    if (entry.isDirectory()) {
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      mkdirSync(target);
      left = copySmall(opened, `/proc/self/fd/${opened.open(source, flags)}`, target, left);
    } else {
      const bytes = contentOf(opened.open(source, constants.O_RDONLY | PLAIN));
      writeFileSync(target, bytes, { flag: 'wx' });
    }
  }
  return left;
}

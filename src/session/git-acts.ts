/** Acts of git on names that are guarded: told from those of others, and done in its place, so that the host stays as it is. */
import type { RefusedMaking } from '../platform/linux/guarded-makings.ts';
import type { Making, MakingRecord } from '../platform/linux/plan.ts';
import type { WatchedAct } from '../platform/linux/watched-calls.ts';
import { parentOf } from '../policy/paths.ts';
import { decodeName } from '../policy/printable.ts';
import type { Denial } from '../violations/types.ts';
import type { SessionEvent } from './event-log.ts';
import type { GitConfigDesk } from './git-config-desk.ts';
import type { NewGit } from './new-git.ts';
import { landingDenial } from './observed.ts';

export interface GitActsOptions {
  /** What git makes anew inside; undefined where nothing can be mounted. */
  readonly newGit: (() => Promise<NewGit>) | undefined;
  /** Records what the host was not given. */
  readonly take: (denial: Denial) => void;
  readonly append: (event: SessionEvent) => void;
  readonly actOf: (making: Making) => WatchedAct;
  /** Whether a rule refuses it. */
  readonly isGuarded: (making: Making) => boolean;
}

/** `why`: a clause. */
export type GitOutcome = { readonly kind: 'done' } | { readonly kind: 'not-done'; readonly why?: string };

/** Of a repository, or of a submodule in it or in a worktree of it. */
const GIT_CONFIG = /\/\.git\/((worktrees\/[^/]+\/)?modules\/.+\/)?config$/;
/** Of a worktree or submodule, and what ties a worktree to its repository. */
const GIT_FILE = /\/\.git(\/worktrees\/[^/]+\/gitdir)?$/;

export class GitActs {
  readonly #options: GitActsOptions;
  #desk: GitConfigDesk | undefined;
  #newGit: NewGit | undefined;

  constructor(options: GitActsOptions) {
    this.#options = options;
  }

  /** Does the act that a call waits for. Undefined: it is none of git's, or nothing is to be done in its place. */
  perform(
    { id, names }: MakingRecord,
    refused: RefusedMaking | undefined,
  ): 'done' | Promise<GitOutcome> | undefined {
    const [first] = names;
    if (first === undefined) return undefined;
    const alone = names.length === 1;
    if (refused) {
      if (alone && this.#isConfig(refused)) return this.#writeConfig(refused.path);
      if (alone && this.#isFile(refused)) return this.#makeFile(refused.path, id);
      return this.#isLink(refused) && this.#newGit?.makeProbeLink(refused.path) ? 'done' : undefined;
    }
    if (!alone) return undefined;
    const path = decodeName(first.path);
    if (this.#isRemoval(first) && this.#newGit?.remove(path)) return 'done';
    return this.#concernsRepository(first, path) ? this.#makeOrRemove(first, path) : undefined;
  }

  /** Call once, when nothing inside runs any more: the host gets the repositories that were made. */
  end(): void {
    for (const landed of this.#newGit?.land() ?? []) {
      if (landed.kind === 'empty') continue;
      this.#options.append({ ...landed, kind: 'git-repository', outcome: landed.kind });
      const denial = landingDenial(landed);
      if (denial) this.#options.take(denial);
    }
  }

  /** A plain file is renamed over a repository's configuration. */
  #isConfig({ path, making }: RefusedMaking): boolean {
    const plain = !making.directory && !making.bringsMore;
    return plain && GIT_CONFIG.test(path) && this.#options.actOf(making) === 'rename';
  }

  async #writeConfig(path: string): Promise<GitOutcome> {
    const { GitConfigDesk } = await import('./git-config-desk.ts');
    this.#desk ??= new GitConfigDesk();
    if (await this.#newGit?.replaceConfig(path)) return { kind: 'done' };
    const writing = await this.#desk.replace(path, this.#newGit?.worktreeOf(parentOf(path)));
    if (writing.kind !== 'written') return { kind: 'not-done', why: writing.why };
    this.#options.append({ kind: 'git-config', path, changed: writing.changed });
    return { kind: 'done' };
  }

  #isFile({ path, making }: RefusedMaking): boolean {
    if (this.#options.newGit === undefined || making.directory || making.bringsMore) return false;
    return this.#options.actOf(making) === 'create' && GIT_FILE.test(path);
  }

  async #makeFile(path: string, id: bigint): Promise<GitOutcome> {
    const made = await (await this.#git()).makeFile(path, id);
    return { kind: made ? 'done' : 'not-done' };
  }

  /** A symbolic one: no other link brings more than itself. */
  #isLink({ making }: RefusedMaking): boolean {
    return making.bringsMore && this.#options.actOf(making) === 'link';
  }

  #isRemoval(making: Making): boolean {
    return making.present && this.#options.actOf(making) === 'remove';
  }

  /** A directory `.git` is made where a file of the name may not be, or removed. */
  #concernsRepository(making: Making, path: string): boolean {
    if (this.#options.newGit === undefined) return false;
    if (making.present) return this.#newGit !== undefined && this.#isRemoval(making);
    if (!making.directory || making.bringsMore || this.#options.actOf(making) !== 'create') return false;
    return path.endsWith('/.git') && this.#options.isGuarded({ ...making, directory: false });
  }

  async #makeOrRemove({ present }: Making, path: string): Promise<GitOutcome> {
    const { repositories } = await this.#git();
    const done = await (present ? repositories.remove(path) : repositories.make(path));
    return { kind: done ? 'done' : 'not-done' };
  }

  async #git(): Promise<NewGit> {
    this.#newGit ??= await this.#options.newGit!();
    return this.#newGit;
  }
}

/** Takes the calls by which git writes a repository's configuration inside, where they are refused, and answers them. Loaded at the first. */
import { existsSync, readFileSync } from 'node:fs';
import type { Launcher } from '../platform/linux/launcher.ts';
import { coverCalls } from '../platform/linux/live-mounts.ts';
import { ARCH_TABLES, type Arch } from '../platform/linux/seccomp/tables.ts';
import { flipExecution, makeGitConfig } from './git-config-making.ts';
import { type GitConfigWriting, writeGitConfig } from './git-config-writing.ts';
import type { NameGuard } from './name-guard.ts';

export interface GitConfigDeskOptions {
  readonly arch: Arch;
  readonly launcher: Pick<Launcher, 'calls'>;
  /** What watches for names that slip past. */
  readonly guard: Pick<NameGuard, 'admit' | 'reject'>;
}

export class GitConfigDesk {
  readonly #options: GitConfigDeskOptions;
  /** Each as it was before the session first changed it, by path. */
  readonly #found = new Map<string, string>();
  /** Those that were made here, and are covered. */
  readonly #made = new Set<string>();
  /** One at a time: a second change is judged by what the first one left. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(options: GitConfigDeskOptions) {
    this.#options = options;
  }

  /** The lock file beside `path` is renamed over it. Never rejects. */
  replace(path: string): Promise<GitConfigWriting> {
    const turn = this.#before.then(() => this.#replace(path));
    this.#before = turn;
    return turn;
  }

  async #replace(path: string): Promise<GitConfigWriting> {
    const { arch, launcher, guard } = this.#options;
    if (existsSync(path)) return writeGitConfig(path, this.#found);
    const writing = await makeGitConfig(path, {
      admit: (made) => guard.admit(made),
      reject: (made) => guard.reject(made),
      cover: (made) => launcher.calls(coverCalls(made, arch)),
    });
    if (writing.kind === 'written') this.#made.add(path);
    return writing;
  }

  /** The thread, which waits, changes the mode of what was made here: true when that was done for it. */
  probe(pid: number, path: string): boolean {
    const mode = this.#made.has(path) ? this.#modeOf(pid) : undefined;
    return mode !== undefined && flipExecution(path, mode);
  }

  /** The mode that a waiting chmod(2) gives: proc_pid_syscall(5) has its number and arguments. */
  #modeOf(pid: number): number | undefined {
    const { chmod, fchmodat } = ARCH_TABLES[this.#options.arch].numbers;
    try {
      const [number, ...args] = readFileSync(`/proc/${pid}/syscall`, 'latin1').split(' ').map(Number);
      if (number === undefined) return undefined;
      return number === chmod ? args[1] : number === fchmodat ? args[2] : undefined;
    } catch {
      // It ended meanwhile.
      return undefined;
    }
  }
}

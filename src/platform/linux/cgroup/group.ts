/** One control group of cgroup v2: made for one session, limited, read, and removed when nothing runs in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CgroupGround } from './ground.ts';

export type Controller = 'memory' | 'pids';

export interface GroupLimits {
  /** Bytes. */
  readonly memory?: number;
  /** Processes and threads inside. */
  readonly processes?: number;
}

/** What the kernel counted since the group was made. */
export interface GroupReadings {
  /** Processes that were killed because there was no memory left (memory.events). */
  readonly memoryKills: number;
  /** Processes and threads that were not made (pids.events). */
  readonly refusedProcesses: number;
  /** Of all processes, those that have ended included (cpu.stat). */
  readonly cpuSeconds: number | undefined;
}

/** Besides init and what it starts: the launcher, and its processes for the network, the tripwire and calls (acts.c). */
export const OWN_PROCESSES = 4;
const NAME = /^pinfold-(\d+)-\d+$/;
const RMDIR_TRIES = 400;
const RMDIR_PAUSE_MS = 5;

/**
 * Outlives a Node that was killed: at the end of what it reads it removes the group, once what was in it has ended. The
 * directory is an argument and never part of the script.
 */
const REMOVE_AT_END =
  'read _; n=0; while [ -d "$1" ] && ! rmdir "$1" && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.05; done';

function counted(text: string | undefined, key: string): number {
  const line = text?.split('\n').find((each) => each.startsWith(`${key} `));
  return line === undefined ? 0 : Number(line.slice(key.length + 1));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The controller is not enabled here, or the group has gone.
    return undefined;
  }
}

function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    // What the host does not allow here may be allowed one group further up; the caller says what it came to.
    return false;
  }
}

/** Removes what sessions left behind that were killed together with what removes their groups. */
function removeStale(directory: string): void {
  for (const name of readdirSync(directory)) {
    const owner = NAME.exec(name)?.[1];
    // rmdir refuses a group in which something runs.
    if (owner !== undefined && read(`/proc/${owner}/stat`) === undefined) {
      attempt(() => rmdirSync(join(directory, name)));
    }
  }
}

export class ControlGroup {
  readonly directory: string;
  readonly controllers: ReadonlySet<string>;
  #remover: ChildProcess | undefined;

  private constructor(directory: string, controllers: ReadonlySet<string>) {
    this.directory = directory;
    this.controllers = controllers;
  }

  /**
   * Makes a group and puts the process `pid` in it; whatever that starts later is born there. Undefined where the host lets us
   * make none. No controller is ever switched on for others: of those that are wanted, the group has what its parent hands down.
   */
  static make(ground: CgroupGround, pid: number, wanted: readonly Controller[]): ControlGroup | undefined {
    if (ground.kind === 'none') return undefined;
    let best: ControlGroup | undefined;
    for (const directory of ground.directories) {
      const group = ControlGroup.#makeIn(directory, pid);
      if (group === undefined) continue;
      const missing = (each: ControlGroup) => wanted.filter((name) => !each.controllers.has(name)).length;
      if (best === undefined || missing(group) < missing(best)) {
        if (best) best.#discard();
        best = group;
      } else {
        best.#enter(pid);
        group.#discard();
      }
      if (missing(best) === 0) break;
    }
    if (best) best.#watchOver();
    return best;
  }

  static #makeIn(parent: string, pid: number): ControlGroup | undefined {
    const directory = join(parent, `pinfold-${process.pid}-${pid}`);
    if (!attempt(() => mkdirSync(directory))) return undefined;
    attempt(() => removeStale(parent));
    const controllers = read(join(directory, 'cgroup.controllers'))?.trim().split(' ') ?? [];
    const group = new ControlGroup(directory, new Set(controllers));
    // A process may be moved only by who may write to the nearest group above both places.
    if (group.#enter(pid)) return group;
    group.#discard();
    return undefined;
  }

  #enter(pid: number): boolean {
    return attempt(() => writeFileSync(join(this.directory, 'cgroup.procs'), `${pid}`));
  }

  /** Returns which limits the kernel took; for the others something else must stand. */
  limit({ memory, processes }: GroupLimits): ReadonlySet<Controller> {
    const held = new Set<Controller>();
    const set = (name: string, value: number) =>
      attempt(() => writeFileSync(join(this.directory, name), `${value}`));
    if (memory !== undefined && set('memory.max', memory)) {
      // Where there is no accounting of swap there is no such file, and memory.max holds for what is not swapped out.
      set('memory.swap.max', 0);
      held.add('memory');
    }
    if (processes !== undefined && set('pids.max', processes + OWN_PROCESSES)) held.add('pids');
    return held;
  }

  read(): GroupReadings {
    const cpu = read(join(this.directory, 'cpu.stat'));
    return {
      memoryKills: counted(read(join(this.directory, 'memory.events')), 'oom_kill'),
      refusedProcesses: counted(read(join(this.directory, 'pids.events')), 'max'),
      cpuSeconds: cpu === undefined ? undefined : counted(cpu, 'usage_usec') / 1e6,
    };
  }

  /** After everything in it was told to end. */
  async remove(): Promise<void> {
    attempt(() => writeFileSync(join(this.directory, 'cgroup.kill'), '1'));
    for (let tries = 0; tries < RMDIR_TRIES && !this.#discard(); tries++) await pause(RMDIR_PAUSE_MS);
    const remover = this.#remover;
    if (remover?.pid === undefined || remover.exitCode !== null || remover.signalCode !== null) return;
    const gone = new Promise((resolve) => remover.once('exit', resolve));
    remover.ref();
    remover.stdin?.end();
    await gone;
  }

  /** True when it is gone. */
  #discard(): boolean {
    try {
      rmdirSync(this.directory);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }

  #watchOver(): void {
    this.#remover = spawn('/bin/sh', ['-c', REMOVE_AT_END, 'sh', this.directory], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'ignore'],
      // What the terminal sends to our group must not end it before us.
      detached: true,
    });
    // Without it the group is removed by us, or by the next session.
    this.#remover.on('error', () => {});
    this.#remover.stdin?.on('error', () => {});
    (this.#remover.stdin as unknown as { unref(): void } | null)?.unref();
    this.#remover.unref();
  }
}

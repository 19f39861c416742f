/** Which process a number means: numbers are used again, so each is kept with the moment its process began. */
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process (field 22 of proc_pid_stat(5)); absent where there is no /proc. */
  readonly startTicks?: string;
  /** Ticks count anew from each boot. */
  readonly boot?: string;
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The process has gone, or this system has no /proc.
    return undefined;
  }
}

interface ProcessStat {
  readonly state: string;
  readonly startTicks: string;
}

function readStat(pid: number): ProcessStat | undefined {
  const text = readOrNothing(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field, the program's name in brackets, may itself hold spaces and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, startTicks: fields[19]! };
}

function bootId(): string | undefined {
  return readOrNothing('/proc/sys/kernel/random/boot_id')?.trim();
}

export function identify(pid: number): ProcessIdentity {
  const stat = readStat(pid);
  const boot = bootId();
  return {
    pid,
    ...(stat !== undefined && { startTicks: stat.startTicks }),
    ...(boot !== undefined && { boot }),
  };
}

export function isRunning({ pid, startTicks, boot }: ProcessIdentity): boolean {
  if (startTicks === undefined) return answersSignals(pid);
  const stat = readStat(pid);
  // A zombie has ended; only its parent has not asked yet.
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== 'Z' && boot === bootId();
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function childrenOf(pid: number): number[] {
  // proc_pid_task_children(5); empty on a kernel that was built without it.
  return (readOrNothing(`/proc/${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number);
}

/** The host's number of init's child that has the number `inner` inside; `launcher` is init's parent. */
export function hostPidOf(launcher: number, inner: number): number | undefined {
  return childrenOf(launcher)
    .flatMap(childrenOf)
    .find((pid) => {
      const numbers = /^NSpid:\t(.*)$/m.exec(readOrNothing(`/proc/${pid}/status`) ?? '')?.[1];
      return Number(numbers?.split('\t').at(-1)) === inner;
    });
}

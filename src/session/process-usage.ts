/** Measures what the processes of one sandbox use together, by /proc: where no control group counts it. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  /** Processes and threads. */
  readonly processes: number;
  /** Bytes that belong to them alone, swapped out ones included; what several share counts once. */
  readonly memory: number;
  /** Of those that live, and of those that one of them has waited for. */
  readonly cpuSeconds: number;
}

/** USER_HZ of Linux, on every architecture there is a launcher for (proc_pid_stat(5)). */
const TICKS = 100;
const KIBI = 1024;

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The process has gone meanwhile.
    return '';
  }
}

/** A thread's children are listed with the thread (proc_pid_task_children(5)). */
function childrenOf(pid: number): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    // As above.
    return [];
  }
  return threads.flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function descendantsOf(pid: number): number[] {
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const children = childrenOf(next);
    found.push(...children);
    open.push(...children);
  }
  return found;
}

function kibibytes(text: string, ...keys: readonly string[]): number {
  const lines = text.split('\n');
  return keys.reduce((sum, key) => {
    const line = lines.find((each) => each.startsWith(`${key}:`));
    return sum + (line === undefined ? 0 : Number.parseInt(line.slice(key.length + 1), 10));
  }, 0);
}

/** After a fork both name the same pages as theirs; to tell that apart the kernel walks them, which costs. */
function memoryOf(pids: readonly number[], enough: number): number {
  const quick = pids.reduce(
    (sum, pid) => sum + kibibytes(read(`/proc/${pid}/status`), 'RssAnon', 'VmSwap'),
    0,
  );
  if (quick * KIBI <= enough) return quick * KIBI;
  const shares = pids.map((pid) => {
    const rollup = read(`/proc/${pid}/smaps_rollup`);
    return rollup === ''
      ? kibibytes(read(`/proc/${pid}/status`), 'RssAnon', 'VmSwap')
      : kibibytes(rollup, 'Pss_Anon', 'SwapPss');
  });
  return shares.reduce((sum, share) => sum + share, 0) * KIBI;
}

/** `launcher` itself does not count. Memory is measured exactly only where a first look finds more than `enough` bytes. */
export function usageOf(launcher: number, enough: number): Usage {
  const pids = descendantsOf(launcher);
  let processes = 0;
  let ticks = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/stat`);
    if (text === '') continue;
    // The second field, the program's name in brackets, may itself hold spaces and brackets.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    // utime, stime, cutime, cstime are fields 14 to 17; num_threads is field 20; the first of these is field 3.
    ticks += fields[11]! + fields[12]! + fields[13]! + fields[14]!;
    processes += fields[17]!;
  }
  return { processes, memory: memoryOf(pids, enough), cpuSeconds: ticks / TICKS };
}

/** What the processes of one sandbox have open at this moment, from /proc (proc(5)). Loaded when it is first looked at. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { decodeName } from '../policy/printable.ts';

/** One look takes no longer than this, since the supervisor answers nobody meanwhile; what is left is not looked at. */
const BUDGET_MS = 15;
const MAX_PROCESSES = 500;
const MAPS_BYTES = 128 * 1024;
/** The standard streams were opened outside, where the command was started. */
const STREAMS = new Set(['0', '1', '2']);

function quietly<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    // The process has gone, or made itself undumpable: it has nothing to show.
    return otherwise;
  }
}

/** Children of every thread (CONFIG_PROC_CHILDREN); none where the kernel does not tell. */
function childrenOf(pid: number): number[] {
  const threads = quietly(() => readdirSync(`/proc/${pid}/task`), []);
  return threads.flatMap((thread) => {
    const text = quietly(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1'), '');
    return text.split(' ').filter(Boolean).map(Number);
  });
}

function linkOf(path: string): string[] {
  return quietly(() => [decodeName(readlinkSync(path, { encoding: 'buffer' }))], []);
}

function mappedBy(pid: number): string[] {
  const buffer = Buffer.alloc(MAPS_BYTES);
  const text = quietly(() => {
    const descriptor = openSync(`/proc/${pid}/maps`, 'r');
    try {
      return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, MAPS_BYTES, null));
    } finally {
      closeSync(descriptor);
    }
  }, '');
  return text.split('\n').flatMap((line) => /^(?:\S+ +){5}(\/.*)$/.exec(line)?.[1] ?? []);
}

function openOf(pid: number): string[] {
  const descriptors = quietly(() => readdirSync(`/proc/${pid}/fd`), []).filter((fd) => !STREAMS.has(fd));
  return [
    ...descriptors.flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`)),
    ...linkOf(`/proc/${pid}/cwd`),
    ...linkOf(`/proc/${pid}/exe`),
    ...mappedBy(pid),
  ].filter((path) => path.startsWith('/'));
}

/** Open files, mapped files, working directories and programs of the descendants of `launcher`, as they are named inside. */
export function openPaths(launcher: number): Set<string> {
  const end = performance.now() + BUDGET_MS;
  const found = new Set<string>();
  const processes = new Set(childrenOf(launcher));
  for (const pid of processes) {
    for (const path of openOf(pid)) found.add(path);
    for (const child of childrenOf(pid)) processes.add(child);
    if (processes.size > MAX_PROCESSES || performance.now() > end) break;
  }
  return found;
}

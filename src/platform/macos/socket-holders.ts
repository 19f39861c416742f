/** Whose a socket of the loopback is, from what lsof(8) and ps(1) of a Mac print. Pure. */

/** Numbers of processes in the output of `lsof -F p`. */
export function holdersOf(lsof: string): number[] {
  return [...lsof.matchAll(/^p(\d+)$/gm)].map(([, pid]) => Number(pid));
}

/** Whether one of these processes was started by `ancestor`, or is it. `ps`: the output of `ps -axo pid=,ppid=`. */
export function anyBeneath(pids: readonly number[], ancestor: number, ps: string): boolean {
  const parents = new Map(
    [...ps.matchAll(/^ *(\d+) +(\d+) *$/gm)].map(([, pid, parent]) => [Number(pid), Number(parent)]),
  );
  return pids.some((pid) => {
    const seen = new Set<number>();
    for (let at: number | undefined = pid; at !== undefined && !seen.has(at); at = parents.get(at)) {
      if (at === ancestor) return true;
      seen.add(at);
    }
    return false;
  });
}

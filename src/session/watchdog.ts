/** Keeps `limits.wallTime`, which the kernel has no limit for. */
import type { Launcher } from '../platform/linux/launcher.ts';

/** Ends a run that takes longer than `seconds`: SIGTERM, and five seconds later all of it. Gives back what stops the clock. */
export function startWatchdog(
  launcher: Pick<Launcher, 'signal' | 'close'>,
  seconds: number | undefined,
  onExceeded: () => void,
): () => void {
  if (seconds === undefined) return () => {};
  let kill: NodeJS.Timeout | undefined;
  const term = setTimeout(() => {
    onExceeded();
    launcher.signal('SIGTERM');
    kill = setTimeout(() => void launcher.close(), 5000);
  }, seconds * 1000);
  return () => {
    clearTimeout(term);
    clearTimeout(kill);
  };
}

/** A name for whatever a descriptor has open, for calls that take only names: Node has no openat(2) and no fdopendir(3). */
import { fstatSync } from 'node:fs';

/**
 * What is beneath it can be named with it. Linux has /proc (proc_pid_fd(5)). On macOS it is volfs, by which every file has a
 * name of its volume and its number: no link lies on the way, and no rename leads it elsewhere.
 */
export function descriptorPath(descriptor: number, platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'darwin') return `/proc/self/fd/${descriptor}`;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return `/.vol/${dev}/${ino}`;
}

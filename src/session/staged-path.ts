/** Where something of the host is that a descriptor was kept of, while others may move it. */
import { existsSync, fstatSync, lstatSync, readlinkSync } from 'node:fs';

/** undefined where it has gone. `descriptor`: opened with O_PATH. */
export function pathOf(descriptor: number): string | undefined {
  const path = readlinkSync(`/proc/self/fd/${descriptor}`);
  const here = existsSync(path) ? lstatSync(path, { bigint: true }) : undefined;
  const own = fstatSync(descriptor, { bigint: true });
  return here?.ino === own.ino && here.dev === own.dev ? path : undefined;
}

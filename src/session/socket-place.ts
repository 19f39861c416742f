/** Names a Unix socket in a directory whose own path may be longer than a socket's address can be. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';

export interface SocketPlace {
  /** What to listen on or connect to. */
  readonly path: string;
  close(): void;
}

/**
 * sun_path holds 107 characters (unix(7)): on Linux the directory is named through a descriptor. macOS has nothing of the kind
 * that a socket can be reached by, and room for 103; there a longer path is an error of whoever listens or connects.
 */
export function socketPlace(
  directory: string,
  name: string,
  platform: NodeJS.Platform = process.platform,
): SocketPlace {
  if (platform === 'darwin') return { path: join(directory, name), close: () => {} };
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${descriptor}/${name}`, close: () => closeSync(descriptor) };
}

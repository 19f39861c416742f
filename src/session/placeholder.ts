/** A name on the host that something can be mounted over, and that leads nobody anywhere who looks at it meanwhile. */
import { closeSync, constants, linkSync, openSync, unlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { O_PATH } from './git-config-writing.ts';

/**
 * Makes a socket that nobody listens on: open(2) of one answers ENXIO at once, where a pipe would keep the reader waiting and a file
 * could be written by whoever is quick. `path` must not exist. `scratch`: a directory of the session's, on the same file system;
 * `onMade` hears of the socket by its first name there, before it has the other. Rejects with what the system said.
 */
export async function layPlaceholder(
  path: string,
  scratch: string,
  onMade: (socket: string) => void,
): Promise<void> {
  const directory = openSync(scratch, O_PATH | constants.O_DIRECTORY);
  // A socket's address has 108 bytes (unix(7)); the directory's own path may be longer.
  const place = `/proc/self/fd/${directory}`;
  const kept = `${place}/placeholder`;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(`${place}/listening`, resolve);
    });
    linkSync(`${place}/listening`, kept);
    // Takes its own name away.
    await new Promise((resolve) => server.close(resolve));
    try {
      onMade(kept);
      linkSync(kept, path);
    } finally {
      unlinkSync(kept);
    }
  } finally {
    closeSync(directory);
  }
}

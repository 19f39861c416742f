/** Looks whether the host has a name, so that an answer can say that much of it and no more. */
import { lstat } from 'node:fs';

/** What the host has at a path: seen without following a link in its last component. */
export type HostLook = (path: Buffer) => Promise<'directory' | 'file' | 'other' | 'absent' | 'too-long'>;

/** A name that the person themselves may not look for counts as there: on the host it would be refused as well. */
export const lookAtHost: HostLook = (path) =>
  new Promise((resolve) => {
    lstat(path, (error, stats) => {
      if (error === null) resolve(stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other');
      else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') resolve('absent');
      else resolve(error.code === 'ENAMETOOLONG' ? 'too-long' : 'other');
    });
  });

/** What the host says of a path, for grants that are proposed to people. */
import { existsSync, statSync } from 'node:fs';
import type { HostLook } from './render/violations.ts';

export const HOST_LOOK: HostLook = {
  exists: existsSync,
  isFile: (path) => {
    try {
      return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
    } catch {
      // Not for this person to see.
      return false;
    }
  },
};

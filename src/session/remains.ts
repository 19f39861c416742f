/** Removes what a session needed while it ran and could not remove itself, since it was killed. Its record stays. */
import { readdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    // It has none, or somebody else removes them.
    return [];
  }
}

/** Only for a session of which nothing runs any more. Never throws. */
export function removeRemains(sessionDirectory: string): void {
  try {
    for (const directory of [sessionDirectory, join(sessionDirectory, 'inside')]) {
      for (const entry of entriesOf(directory)) if (entry.isSocket()) unlinkSync(join(directory, entry.name));
    }
    for (const entry of entriesOf(sessionDirectory)) {
      // Does not follow links: what is in it was made inside.
      if (entry.isDirectory() && entry.name.startsWith('tmp-')) {
        rmSync(join(sessionDirectory, entry.name), { recursive: true, force: true });
      }
    }
  } catch {
    // Another Pinfold was faster, or it was made unreadable inside; whoever looks next tries again.
  }
}

/** What is in a directory, by the bytes of its names (latin1), and which of it are directories. */
import { lstatSync, readdirSync } from 'node:fs';

export interface NamedEntry {
  readonly name: string;
  isDirectory(): boolean;
}

/** Undefined for a directory that cannot be read. */
export function readEntries(directory: string): readonly NamedEntry[] | undefined {
  try {
    return readdirSync(directory, { withFileTypes: true, encoding: 'latin1' });
  } catch {
    // Where a file system gives no types, Node asks for each by the name as text, which fails for one beyond ASCII.
    return askEach(directory);
  }
}

function askEach(directory: string): readonly NamedEntry[] | undefined {
  try {
    return readdirSync(directory, { encoding: 'latin1' }).map((name) => {
      const path = Buffer.from(`${directory}/${name}`, 'latin1');
      return { name, isDirectory: () => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true };
    });
  } catch {
    return undefined;
  }
}

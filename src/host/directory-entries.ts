/** What lies directly in a directory: for plans that must name each of its entries. */
import { readdirSync } from 'node:fs';

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory';
}

/**
 * Without symbolic links, and without names that are not UTF-8, which no plan can name. Nothing for what cannot be listed: a
 * plan then grants nothing in it.
 */
export function directoryEntries(directory: string): DirectoryEntry[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry): DirectoryEntry[] => {
      const { name } = entry;
      if (entry.isSymbolicLink() || name.includes('\ufffd')) return [];
      return [{ name, kind: entry.isDirectory() ? 'directory' : 'file' }];
    });
  } catch {
    return [];
  }
}

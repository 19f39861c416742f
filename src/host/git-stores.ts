/** Directories of git's that hold many files and no name that a rule could mean: a walk leaves them out. */
const GIT_STORES: ReadonlySet<string> = new Set(['lfs', 'logs']);
/** In this one there is a directory with such names. */
const GIT_OBJECTS = { directory: '/.git/objects', looked: 'info' } as const;

/** `parent`: path of the directory that holds `name`. */
export function isStore(parent: string, name: string): boolean {
  if (parent.endsWith(GIT_OBJECTS.directory)) return name !== GIT_OBJECTS.looked;
  return GIT_STORES.has(name) && parent.endsWith('/.git');
}

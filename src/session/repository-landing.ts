/** Gives the host a repository that was made inside: all but the names it runs code from, and of its configuration what is harmless. */
import { constants, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { harmlessPart } from '../policy/git-config-change.ts';
import { baseOf, parentOf } from '../policy/paths.ts';
import { contentOf, Opened, PLAIN, placeOf } from './git-config-writing.ts';

export type Landed =
  /** `left`: keys of its configuration, and names in it, that were left out. */
  | { readonly kind: 'landed'; readonly path: string; readonly left: readonly string[] }
  /** Nothing was taken over; `why`: one clause; `kept`: where it is. */
  | { readonly kind: 'kept'; readonly path: string; readonly why: string; readonly kept: string }
  /** Nothing was in it. */
  | { readonly kind: 'empty' };

export type Guarded = (
  entries: readonly { readonly path: string; readonly directory: boolean }[],
) => readonly { readonly path: string }[];

/**
 * `content`: what git wrote, where no sandbox sees it any more. `path`: of the empty `.git` on the host, in whose place it is put
 * all at once, so that nobody meets it half judged: another session may run in the same project.
 */
export function land(content: string, path: string, guarded: Guarded): Landed {
  const opened = new Opened();
  try {
    if (readdirSync(content).length === 0) return { kind: 'empty' };
    const config = configOf(join(content, 'config'), opened);
    if (config === undefined) throw new Error('its configuration cannot be read without doubt');
    const aside = sift(content, path, guarded);
    rmSync(join(content, 'config'), { force: true });
    if (config.text !== '')
      writeFileSync(join(content, 'config'), Buffer.from(config.text, 'latin1'), { flag: 'wx' });
    renameSync(content, `${placeOf(opened, parentOf(path))}/${baseOf(path)}`);
    return { kind: 'landed', path, left: [...config.left, ...aside] };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'kept', path, why: code ?? message, kept: content };
  } finally {
    opened.close();
  }
}

/** Undefined for what may mean more than it seems to. No configuration is one in which nothing stands. */
function configOf(path: string, opened: Opened): ReturnType<typeof harmlessPart> {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return { text: '', left: [] };
  return harmlessPart(contentOf(opened.open(path, constants.O_RDONLY | PLAIN)).toString('latin1'));
}

/**
 * Sets aside what is not taken over, and gives its names. A link or a pipe in a repository leads git on the host to something
 * else, so neither is.
 */
export function sift(content: string, path: string, guarded: Guarded, within = ''): string[] {
  const entries = readdirSync(join(content, within), { withFileTypes: true })
    .map((entry) => ({ entry, name: join(within, entry.name), directory: entry.isDirectory() }))
    .filter(({ name }) => name !== 'config');
  const would = entries.map(({ name, directory }) => ({ path: join(path, name), directory }));
  const closed = new Set(guarded(would).map((each) => each.path));
  return entries.flatMap(({ entry, name, directory }) => {
    const plain = directory || entry.isFile();
    if (plain && !closed.has(join(path, name))) return directory ? sift(content, path, guarded, name) : [];
    setAside(content, name);
    return [name];
  });
}

function setAside(content: string, name: string): void {
  const target = join(`${content}-left-out`, name);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  renameSync(join(content, name), target);
}

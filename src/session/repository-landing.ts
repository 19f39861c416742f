/** Gives the host a repository that was made inside: all but the names it runs code from, and of its configuration what is harmless. */
import { constants, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { harmlessPart, worktreeLine } from '../policy/git-config-change.ts';
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

export interface RepositoryLanding {
  /** What git wrote, where no sandbox sees it any more. */
  readonly content: string;
  /** Of the directory on the host in whose place it is put all at once, so that nobody meets it half judged. */
  readonly path: string;
  readonly guarded: Guarded;
  /** From the repository of a submodule to its working tree, where a `.git` file leads to it. */
  readonly worktreeOf: (gitdir: string) => string | undefined;
  /** `begun`: the directory holds what git wrote before it was covered, which is put aside. */
  readonly standing: 'empty' | 'begun';
}

/** Another session may run in the same project. */
export function land({ content, path, guarded, worktreeOf, standing }: RepositoryLanding): Landed {
  const opened = new Opened();
  try {
    if (readdirSync(content).length === 0) return { kind: 'empty' };
    const configs = configsOf(content, path, worktreeOf, opened);
    const aside = sift(content, path, guarded, [...configs.keys()]);
    for (const [name, { text }] of configs) {
      rmSync(join(content, name), { force: true });
      if (text !== '') writeFileSync(join(content, name), Buffer.from(text, 'latin1'), { flag: 'wx' });
    }
    const place = `${placeOf(opened, parentOf(path))}/${baseOf(path)}`;
    if (standing === 'begun') renameSync(place, `${content}-begun`);
    renameSync(content, place);
    return { kind: 'landed', path, left: [...[...configs.values()].flatMap(({ left }) => left), ...aside] };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { kind: 'kept', path, why: code ?? message, kept: content };
  } finally {
    opened.close();
  }
}

type HarmlessPart = NonNullable<ReturnType<typeof harmlessPart>>;

/** The configuration of the repository and of those of submodules in it, by name. Throws for what may mean more than it seems to. */
function configsOf(
  content: string,
  path: string,
  worktreeOf: RepositoryLanding['worktreeOf'],
  opened: Opened,
): Map<string, HarmlessPart> {
  const repositories = ['', ...modulesIn(content, 'modules')];
  return new Map(
    repositories.map((name) => {
      const file = join(name, 'config');
      const config = configOf(join(content, file), opened);
      if (config === undefined) throw new Error('its configuration cannot be read without doubt');
      const worktree = worktreeOf(join(path, name));
      const left =
        worktree === undefined ? config.left : config.left.filter((key) => key !== 'core.worktree');
      return [
        file,
        {
          text:
            worktree === undefined
              ? config.text
              : `${config.text}${worktreeLine(Buffer.from(worktree).toString('latin1'))}`,
          left: name === '' ? left : left.map((key) => `${file}: ${key}`),
        },
      ];
    }),
  );
}

/** Directories beneath `within` that git takes for repositories. Links are not followed, and not taken over. */
function modulesIn(content: string, within: string): string[] {
  if (!isDirectory(join(content, within))) return [];
  return readdirSync(join(content, within), { withFileTypes: true }).flatMap((entry) => {
    const name = join(within, entry.name);
    if (!entry.isDirectory()) return [];
    const isModule = lstatSync(join(content, name, 'HEAD'), { throwIfNoEntry: false })?.isFile() === true;
    return isModule ? [name, ...modulesIn(content, join(name, 'modules'))] : modulesIn(content, name);
  });
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Undefined for what may mean more than it seems to. No configuration is one in which nothing stands. */
function configOf(path: string, opened: Opened): HarmlessPart | undefined {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return { text: '', left: [] };
  return harmlessPart(contentOf(opened.open(path, constants.O_RDONLY | PLAIN)).toString('latin1'));
}

/**
 * Sets aside what is not taken over, and gives its names. A link or a pipe in a repository leads git on the host to something
 * else, so neither is. `judged`: names that were looked at already.
 */
export function sift(
  content: string,
  path: string,
  guarded: Guarded,
  judged: readonly string[],
  within = '',
): string[] {
  const entries = readdirSync(join(content, within), { withFileTypes: true })
    .map((entry) => ({ entry, name: join(within, entry.name), directory: entry.isDirectory() }))
    .filter(({ name }) => !judged.includes(name));
  const would = entries.map(({ name, directory }) => ({ path: join(path, name), directory }));
  const closed = new Set(guarded(would).map((each) => each.path));
  return entries.flatMap(({ entry, name, directory }) => {
    const plain = directory || entry.isFile();
    if (plain && !closed.has(join(path, name)))
      return directory ? sift(content, path, guarded, judged, name) : [];
    setAside(content, name);
    return [name];
  });
}

function setAside(content: string, name: string): void {
  const target = join(`${content}-left-out`, name);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  renameSync(join(content, name), target);
}

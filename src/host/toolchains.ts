/** Finds the tool chains on PATH that live under the home directory, and names what of them may be shown. */
import { readdirSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Toolchain } from '../policy/host-facts.ts';
import { normalizePath, parentOf } from '../policy/paths.ts';
import { isBeneath } from './containment.ts';
import { followLinks, type Known } from './symlinks.ts';

/** One kind of tool chain, relative to the home directory. */
interface Kind {
  readonly name: string;
  /** A PATH entry at or beneath one of these is this kind. */
  readonly marks: readonly string[];
  /** What is shown; absent ones are left out. */
  readonly shows: readonly string[];
  readonly credentials?: readonly string[];
  /** Variable → directory: `$HOME` is private inside, so what is looked up beneath it must be named. */
  readonly environment?: Readonly<Record<string, string>>;
}

const KINDS: readonly Kind[] = [
  {
    name: 'nvm',
    marks: ['.nvm', '.config/nvm'],
    shows: ['.nvm', '.config/nvm'],
    environment: { NVM_DIR: '.nvm' },
  },
  {
    name: 'fnm',
    marks: ['.fnm', '.local/share/fnm', '.local/state/fnm_multishells'],
    shows: ['.fnm', '.local/share/fnm'],
    environment: { FNM_DIR: '.local/share/fnm' },
  },
  { name: 'volta', marks: ['.volta'], shows: ['.volta'], environment: { VOLTA_HOME: '.volta' } },
  { name: 'n', marks: ['n'], shows: ['n/bin', 'n/lib', 'n/n', 'n/include'], environment: { N_PREFIX: 'n' } },
  { name: 'pyenv', marks: ['.pyenv'], shows: ['.pyenv'], environment: { PYENV_ROOT: '.pyenv' } },
  {
    // CARGO_HOME stays private: it is where cargo writes, and where its credentials are.
    name: 'cargo',
    marks: ['.cargo/bin'],
    shows: ['.cargo/bin', '.rustup'],
    environment: { RUSTUP_HOME: '.rustup' },
  },
  { name: 'go', marks: ['go/bin', 'sdk'], shows: ['go/bin', 'sdk'] },
  { name: 'bun', marks: ['.bun'], shows: ['.bun/bin', '.bun/install/global'] },
  { name: 'deno', marks: ['.deno'], shows: ['.deno/bin'] },
  { name: 'sdkman', marks: ['.sdkman'], shows: ['.sdkman'], environment: { SDKMAN_DIR: '.sdkman' } },
  { name: 'jenv', marks: ['.jenv'], shows: ['.jenv'], environment: { JENV_ROOT: '.jenv' } },
  { name: 'rbenv', marks: ['.rbenv'], shows: ['.rbenv'], environment: { RBENV_ROOT: '.rbenv' } },
  {
    name: 'asdf',
    marks: ['.asdf'],
    shows: ['.asdf', '.tool-versions'],
    environment: { ASDF_DIR: '.asdf', ASDF_DATA_DIR: '.asdf' },
  },
  {
    name: 'mise',
    marks: ['.local/share/mise'],
    shows: ['.local/share/mise'],
    environment: { MISE_DATA_DIR: '.local/share/mise' },
  },
];

/** Where installers put what they link into `~/.local/bin`: the one directory beneath is shown, not its siblings. */
const LOCAL_STORES = [
  ...['pipx', 'uv', 'claude', 'mise', 'fnm', 'cursor-agent', 'pnpm', 'npm', 'rye', 'hatch', 'pypoetry'].map(
    (name) => `.local/share/${name}`,
  ),
  '.local/pipx',
  '.local/lib',
];

/** Never shown by way of PATH, whatever a PATH entry or a link in `~/.local/bin` says. */
const NEVER = [
  '.ssh',
  '.gnupg',
  '.aws',
  '.azure',
  '.kube',
  '.docker',
  '.config/gcloud',
  '.config/gh',
  '.password-store',
];

/** Beneath these a single level is never shown: the whole of a person's settings or data would come along. */
const TOO_BROAD = [
  '.config',
  '.local',
  '.local/share',
  '.local/state',
  '.cache',
  'Documents',
  'Desktop',
  'Downloads',
];

export interface ToolchainRequest {
  readonly searchPath: string;
  /** Real path. */
  readonly homeDir: string;
  readonly projectDir: string;
  /** Shared by the walks of one start. */
  readonly known?: Known;
}

export function findToolchains({
  searchPath,
  homeDir,
  projectDir,
  known = new Map(),
}: ToolchainRequest): Toolchain[] {
  const found = new Map<string, Toolchain>();
  const shown = (path: string) => settle(path, { homeDir, projectDir, known });
  for (const entry of new Set(searchPath.split(':').filter((each) => each.startsWith('/')))) {
    const written = normalizePath(entry);
    const trail = followLinks(written, known);
    if (trail.kind !== 'found') continue;
    const inHome = [written, trail.path].find((each) => isBeneath(each, homeDir));
    if (inHome === undefined) continue;
    if (inHome.endsWith('/node_modules/.bin')) continue;
    const kind = KINDS.find(({ marks }) => marks.some((mark) => isBeneath(inHome, `${homeDir}/${mark}`)));
    const name = kind?.name ?? nameOf(inHome, homeDir);
    const paths = kind ? kind.shows.map((each) => `${homeDir}/${each}`) : [trail.path];
    // The way PATH names it is made again inside as a link, or the shell would find nothing there.
    if (written !== trail.path) paths.push(written, trail.path);
    if (name === 'local-bin') paths.push(...linkedFrom(trail.path, homeDir, known));
    const settled = paths.flatMap(shown);
    if (settled.length === 0) continue;
    const before = found.get(name);
    found.set(name, {
      name,
      paths: withoutCovered([...(before?.paths ?? []), ...settled]),
      credentials: (kind?.credentials ?? []).map((each) => `${homeDir}/${each}`),
      environment: environmentOf(kind, homeDir, known),
    });
  }
  return [...found.values()];
}

function nameOf(path: string, homeDir: string): string {
  return path === `${homeDir}/.local/bin` ? 'local-bin' : `path:${path.slice(homeDir.length + 1)}`;
}

/** The path itself when it is a link (as PATH spells it), else its real place; nothing if it may not be shown. */
function settle(
  path: string,
  {
    homeDir,
    projectDir,
    known,
  }: Pick<ToolchainRequest, 'homeDir' | 'projectDir'> & { readonly known: Known },
): string[] {
  const trail = followLinks(path, known);
  if (trail.kind !== 'found') return [];
  if (!mayShow(trail.path, homeDir, projectDir) || !mayShow(path, homeDir, projectDir)) return [];
  return [...new Set([path, trail.path])];
}

function mayShow(path: string, homeDir: string, projectDir: string): boolean {
  if (isBeneath(homeDir, path)) return false;
  // Beneath the project it is visible anyway, and calling it a tool chain would make it look trustworthy.
  if (isBeneath(path, projectDir) || isBeneath(projectDir, path)) return false;
  if (!isBeneath(path, homeDir)) return true;
  const inside = path.slice(homeDir.length + 1);
  return (
    !TOO_BROAD.includes(inside) && !NEVER.some((each) => isBeneath(inside, each) || isBeneath(each, inside))
  );
}

/** What the links of `~/.local/bin` lead to: the store they were installed in, or else that file alone. */
function linkedFrom(directory: string, homeDir: string, known: Known): string[] {
  const places = new Set<string>();
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = `${directory}/${entry.name}`;
    const next = resolve(directory, readlinkSync(link));
    const trail = followLinks(link, known);
    if (trail.kind !== 'found' || !isBeneath(trail.path, homeDir) || isBeneath(trail.path, directory))
      continue;
    const store = LOCAL_STORES.find((each) => isBeneath(trail.path, `${homeDir}/${each}`));
    places.add(store ? `${homeDir}/${store}` : trail.path);
    // A chain (bin → current → 1.2): the links between are needed too, as far as a store holds them.
    const between = LOCAL_STORES.find((each) => isBeneath(next, `${homeDir}/${each}`));
    if (between) places.add(`${homeDir}/${between}`);
  }
  return [...places];
}

function environmentOf(kind: Kind | undefined, homeDir: string, known: Known): Record<string, string> {
  const entries: [string, string][] = [];
  for (const [variable, directory] of Object.entries(kind?.environment ?? {})) {
    const trail = followLinks(`${homeDir}/${directory}`, known);
    if (trail.kind === 'found') entries.push([variable, trail.path]);
  }
  return Object.fromEntries(entries);
}

function withoutCovered(paths: readonly string[]): string[] {
  const all = new Set(paths);
  return [...all].filter((path) => {
    for (let up = parentOf(path); up !== '/'; up = parentOf(up)) if (all.has(up)) return false;
    return true;
  });
}

/** Gathers everything the policy core needs to know of this host. */
import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { SandboxError } from '../errors.ts';
import type { HomeFile, HostFacts } from '../policy/host-facts.ts';
import { accountsWithHome } from './accounts.ts';
import { checkContextName, contextHomeName, refuseOtherContext } from './contexts.ts';
import { findGitDirectory } from './git-directories.ts';
import { makeMountPoint, makePrivateHome, privateHomeName } from './private-home.ts';
import { findRuntime } from './runtime-paths.ts';
import { followLinks, type Known } from './symlinks.ts';
import { findToolchains } from './toolchains.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface HostFactsRequest {
  readonly environment: Environment;
  /** Real path, as `resolveProject` gives it. */
  readonly projectDir: string;
  /** Default: `findHome(environment)`. */
  readonly homeDir?: string;
  /** Where Pinfold itself is installed; a bundle must say so, since it does not lie where the source does. */
  readonly installDir?: string;
  /** Its home takes the place of the project's own. */
  readonly context?: string;
  /** Takes what the walks saw, for those that follow at this start. */
  readonly known?: Known;
}

const GIT_FILES = ['.gitconfig', '.config/git/config', '.config/git/ignore', '.config/git/attributes'];

export function gatherHostFacts(request: HostFactsRequest): HostFacts {
  const { environment, projectDir } = request;
  const homeDir = realpathSync.native(request.homeDir ?? findHome(environment));
  const searchPath = environment.PATH ?? '';
  const dataDir = makeDirectory(ownDirectory(environment, 'XDG_DATA_HOME', join(homeDir, '.local/share')));
  const { context } = request;
  if (context !== undefined) checkContextName(context);
  refuseOtherContext(dataDir, projectDir, context);
  const privateHome = makePrivateHome(
    dataDir,
    context === undefined ? privateHomeName(projectDir) : contextHomeName(context),
  );
  // What has to be made is made; from here on the walks may share what they see.
  const known: Known = request.known ?? new Map();
  const places = { searchPath, homeDir, projectDir, known };
  const runtime = findRuntime(places);
  const toolchains = findToolchains(places);
  const gitConfig = findGitConfig(homeDir, known);
  const gitDirectory = findGitDirectory(projectDir);
  const accounts = accountsWithHome(privateHome);
  return {
    homeDir,
    projectDir,
    privateHome,
    ...(context !== undefined && { context }),
    ...(gitDirectory === undefined ? {} : { gitDirectory }),
    ...(accounts === undefined ? {} : { accounts }),
    runtime,
    toolchains,
    gitConfig: gitConfig.map(({ path }) => path),
    homeFiles: placeHomeFiles(gitConfig, homeDir, privateHome),
    pinfold: {
      configDir: ownDirectory(environment, 'XDG_CONFIG_HOME', join(homeDir, '.config')),
      stateDir: ownDirectory(environment, 'XDG_STATE_HOME', join(homeDir, '.local/state')),
      dataDir,
      installDir: request.installDir ?? findInstallDir(),
    },
  };
}

/** The home directory: `$HOME` where it is absolute and exists, as every tool has it; else what passwd(5) says. */
export function findHome(environment: Environment): string {
  const said = environment.HOME;
  if (said !== undefined && isAbsolute(said) && isDirectory(said)) return realpathSync.native(said);
  const { homedir } = userInfo();
  if (isDirectory(homedir)) return realpathSync.native(homedir);
  throw new SandboxError('ERR_STATE_UNWRITABLE', {
    what: 'Cannot find the home directory',
    why: `neither $HOME nor ${homedir} (passwd) is a directory`,
    fix: 'Set HOME to a directory of yours',
  });
}

/** The XDG base directory specification: a relative value is to be ignored. */
function ownDirectory(environment: Environment, variable: string, fallback: string): string {
  const said = environment[variable];
  return join(said !== undefined && isAbsolute(said) ? normalize(said) : fallback, 'pinfold');
}

function makeDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return realpathSync.native(path);
  } catch (cause) {
    throw new SandboxError('ERR_STATE_UNWRITABLE', {
      what: `Cannot make ${path}`,
      why: cause instanceof Error ? cause.message : String(cause),
      fix: 'Make its parent writable, or set XDG_DATA_HOME',
      cause,
    });
  }
}

interface GitFile {
  readonly path: string;
  readonly real: string;
}

function findGitConfig(homeDir: string, known: Known): GitFile[] {
  const files: GitFile[] = [];
  for (const name of GIT_FILES) {
    const path = join(homeDir, name);
    const trail = followLinks(path, known);
    if (trail.kind !== 'found') continue;
    if (lstatSync(trail.path).isFile()) files.push({ path, real: trail.path });
  }
  return files;
}

function placeHomeFiles(files: readonly GitFile[], homeDir: string, privateHome: string): HomeFile[] {
  const placed: HomeFile[] = [];
  for (const { path, real } of files) {
    const relative = path.slice(homeDir.length + 1);
    // macOS mounts nothing: there the settings are read where they are.
    if (process.platform === 'linux') makeMountPoint(privateHome, relative);
    placed.push({ source: real, target: join(privateHome, relative) });
  }
  return placed;
}

/** The nearest directory above this file that is a package of its own. */
function findInstallDir(): string {
  const here = realpathSync.native(import.meta.dirname);
  for (let directory = here; directory !== '/'; directory = dirname(directory)) {
    if (statSync(join(directory, 'package.json'), { throwIfNoEntry: false })?.isFile()) return directory;
  }
  return here;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // ENOENT, EACCES, ELOOP: in each case no directory that could be used.
    return false;
  }
}

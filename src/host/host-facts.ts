/** Gathers everything the policy core needs to know of this host. */
import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SandboxError } from '../errors.ts';
import type { HomeFile, HostFacts } from '../policy/host-facts.ts';
import { findGitDirectory } from './git-directories.ts';
import { makeMountPoint, makePrivateHome } from './private-home.ts';
import { findRuntime } from './runtime-paths.ts';
import { followLinks } from './symlinks.ts';
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
}

const GIT_FILES = ['.gitconfig', '.config/git/config', '.config/git/ignore', '.config/git/attributes'];

export async function gatherHostFacts(request: HostFactsRequest): Promise<HostFacts> {
  const { environment, projectDir } = request;
  const homeDir = realpathSync.native(request.homeDir ?? (await findHome(environment)));
  const searchPath = environment.PATH ?? '';
  const dataDir = await makeDirectory(
    ownDirectory(environment, 'XDG_DATA_HOME', join(homeDir, '.local/share')),
  );
  const [runtime, toolchains, gitConfig, privateHome] = await Promise.all([
    findRuntime({ searchPath, homeDir, projectDir }),
    findToolchains({ searchPath, homeDir, projectDir }),
    findGitConfig(homeDir),
    makePrivateHome(dataDir, projectDir),
  ]);
  const gitDirectory = findGitDirectory(projectDir);
  return {
    homeDir,
    projectDir,
    privateHome,
    ...(gitDirectory === undefined ? {} : { gitDirectory }),
    runtime,
    toolchains,
    gitConfig: gitConfig.map(({ path }) => path),
    homeFiles: await placeHomeFiles(gitConfig, homeDir, privateHome),
    pinfold: {
      configDir: ownDirectory(environment, 'XDG_CONFIG_HOME', join(homeDir, '.config')),
      stateDir: ownDirectory(environment, 'XDG_STATE_HOME', join(homeDir, '.local/state')),
      dataDir,
      installDir: request.installDir ?? (await findInstallDir()),
    },
  };
}

/** The home directory: `$HOME` where it is absolute and exists, as every tool has it; else what passwd(5) says. */
export async function findHome(environment: Environment): Promise<string> {
  const said = environment.HOME;
  if (said !== undefined && isAbsolute(said) && (await isDirectory(said))) return realpathSync.native(said);
  const { homedir } = userInfo();
  if (await isDirectory(homedir)) return realpathSync.native(homedir);
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

async function makeDirectory(path: string): Promise<string> {
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

async function findGitConfig(homeDir: string): Promise<GitFile[]> {
  const files: GitFile[] = [];
  for (const name of GIT_FILES) {
    const path = join(homeDir, name);
    const trail = followLinks(path);
    if (trail.kind !== 'found') continue;
    if (lstatSync(trail.path).isFile()) files.push({ path, real: trail.path });
  }
  return files;
}

async function placeHomeFiles(
  files: readonly GitFile[],
  homeDir: string,
  privateHome: string,
): Promise<HomeFile[]> {
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
async function findInstallDir(): Promise<string> {
  const here = realpathSync.native(dirname(fileURLToPath(import.meta.url)));
  for (let directory = here; directory !== '/'; directory = dirname(directory)) {
    if (statSync(join(directory, 'package.json'), { throwIfNoEntry: false })?.isFile()) return directory;
  }
  return here;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return statSync(path).isDirectory();
  } catch {
    // ENOENT, EACCES, ELOOP: in each case no directory that could be used.
    return false;
  }
}

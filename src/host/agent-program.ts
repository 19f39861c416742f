/** Finds the program of an agent on the host, and what must be shown for it to start inside. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isBeneath } from './containment.ts';

export interface AgentProgram {
  /** As the search found it. */
  readonly path: string;
  readonly real: string;
  /** Whether a directory of PATH holds it, so that its bare name suffices. */
  readonly onPath: boolean;
  /** Directories (or the one file) that it is made of. */
  readonly shows: readonly string[];
}

export interface ProgramRequest {
  readonly commands: readonly string[];
  /** Relative to the home. */
  readonly places: readonly string[];
  readonly searchPath: string;
  readonly homeDir: string;
  /** Programs beneath it are the project's, not the person's. */
  readonly projectDir: string;
  /** Its own directory of shims is passed over. */
  readonly except?: string;
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile() ? realpathSync.native(path) : undefined;
  } catch {
    // Not there, or not to be executed: the search goes on.
    return undefined;
  }
}

/** A package of npm needs its neighbours; a program that was unpacked somewhere, its directory; else the file alone. */
function partsOf(real: string, homeDir: string): string {
  const packages = real.indexOf('/node_modules/');
  if (packages !== -1) return `${real.slice(0, packages)}/node_modules`;
  const directory = dirname(real);
  const depth = directory.slice(homeDir.length).split('/').length - 1;
  return isBeneath(real, homeDir) && depth >= 2 && !directory.endsWith('/bin') ? directory : real;
}

export function findAgentProgram(request: ProgramRequest): AgentProgram | undefined {
  const { commands, places, searchPath, homeDir, projectDir, except } = request;
  const onPath = searchPath.split(':').filter((each) => each.startsWith('/') && each !== except);
  const rest = places.map((place) => `${homeDir}/${place}`).filter((place) => !onPath.includes(place));
  for (const command of commands) {
    for (const directory of [...onPath, ...rest]) {
      if (isBeneath(directory, projectDir)) continue;
      const path = `${directory}/${command}`;
      const real = executable(path);
      if (real === undefined || isBeneath(real, projectDir)) continue;
      const shows = [partsOf(real, homeDir)];
      const own = isBeneath(directory, homeDir) && !onPath.includes(directory) ? [path] : [];
      return { path, real, onPath: onPath.includes(directory), shows: [...new Set([...shows, ...own])] };
    }
  }
  return undefined;
}

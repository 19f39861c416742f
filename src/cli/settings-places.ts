/** Finds whose settings a command is about: home, project and Pinfold's own directories. */
import { resolve } from 'node:path';
import { configDirOf, stateDirOf } from '../config/discover.ts';
import type { LoadRequest } from '../config/load.ts';
import { isSandboxError, SandboxError } from '../errors.ts';
import { findHome } from '../host/host-facts.ts';
import { resolveProject } from '../host/project.ts';
import type { Context, OptionTable } from './command.ts';

export const PROJECT_OPTION = {
  project: {
    type: 'value',
    placeholder: 'DIR',
    completion: 'directory',
    summary: 'the project directory',
    default: 'nearest directory above with .pinfold, .claude or .git, else here',
  },
} as const satisfies OptionTable;

/** `projectDir` is absent where there is none: in the home directory and in `/`, whose `.claude` is not a project's. */
export type SettingsPlaces = LoadRequest & { readonly stateDir: string };

export async function findPlaces(
  context: Context,
  options: { readonly project: string | undefined; readonly settings?: string | undefined },
): Promise<SettingsPlaces> {
  const { cwd, environment } = context;
  const homeDir = findHome(environment);
  const { project, settings } = options;
  let projectDir: string | undefined;
  try {
    projectDir = resolveProject({
      cwd,
      homeDir,
      ...(project !== undefined && { projectDir: project }),
    });
  } catch (error) {
    // A person in their home directory asks about their own settings; one who names a project means that one.
    if (project !== undefined || !isSandboxError(error) || error.code !== 'ERR_PROJECT_INVALID') throw error;
  }
  return {
    projectDir,
    homeDir,
    environment,
    configDir: configDirOf(homeDir, environment),
    stateDir: stateDirOf(homeDir, environment),
    ...(settings !== undefined && { settingsFile: resolve(cwd, settings) }),
  };
}

/** For commands that are about a project and nothing else. */
export function requireProject({ projectDir }: SettingsPlaces): string {
  if (projectDir !== undefined) return projectDir;
  throw new SandboxError('ERR_PROJECT_INVALID', {
    what: 'There is no project here',
    why: 'the home directory and / are none unless they are named',
    fix: 'Change to a project, or name the directory with --project',
  });
}

export const JSON_OPTION = {
  json: { type: 'flag', summary: 'for machines, on stdout' },
} as const satisfies OptionTable;

export const SCOPE_OPTION = {
  scope: {
    type: 'value',
    placeholder: 'SCOPE',
    choices: ['user', 'project', 'local', 'claude'],
    summary:
      'which file: your own, .pinfold/settings.json, .pinfold/settings.local.json or .claude/settings.json',
    default: 'where the project keeps its settings, else your own',
  },
} as const satisfies OptionTable;

export const KEY_ARGUMENT = {
  name: 'KEY',
  summary: 'mode, limits.memory, environment.set.CI …',
  required: true,
} as const;

/** Owns where settings live: the files of each scope, weakest first, and the directories they are in. */
import { join, resolve } from 'node:path';
import type { SettingsLayer } from '../policy/types.ts';

export type FileScope = SettingsLayer['scope'];

/** Scopes whose files lie in the project and come from whoever wrote it. */
export type ProjectScope = 'claude' | 'project' | 'local';

export interface SettingsLocation {
  readonly scope: FileScope;
  readonly path: string;
}

export interface LocationQuery {
  /** Absent where there is none: in the home directory, say. */
  readonly projectDir?: string | undefined;
  /** `…/pinfold` */
  readonly configDir: string;
  /** `--settings` */
  readonly settingsFile?: string | undefined;
  readonly managedFile?: string | undefined;
}

export const MANAGED_FILE = '/etc/pinfold/settings.json';

export function isProjectScope(scope: FileScope): scope is ProjectScope {
  return scope === 'claude' || scope === 'project' || scope === 'local';
}

/** Weakest first. */
export function locateSettings(query: LocationQuery): SettingsLocation[] {
  const { projectDir, configDir, settingsFile } = query;
  const inProject: SettingsLocation[] =
    projectDir === undefined
      ? []
      : [
          { scope: 'claude', path: join(projectDir, '.claude', 'settings.json') },
          { scope: 'project', path: join(projectDir, '.pinfold', 'settings.json') },
          { scope: 'local', path: join(projectDir, '.pinfold', 'settings.local.json') },
        ];
  return [
    { scope: 'user', path: join(configDir, 'settings.json') },
    ...inProject,
    ...(settingsFile === undefined ? [] : [{ scope: 'flag' as const, path: resolve(settingsFile) }]),
    { scope: 'managed', path: query.managedFile ?? MANAGED_FILE },
  ];
}

/** XDG base directories; the specification says that a relative value is to be ignored. */
export function configDirOf(
  homeDir: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return xdgDir(homeDir, environment.XDG_CONFIG_HOME, '.config');
}

export function stateDirOf(
  homeDir: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return xdgDir(homeDir, environment.XDG_STATE_HOME, '.local/state');
}

function xdgDir(homeDir: string, value: string | undefined, fallback: string): string {
  return join(value?.startsWith('/') ? value : join(homeDir, fallback), 'pinfold');
}

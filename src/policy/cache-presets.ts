/** Where package managers keep what they have downloaded, as data: what can be shared read-only, and how a tool is led to it. */

export interface CacheDirectory {
  /** On the host, relative to the home. */
  readonly path: string;
  /** A variable of the person that moves it: the directory is its value with `beneath` behind. The first that is set counts. */
  readonly moved?: readonly (readonly [variable: string, beneath: string])[];
  /** Inside, relative to `$HOME`; default: as on the host. */
  readonly at?: string;
}

export interface CachePreset {
  /** The key in `caches`. */
  readonly name: string;
  readonly directories: readonly CacheDirectory[];
  /** Variables that lead the tool there, relative to `$HOME` inside. */
  readonly variables: Readonly<Record<string, string>>;
  /** What its tests run, or that nothing was run. */
  readonly verified: string;
}

/**
 * Only what holds downloads: never a directory with credentials or settings in it (`~/.npmrc`, `~/.cargo/credentials.toml`,
 * `~/.m2/settings.xml`). Tools that will not work with a cache that they cannot write (pip, uv, Poetry) have none.
 */
export const CACHE_PRESETS: readonly CachePreset[] = [
  {
    name: 'npm',
    directories: [
      {
        path: '.npm/_cacache',
        moved: [
          ['npm_config_cache', '_cacache'],
          ['NPM_CONFIG_CACHE', '_cacache'],
        ],
      },
    ],
    variables: { npm_config_cache: '.npm' },
    verified: 'npm ci --offline',
  },
  {
    name: 'pnpm',
    directories: [
      {
        path: '.local/share/pnpm/store',
        moved: [
          ['pnpm_config_store_dir', ''],
          ['npm_config_store_dir', ''],
        ],
      },
    ],
    variables: {
      pnpm_config_store_dir: '.local/share/pnpm/store',
      npm_config_store_dir: '.local/share/pnpm/store',
    },
    verified: 'not run',
  },
  {
    name: 'yarn',
    directories: [
      { path: '.cache/yarn', moved: [['YARN_CACHE_FOLDER', '']] },
      { path: '.yarn/berry/cache', moved: [['YARN_GLOBAL_FOLDER', 'cache']] },
    ],
    variables: { YARN_GLOBAL_FOLDER: '.yarn/berry' },
    verified: 'not run',
  },
  {
    name: 'bun',
    directories: [{ path: '.bun/install/cache', moved: [['BUN_INSTALL_CACHE_DIR', '']] }],
    variables: { BUN_INSTALL_CACHE_DIR: '.bun/install/cache' },
    verified: 'not run',
  },
  {
    name: 'cargo',
    directories: [
      { path: '.cargo/registry', moved: [['CARGO_HOME', 'registry']] },
      { path: '.cargo/git/db', moved: [['CARGO_HOME', 'git/db']] },
    ],
    variables: { CARGO_HOME: '.cargo' },
    verified: 'not run',
  },
  {
    name: 'go',
    directories: [
      {
        path: 'go/pkg/mod',
        moved: [
          ['GOMODCACHE', ''],
          ['GOPATH', 'pkg/mod'],
        ],
      },
    ],
    variables: { GOMODCACHE: 'go/pkg/mod' },
    verified: 'not run',
  },
  {
    name: 'maven',
    directories: [{ path: '.m2/repository' }],
    variables: {},
    verified: 'not run',
  },
  {
    name: 'gradle',
    // A dependency cache that is read only has a variable of its own, and must not lie in Gradle's home.
    directories: [
      {
        path: '.gradle/caches/modules-2',
        moved: [['GRADLE_USER_HOME', 'caches/modules-2']],
        at: '.gradle-shared/modules-2',
      },
    ],
    variables: { GRADLE_RO_DEP_CACHE: '.gradle-shared' },
    verified: 'not run',
  },
  {
    name: 'dotnet',
    directories: [{ path: '.nuget/packages', moved: [['NUGET_PACKAGES', '']], at: '.nuget-shared' }],
    variables: { NUGET_FALLBACK_PACKAGES: '.nuget-shared' },
    verified: 'not run',
  },
  {
    name: 'playwright',
    directories: [{ path: '.cache/ms-playwright', moved: [['PLAYWRIGHT_BROWSERS_PATH', '']] }],
    variables: { PLAYWRIGHT_BROWSERS_PATH: '.cache/ms-playwright' },
    verified: 'not run',
  },
];

export type CacheManner = 'private' | 'shared';

/** Where package managers keep what they have downloaded, as data: what can be shared read-only, and how a tool is led to it. */

export interface CacheDirectory {
  /** On the host, relative to the home. */
  readonly path: string;
  /** A variable of the person that moves it: the directory is its value with `beneath` behind. The first that is set counts. */
  readonly moved?: readonly (readonly [variable: string, beneath: string])[];
  /** Inside, relative to `$HOME`; default: as on the host. */
  readonly at?: string;
  /** A part of it that an index in it names by its path on the host: shown, read-only, there as well. */
  readonly named?: string;
}

export interface CachePreset {
  /** The key in `caches`. */
  readonly name: string;
  readonly directories: readonly CacheDirectory[];
  /** The tool does not work with a cache that it cannot write: each session has a layer of its own over the host's, for its changes. */
  readonly layered?: true;
  /** Variables that lead the tool there, relative to `$HOME` inside. */
  readonly variables: Readonly<Record<string, string>>;
  /** Variables that tell the tool that it may only read there, with their values. */
  readonly manner?: Readonly<Record<string, string>>;
  /** What its tests run, or that nothing was run. */
  readonly verified: string;
}

/**
 * Only what holds downloads: never a directory with credentials or settings in it (`~/.npmrc`, `~/.cargo/credentials.toml`,
 * `~/.m2/settings.xml`).
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
      // What it asked the registry before: from 11 on it judges the age of a package by that.
      { path: '.cache/pnpm', moved: [['pnpm_config_cache_dir', '']] },
    ],
    variables: {
      pnpm_config_store_dir: '.local/share/pnpm/store',
      npm_config_store_dir: '.local/share/pnpm/store',
    },
    // From 11.7 on; before that a store that cannot be written fails with SQLITE_CANTOPEN, up to 10 it just works.
    manner: { pnpm_config_frozen_store: 'true' },
    verified: 'pnpm install --offline --frozen-lockfile, of 10 and 12',
  },
  {
    name: 'yarn',
    directories: [{ path: '.yarn/berry/cache', moved: [['YARN_GLOBAL_FOLDER', 'cache']] }],
    variables: { YARN_GLOBAL_FOLDER: '.yarn/berry' },
    verified: 'yarn install --immutable, of 4; Yarn 1 uses no cache that it cannot write',
  },
  {
    name: 'bun',
    directories: [{ path: '.bun/install/cache', moved: [['BUN_INSTALL_CACHE_DIR', '']] }],
    variables: { BUN_INSTALL_CACHE_DIR: '.bun/install/cache' },
    verified: 'bun install --frozen-lockfile',
  },
  {
    name: 'cargo',
    directories: [
      { path: '.cargo/registry', moved: [['CARGO_HOME', 'registry']] },
      { path: '.cargo/git/db', moved: [['CARGO_HOME', 'git/db']] },
    ],
    variables: { CARGO_HOME: '.cargo' },
    verified: 'cargo run --offline',
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
    verified: 'go run with GOPROXY=off',
  },
  {
    name: 'maven',
    directories: [{ path: '.m2/repository' }],
    variables: {},
    verified: 'mvn -o package',
  },
  {
    name: 'gradle',
    // Its own way (GRADLE_RO_DEP_CACHE) is there from 6.1 on alone, as is an index without absolute paths.
    directories: [
      {
        path: '.gradle/caches/modules-2',
        moved: [['GRADLE_USER_HOME', 'caches/modules-2']],
        named: 'files-2.1',
      },
    ],
    layered: true,
    variables: { GRADLE_USER_HOME: '.gradle' },
    verified: 'gradle --offline, of 4.4',
  },
  {
    name: 'dotnet',
    directories: [{ path: '.nuget/packages', moved: [['NUGET_PACKAGES', '']], at: '.nuget-shared' }],
    variables: { NUGET_FALLBACK_PACKAGES: '.nuget-shared' },
    verified: 'not run',
  },
  {
    name: 'pip',
    directories: [
      {
        path: '.cache/pip',
        moved: [
          ['PIP_CACHE_DIR', ''],
          ['XDG_CACHE_HOME', 'pip'],
        ],
      },
    ],
    layered: true,
    variables: { PIP_CACHE_DIR: '.cache/pip' },
    verified:
      'pip install, from wheels that it built; by hand also from an index, which it asks all the same',
  },
  {
    name: 'uv',
    directories: [
      {
        path: '.cache/uv',
        moved: [
          ['UV_CACHE_DIR', ''],
          ['XDG_CACHE_HOME', 'uv'],
        ],
      },
    ],
    layered: true,
    variables: { UV_CACHE_DIR: '.cache/uv' },
    // A layer is a file system of its own: it would try links first, and warn of each environment.
    manner: { UV_LINK_MODE: 'copy' },
    verified: 'not run',
  },
  {
    name: 'poetry',
    // Not what lies beside them: the virtual environments of each project, which would go with the session.
    directories: ['cache', 'artifacts'].map((part) => ({
      path: `.cache/pypoetry/${part}`,
      moved: [
        ['POETRY_CACHE_DIR', part],
        ['XDG_CACHE_HOME', `pypoetry/${part}`],
      ],
    })),
    layered: true,
    variables: { POETRY_CACHE_DIR: '.cache/pypoetry' },
    verified: 'poetry install, of 1.3',
  },
  {
    name: 'ruby',
    // Where `gem install --user-install` puts gems, old and new, and Bundler its index. `~/.bundle/config` may hold passwords.
    directories: [
      { path: '.local/share/gem/ruby' },
      { path: '.gem/ruby' },
      { path: '.bundle/cache', moved: [['BUNDLE_USER_CACHE', '']] },
    ],
    layered: true,
    variables: {},
    verified: 'bundle install --local, gem install --local',
  },
  {
    name: 'playwright',
    directories: [{ path: '.cache/ms-playwright', moved: [['PLAYWRIGHT_BROWSERS_PATH', '']] }],
    variables: { PLAYWRIGHT_BROWSERS_PATH: '.cache/ms-playwright' },
    verified: 'not run',
  },
];

export type CacheManner = 'private' | 'shared';

/** Finds the hosts of a project's package registries in its lock files and in the configuration of its package managers. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** A lock file of a large workspace has about 2 MB. */
const LARGEST = 16 * 1024 * 1024;

/** Reads a plain file as data. SECURITY: nothing of a project is run or followed, since nobody has read it yet. */
export function readAsData(path: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    // Absent, a link, out of reach: then it says nothing.
    return undefined;
  }
  try {
    const state = fstatSync(descriptor);
    if (!state.isFile() || state.size > LARGEST) return undefined;
    const buffer = Buffer.alloc(state.size);
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

interface Source {
  /** Relative to the project, or to the home where it begins with `~/`. */
  readonly file: string;
  /** The address is its first group. */
  readonly address: RegExp;
  /** Also asked when the project has none of these files: the person's own configuration counts for its tool's projects. */
  readonly when: readonly string[];
}

const NODE = ['package.json'];
const PYTHON = ['pyproject.toml', 'requirements.txt', 'setup.py', 'Pipfile'];
const RUST = ['Cargo.toml'];
const GO = ['go.mod'];
const JAVA = ['pom.xml'];
const GRADLE = ['build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts'];
const RUBY = ['Gemfile'];
const DOTNET = ['nuget.config', 'NuGet.Config', 'packages.lock.json', 'Directory.Build.props', 'global.json'];

/** `https://…` and `sparse+https://…`; what is behind the authority does not matter. */
const ANY_ADDRESS = String.raw`(?:sparse\+|registry\+)?(https?:\/\/[^\s"'<>,;)\]}]{1,2000})`;
const address = (before: string) => new RegExp(before + ANY_ADDRESS, 'gm');

const SOURCES: readonly Source[] = [
  { file: 'package-lock.json', address: address(String.raw`"resolved":\s*"`), when: NODE },
  { file: 'npm-shrinkwrap.json', address: address(String.raw`"resolved":\s*"`), when: NODE },
  { file: 'yarn.lock', address: address(String.raw`^\s+resolved:?\s+"?`), when: NODE },
  { file: 'pnpm-lock.yaml', address: address(String.raw`tarball:\s*`), when: NODE },
  { file: '.npmrc', address: address(String.raw`^\s*(?:@[\w.-]+:)?registry\s*=\s*["']?`), when: NODE },
  { file: '~/.npmrc', address: address(String.raw`^\s*(?:@[\w.-]+:)?registry\s*=\s*["']?`), when: NODE },
  { file: '.yarnrc.yml', address: address(String.raw`npmRegistryServer:\s*["']?`), when: NODE },
  { file: '~/.yarnrc.yml', address: address(String.raw`npmRegistryServer:\s*["']?`), when: NODE },
  { file: 'uv.lock', address: address(String.raw`(?:registry|url)\s*=\s*"`), when: PYTHON },
  { file: 'Pipfile.lock', address: address(String.raw`"url":\s*"`), when: PYTHON },
  { file: 'pyproject.toml', address: address(String.raw`^\s*(?:url|index-url)\s*=\s*"`), when: PYTHON },
  {
    file: 'requirements.txt',
    address: address(String.raw`^\s*(?:-i|--index-url|--extra-index-url)[\s=]+`),
    when: PYTHON,
  },
  { file: 'pip.conf', address: address(String.raw`^\s*(?:extra-)?index-url\s*=\s*`), when: PYTHON },
  {
    file: '~/.config/pip/pip.conf',
    address: address(String.raw`^\s*(?:extra-)?index-url\s*=\s*`),
    when: PYTHON,
  },
  { file: '~/.pip/pip.conf', address: address(String.raw`^\s*(?:extra-)?index-url\s*=\s*`), when: PYTHON },
  { file: '~/.config/uv/uv.toml', address: address(String.raw`^\s*(?:url|index-url)\s*=\s*"`), when: PYTHON },
  { file: 'Cargo.lock', address: address(String.raw`^source\s*=\s*"`), when: RUST },
  { file: '.cargo/config.toml', address: address(String.raw`^\s*(?:index|registry)\s*=\s*"`), when: RUST },
  { file: '~/.cargo/config.toml', address: address(String.raw`^\s*(?:index|registry)\s*=\s*"`), when: RUST },
  { file: '~/.config/go/env', address: address(String.raw`^GO(?:PROXY|SUMDB)=(?:[^\n]*,)?`), when: GO },
  {
    file: 'pom.xml',
    address: address(
      String.raw`<(?:repository|pluginRepository)>(?:(?!<\/(?:repository|pluginRepository)>)[\s\S]){0,2000}?<url>\s*`,
    ),
    when: JAVA,
  },
  { file: '~/.m2/settings.xml', address: address(String.raw`<url>\s*`), when: JAVA },
  ...GRADLE.map((file) => ({
    file,
    address: address(String.raw`\b(?:url\b\s*=?\s*(?:uri)?|maven)\s*\(?\s*["']`),
    when: GRADLE,
  })),
  { file: 'nuget.config', address: address(String.raw`<add\s[^>]{0,500}value="`), when: DOTNET },
  { file: 'NuGet.Config', address: address(String.raw`<add\s[^>]{0,500}value="`), when: DOTNET },
  {
    file: '~/.nuget/NuGet/NuGet.Config',
    address: address(String.raw`<add\s[^>]{0,500}value="`),
    when: DOTNET,
  },
  { file: 'poetry.lock', address: address(String.raw`^url\s*=\s*"`), when: PYTHON },
  { file: 'bunfig.toml', address: address(String.raw`^\s*(?:registry|url)\s*=\s*"`), when: NODE },
  { file: '~/.bundle/config', address: address(String.raw`^BUNDLE_MIRROR[^:\n]*:\s*["']?`), when: RUBY },
  { file: 'Gemfile', address: address(String.raw`^\s*source\s*\(?["']`), when: RUBY },
  { file: 'Gemfile.lock', address: address(String.raw`^\s+remote:\s*`), when: RUBY },
];

/** Variables of the person by which a tool is told its registry; the address begins them or stands behind a comma. */
const VARIABLES: readonly (readonly [name: string, when: readonly string[]])[] = [
  ['npm_config_registry', NODE],
  ['NPM_CONFIG_REGISTRY', NODE],
  ['YARN_NPM_REGISTRY_SERVER', NODE],
  ['PIP_INDEX_URL', PYTHON],
  ['PIP_EXTRA_INDEX_URL', PYTHON],
  ['UV_INDEX_URL', PYTHON],
  ['UV_DEFAULT_INDEX', PYTHON],
  ['GOPROXY', GO],
];

export interface RegistryHost {
  /** `registry.example.com:443`; ASCII, as the settings take it. */
  readonly host: string;
  /** Files that name it, as people write them, and variables (`$GOPROXY`). */
  readonly files: readonly string[];
  /** The first of them, with its line: `package-lock.json:12`; a variable before a file. */
  readonly named: string;
  /**
   * Named by a variable of the person's. What only files name may have come with a commit, or, where the home is open, from
   * inside.
   */
  readonly own: boolean;
}

const ADDRESS = /^(\d+(\.\d+){3}|\[.*\])$/;

/** Names only: an address would be one of the person's own networks, which is theirs to open. */
function hostOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { hostname, port, protocol } = new URL(text);
  if (!hostname.includes('.') || ADDRESS.test(hostname) || !/^[a-z0-9.-]+$/.test(hostname)) return undefined;
  return `${hostname}:${port || (protocol === 'http:' ? '80' : '443')}`;
}

interface Mention {
  readonly file: string;
  readonly named: string;
  readonly own: boolean;
}

function lineOf(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** In the order of the files; of each tool only where the project is one of its kind. `environment`: the person's. */
export function findRegistryHosts(
  projectDir: string,
  homeDir: string,
  environment: Environment = {},
): RegistryHost[] {
  const found = new Map<string, Mention[]>();
  const note = (written: string, mention: () => Mention) => {
    const host = hostOf(written);
    if (host === undefined) return;
    const mentions = found.get(host) ?? [];
    const next = mention();
    if (!mentions.some(({ file }) => file === next.file)) found.set(host, [...mentions, next]);
  };
  const present = new Map<string, boolean>();
  const has = (name: string) => {
    const known = present.get(name) ?? readAsData(join(projectDir, name)) !== undefined;
    present.set(name, known);
    return known;
  };
  for (const { file, address: pattern, when } of SOURCES) {
    if (!when.some(has)) continue;
    const text = readAsData(file.startsWith('~/') ? join(homeDir, file.slice(2)) : join(projectDir, file));
    if (text === undefined) continue;
    const known = new Set<string>();
    for (const { 1: written = '', index, 0: whole } of text.matchAll(pattern)) {
      const { origin = '' } = URL.canParse(written) ? new URL(written) : {};
      // A lock file names one registry a thousand times.
      if (known.has(origin)) continue;
      known.add(origin);
      const at = index + whole.length - written.length;
      note(written, () => ({ file, named: `${file}:${lineOf(text, at)}`, own: false }));
    }
  }
  for (const [name, when] of VARIABLES) {
    const value = environment[name];
    if (value === undefined || !when.some(has)) continue;
    for (const written of value.split(/[,|\s]+/))
      note(written, () => ({ file: `$${name}`, named: `$${name}`, own: true }));
  }
  return [...found].map(([host, mentions]) => {
    const first = mentions.find(({ own }) => own) ?? mentions[0]!;
    return { host, files: mentions.map(({ file }) => file), named: first.named, own: first.own };
  });
}

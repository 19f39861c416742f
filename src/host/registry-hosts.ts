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
const RUBY = ['Gemfile'];

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
  { file: 'Gemfile.lock', address: address(String.raw`^\s+remote:\s*`), when: RUBY },
];

export interface RegistryHost {
  /** `registry.example.com:443`; ASCII, as the settings take it. */
  readonly host: string;
  /** Files that name it, as people write them. */
  readonly files: readonly string[];
}

const ADDRESS = /^(\d+(\.\d+){3}|\[.*\])$/;

/** Names only: an address would be one of the person's own networks, which is theirs to open. */
function hostOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { hostname, port, protocol } = new URL(text);
  if (!hostname.includes('.') || ADDRESS.test(hostname) || !/^[a-z0-9.-]+$/.test(hostname)) return undefined;
  return `${hostname}:${port || (protocol === 'http:' ? '80' : '443')}`;
}

/** In the order of the files; of each tool only where the project is one of its kind. */
export function findRegistryHosts(projectDir: string, homeDir: string): RegistryHost[] {
  const found = new Map<string, string[]>();
  const present = new Map<string, boolean>();
  const has = (name: string) => {
    const known = present.get(name) ?? readAsData(join(projectDir, name)) !== undefined;
    present.set(name, known);
    return known;
  };
  for (const { file, address: pattern, when } of SOURCES) {
    if (!when.some(has)) continue;
    const path = file.startsWith('~/') ? join(homeDir, file.slice(2)) : join(projectDir, file);
    const text = readAsData(path);
    if (text === undefined) continue;
    for (const [, written = ''] of text.matchAll(pattern)) {
      const host = hostOf(written);
      if (host === undefined) continue;
      const files = found.get(host) ?? [];
      if (!files.includes(file)) found.set(host, [...files, file]);
    }
  }
  return [...found].map(([host, files]) => ({ host, files }));
}

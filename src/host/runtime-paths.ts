/** Finds what every program needs of the host: the system directories, the harmless parts of /etc, PATH outside home. */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { RuntimePath } from '../policy/host-facts.ts';
import { normalizePath, parentOf } from '../policy/paths.ts';
import { isBeneath } from './containment.ts';
import { followLinks, type Known } from './symlinks.ts';

const SYSTEM_DIRECTORIES = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** How many CPUs and memory nodes there are: thread pools size themselves by it. Nothing else of /sys is shown. */
const SYSFS = ['/sys/devices/system/cpu', '/sys/devices/system/node'];

/** Debian's place for what `gem install` of root brings, which its Bundler takes for a broken one where it is hidden. */
const SYSTEM_GEMS = '/var/lib/gems';

/**
 * Never whole directories that may hold keys: root inside is root's uid, so mode 0600 alone hides nothing from it.
 * `/etc/ssl/private`, `/etc/pki/tls/private` and `/etc/pki/entitlement` are what this list steps around.
 */
const ETC: readonly (readonly [names: string, why: string])[] = [
  ['ld.so.cache ld.so.conf ld.so.conf.d ld.so.preload', 'the dynamic linker reads it'],
  ['ca-certificates ca-certificates.conf crypto-policies', 'certificates of public authorities'],
  ['passwd group nsswitch.conf login.defs shells', 'names of users and groups'],
  ['localtime timezone locale.alias locale.conf', 'time zone and language'],
  ['host.conf services protocols gai.conf rpc networks', 'names of services and protocols'],
  [
    'os-release debian_version lsb-release redhat-release alpine-release arch-release',
    'which system this is',
  ],
  [
    'bash.bashrc bashrc profile profile.d inputrc zsh zshrc zshenv zprofile',
    'shells read it when they start',
  ],
  [
    'terminfo mime.types magic magic.mime fonts papersize vim vimrc nanorc less lesskey',
    'data files of programs',
  ],
  [
    'alternatives java* python3* perl maven gradle bazel php ruby nodejs gitconfig gitattributes chromium chromium.d',
    'settings of tool chains',
  ],
];
const ETC_NESTED: readonly (readonly [string, string])[] = [
  ['/etc/default/locale', 'language'],
  ['/etc/ssh/ssh_config', 'settings of the ssh client'],
  ['/etc/ssh/ssh_config.d', 'settings of the ssh client'],
  ['/etc/ssh/ssh_known_hosts', 'host keys known to everyone'],
  ['/etc/pki/ca-trust', 'certificates of public authorities'],
  ['/etc/pki/java', 'certificates of public authorities'],
  ['/etc/pki/tls/certs', 'certificates of public authorities'],
  ['/etc/pki/tls/cert.pem', 'certificates of public authorities'],
  ['/etc/pki/tls/openssl.cnf', 'settings of OpenSSL'],
  ['/etc/pki/tls/openssl.d', 'settings of OpenSSL'],
];

/**
 * Roots from which a PATH entry is never taken: private places of the session, other people's homes, and drives
 * (SECURITY: on WSL /mnt/c/Windows holds programs that the host would run outside the boundary).
 */
const NEVER_FROM_PATH = [
  '/tmp',
  '/var',
  '/dev',
  '/proc',
  '/sys',
  '/run',
  '/mnt',
  '/media',
  '/root',
  '/etc',
  '/boot',
];

export interface RuntimeRequest {
  readonly searchPath?: string;
  readonly homeDir?: string;
  readonly projectDir?: string;
  /** Shared by the walks of one start. */
  readonly known?: Known;
}

export function findRuntime(request: RuntimeRequest = {}): RuntimePath[] {
  const { known = new Map() } = request;
  const found = new Map<string, RuntimePath>();
  const add = (path: string, why: string) => {
    for (const each of describe(path, why, known)) if (!found.has(each.path)) found.set(each.path, each);
  };
  for (const path of SYSTEM_DIRECTORIES) add(path, 'programs and libraries of the system');
  for (const [path, why] of findEtc()) add(path, why);
  for (const path of findOnPath(request, known)) add(path, 'on PATH, outside the home directory');
  for (const path of SYSFS) add(path, 'number of processors and memory nodes');
  add(SYSTEM_GEMS, 'gems of the system');
  return dropCovered([...found.values()]);
}

function findEtc(): (readonly [string, string])[] {
  const entries: (readonly [string, string])[] = [];
  const reasonOf = etcReasons();
  for (const name of namesIn('/etc')) {
    const why = reasonOf(name);
    if (why !== undefined) entries.push([`/etc/${name}`, why]);
  }
  for (const name of namesIn('/etc/ssl')) {
    if (name !== 'private') entries.push([`/etc/ssl/${name}`, 'certificates of public authorities']);
  }
  return [...entries, ...ETC_NESTED];
}

/** Why a name in /etc is shown, if it is. */
function etcReasons(): (name: string) => string | undefined {
  const exact = new Map<string, string>();
  const beginnings: (readonly [string, string])[] = [];
  for (const [names, why] of ETC) {
    for (const name of names.split(' ')) {
      if (name.endsWith('*')) beginnings.push([name.slice(0, -1), why]);
      else exact.set(name, why);
    }
  }
  return (name) => exact.get(name) ?? beginnings.find(([beginning]) => name.startsWith(beginning))?.[1];
}

function findOnPath({ searchPath = '', homeDir, projectDir }: RuntimeRequest, known: Known): string[] {
  const places: string[] = [];
  for (const entry of searchPath.split(':').filter((each) => each.startsWith('/'))) {
    const trail = followLinks(normalizePath(entry), known);
    if (trail.kind !== 'found') continue;
    const place = widen(trail.path);
    if (place === undefined) continue;
    // A PATH entry that holds the home or the project would show either by the back door.
    if (homeDir !== undefined && (isBeneath(place, homeDir) || isBeneath(homeDir, place))) continue;
    if (projectDir !== undefined && (isBeneath(place, projectDir) || isBeneath(projectDir, place))) continue;
    places.push(place);
  }
  return places;
}

/** `/opt/x/bin` needs `/opt/x` (its libraries lie beside `bin`); a Nix or Homebrew tree is needed whole. */
function widen(path: string): string | undefined {
  // Links into a project that is not shown: npm and npx put the bin directories of every ancestor on PATH.
  if (path.endsWith('/node_modules/.bin')) return undefined;
  const [first, second] = path.split('/').slice(1);
  if (!first || SYSTEM_DIRECTORIES.includes(`/${first}`)) return undefined;
  if (first === 'opt') return second ? `/opt/${second}` : undefined;
  if (first === 'nix') return '/nix/store';
  if (first === 'home') return second === 'linuxbrew' ? '/home/linuxbrew' : undefined;
  if (NEVER_FROM_PATH.includes(`/${first}`)) return undefined;
  return second ? path : undefined;
}

/** A link is described twice: as the link to make again, and as the place it leads to, so that it leads somewhere. */
function describe(path: string, why: string, known: Known): RuntimePath[] {
  const trail = followLinks(path, known);
  if (trail.kind !== 'found') return [];
  if (trail.links.length === 0) return [{ path: trail.path, why }];
  try {
    if (!lstatSync(path).isSymbolicLink()) return [{ path: trail.path, why }];
    return [
      { path, why, symlinkTo: readlinkSync(path) },
      { path: trail.path, why },
    ];
  } catch {
    return []; // It has just gone: nothing to show.
  }
}

/** Drops what a shown directory holds already. Links stay: their own directory may be one that the plan makes. */
function dropCovered(all: RuntimePath[]): RuntimePath[] {
  const directories = new Set(all.filter((each) => each.symlinkTo === undefined).map((each) => each.path));
  return all.filter((each) => {
    for (let up = parentOf(each.path); up !== '/'; up = parentOf(up)) if (directories.has(up)) return false;
    return true;
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return []; // Absent or not readable to this person, hence not to the programs inside either.
  }
}

/** The second lock: the same grants again as a Landlock ruleset. Pure. */
import type { Capabilities } from './capabilities.ts';
import { covers, nearest, type PathKind, type Place } from './places.ts';
import type { LandlockRule, Plan } from './plan.ts';

/** LANDLOCK_ACCESS_FS_* of include/uapi/linux/landlock.h, with the ABI that brought each. */
export const ACCESS_FS = {
  EXECUTE: 1n << 0n,
  WRITE_FILE: 1n << 1n,
  READ_FILE: 1n << 2n,
  READ_DIR: 1n << 3n,
  REMOVE_DIR: 1n << 4n,
  REMOVE_FILE: 1n << 5n,
  MAKE_CHAR: 1n << 6n,
  MAKE_DIR: 1n << 7n,
  MAKE_REG: 1n << 8n,
  MAKE_SOCK: 1n << 9n,
  MAKE_FIFO: 1n << 10n,
  MAKE_BLOCK: 1n << 11n,
  MAKE_SYM: 1n << 12n,
  /** ABI 2: rename and link between directories; without it the kernel refuses them all (EXDEV). */
  REFER: 1n << 13n,
  /** ABI 3. */
  TRUNCATE: 1n << 14n,
  /** ABI 5: ioctl on a character or block device that was opened inside. */
  IOCTL_DEV: 1n << 15n,
} as const;

/** LANDLOCK_SCOPE_*, ABI 6: abstract unix sockets and signals stay within the domain. */
export const SCOPE = { ABSTRACT_UNIX_SOCKET: 1n << 0n, SIGNAL: 1n << 1n } as const;

/** LANDLOCK_ACCESS_NET_*, ABI 4. */
export const ACCESS_NET = { BIND_TCP: 1n << 0n, CONNECT_TCP: 1n << 1n } as const;

const BASE = (1n << 13n) - 1n;
export const READ = ACCESS_FS.EXECUTE | ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR;
export const DEVICE_RIGHTS = ACCESS_FS.MAKE_CHAR | ACCESS_FS.MAKE_BLOCK | ACCESS_FS.IOCTL_DEV;
/** add_rule answers EINVAL when a rule on a file carries a right that only directories have. */
export const FILE_RIGHTS =
  ACCESS_FS.EXECUTE | ACCESS_FS.WRITE_FILE | ACCESS_FS.READ_FILE | ACCESS_FS.TRUNCATE | ACCESS_FS.IOCTL_DEV;
export const DEVICE_NODE =
  ACCESS_FS.READ_FILE | ACCESS_FS.WRITE_FILE | ACCESS_FS.TRUNCATE | ACCESS_FS.IOCTL_DEV;

/** Every file-system right that this ABI can handle. ABI 4 (ports), 6 (scopes) and 7 (audit flags) add none. */
export function handledRights(abi: number): bigint {
  let rights = BASE;
  if (abi >= 2) rights |= ACCESS_FS.REFER;
  if (abi >= 3) rights |= ACCESS_FS.TRUNCATE;
  if (abi >= 5) rights |= ACCESS_FS.IOCTL_DEV;
  return rights;
}

/** Nodes are never made inside: mounts are nodev and CAP_MKNOD is gone, and here the same is said once more. */
export function writeRights(handledFs: bigint): bigint {
  return handledFs & ~DEVICE_RIGHTS;
}

const OWN: readonly LandlockRule[] = [
  // What the mounts have put into the root may be read, and so may what a live grant mounts later: a domain cannot be
  // widened. What lies outside of this root, by whatever descriptor, has no such directory above it and stays refused.
  { path: '/', access: READ },
  {
    path: '/proc',
    access: ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR | ACCESS_FS.WRITE_FILE | ACCESS_FS.TRUNCATE,
  },
  ...['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console'].map((name) => ({
    path: `/dev/${name}`,
    access: DEVICE_NODE,
  })),
  { path: '/dev/pts', access: DEVICE_NODE | ACCESS_FS.READ_DIR },
  { path: '/etc/hosts', access: ACCESS_FS.READ_FILE },
  { path: '/etc/resolv.conf', access: ACCESS_FS.READ_FILE },
];
const OWN_WRITABLE = ['/dev/shm', '/tmp', '/var/tmp', '/run'];

export function planLandlock(places: readonly Place[], { landlockAbi: abi }: Capabilities): Plan['landlock'] {
  if (abi < 1) return undefined;
  const handledFs = handledRights(abi);
  const write = writeRights(handledFs);
  const rules: LandlockRule[] = [
    ...OWN,
    ...OWN_WRITABLE.map((path) => ({ path, access: write })),
    ...grants(places).map(({ path, kind, access }) => ({
      path,
      access: rightsFor(kind, access === 'write' ? write : READ, path.startsWith('/dev/')),
    })),
  ];
  return {
    handledFs,
    // The private network namespace holds the network: there is no route to refuse. Handling TCP here would only refuse
    // bind and connect on the sandbox's own loopback, which servers under test need.
    handledNet: 0n,
    scoped: abi >= 6 ? SCOPE.ABSTRACT_UNIX_SOCKET | SCOPE.SIGNAL : 0n,
    rules: rules.map((rule) => ({ path: rule.path, access: rule.access & handledFs })),
  };
}

/** Places that give more than what lies around them. Landlock adds up along a path and cannot take back. */
export function grants(places: readonly Place[]): Place[] {
  const byPath = new Map<string, Place>();
  const given: Place[] = [];
  for (const place of places) {
    if (place.access === 'none' || place.treatment === 'pin') continue;
    const above = nearest(byPath, place.path, true);
    if (above && covers(above.access, place.access)) continue;
    byPath.set(place.path, place);
    given.push(place);
  }
  return given;
}

export function rightsFor(kind: PathKind, access: bigint, device: boolean): bigint {
  const rights = device ? access | ACCESS_FS.IOCTL_DEV : access;
  return kind === 'file' ? rights & FILE_RIGHTS : rights;
}

/** Says in system calls how something is shown in a sandbox that runs, and taken away again. Pure. */
import { ancestorsOf, isWithin } from '../../policy/paths.ts';
import { CallList } from './call-list.ts';
import type { Ground } from './ground.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  attributes,
  EEXIST,
  EINVAL,
  EMPTY_PATHS,
  ENOENT,
  EROFS,
  MNT_DETACH,
  MOUNT,
  O_CLOEXEC,
  O_PATH,
  OPEN_TREE_CLONE,
  openHow,
  RESOLVE_NO_SYMLINKS,
  S_IFREG,
  UMOUNT_NOFOLLOW,
} from './mount-api.ts';
import { addDetachedTree } from './mount-calls.ts';
import { type PathKind, PRIVATE_PLACES } from './places.ts';
import type { MountStep, Plan } from './plan.ts';
import { NAMESPACE } from './plan.ts';

/** Descriptors that calls for a running sandbox find: its namespaces, and the seccomp listener. */
export const JOINED = { user: 24, mounts: 25, network: 26, listener: 27 } as const;

const POINT = 33;
const OWN = 34;

/** What a path inside lies on. */
export type Standing =
  /** Hidden, and the tripwire file system holds the way there. */
  | { readonly kind: 'watched'; readonly mount: string }
  /** Hidden: on a file system of the plan's own, mounted at `mount`, that nothing inside can change. */
  | { readonly kind: 'bare'; readonly mount: string }
  /** A mount that hides something by itself lies right there. */
  | { readonly kind: 'covered' }
  /** Part of the host that is shown. */
  | { readonly kind: 'shown' }
  /** Beneath a directory that the session has for its own, or that is covered whole. */
  | { readonly kind: 'closed'; readonly by: string };

/** Where `path` stands in the root that a plan builds; the last of the mounts above it decides. */
export function standingOf({ mounts }: Pick<Plan, 'mounts'>, path: string): Standing {
  const above = mounts
    .filter((step) => isMount(step) && isWithin(path, step.target))
    .reduce<Exclude<MountStep, { readonly path: string }> | undefined>(
      (deepest, step) =>
        'target' in step && (deepest === undefined || isWithin(step.target, deepest.target)) ? step : deepest,
      undefined,
    );
  if (above === undefined || above.op === 'tmpfs') {
    const mount = above?.target ?? '/';
    const own = (PRIVATE_PLACES as readonly string[]).includes(mount);
    return own ? { kind: 'closed', by: mount } : { kind: 'bare', mount };
  }
  if (above.op === 'bind') return { kind: 'shown' };
  if (above.op === 'tripwire')
    return above.target === path ? { kind: 'covered' } : { kind: 'watched', mount: above.target };
  return above.op === 'mask' && above.target === path
    ? { kind: 'covered' }
    : { kind: 'closed', by: above.target };
}

function isMount(step: MountStep): step is Exclude<MountStep, { readonly path: string }> {
  return 'target' in step && step.op !== 'seal';
}

/** What the plan mounts beneath `path`. */
export function mountsBeneath({ mounts }: Pick<Plan, 'mounts'>, path: string): string[] {
  return mounts.flatMap((step) =>
    isMount(step) && step.target !== path && isWithin(step.target, path) ? [step.target] : [],
  );
}

/** Of these, what may be written. */
export function writableBeneath({ mounts }: Pick<Plan, 'mounts'>, path: string): string[] {
  return mounts.flatMap((step) =>
    step.op === 'bind' && step.writable && step.target !== path && isWithin(step.target, path)
      ? [step.target]
      : [],
  );
}

/**
 * Shows the tree of `steps`, whose mounts lie at and beneath `path`, over what is at `path`. The tree is put together where
 * nobody sees it, in a copy of the host's mounts that belongs to the sandbox's user namespace, and appears all at once.
 */
export function showCalls(
  {
    path,
    kind,
    standing,
    steps,
  }: {
    readonly path: string;
    readonly kind: PathKind;
    readonly standing: Standing;
    readonly steps: readonly MountStep[];
  },
  ground: Ground,
): CallList {
  const calls = new CallList(ground.arch);
  calls.step = 'grant';
  enterUserNamespace(calls);
  calls.label = 'copy the mounts of the host';
  calls.add('unshare', [NAMESPACE.mount]);
  const root: MountStep = { op: 'tmpfs', target: '/', mode: 0o755 };
  const tree = addDetachedTree(calls, [root, ...steps], path, ground);
  enterMounts(calls);
  if (standing.kind === 'bare') makeWay(calls, path, kind, standing.mount);
  if (standing.kind === 'watched') askAnew(calls, path, standing.mount);
  calls.label = `find ${path} inside`;
  openPoint(calls, path);
  calls.label = `show ${path}`;
  calls.add('move_mount', [tree, '', POINT, '', EMPTY_PATHS]);
  return calls;
}

/** Has the kernel look for `path` anew, on the tripwire file system that is mounted at `mount`. */
export function lookCalls(path: string, mount: string, arch: Ground['arch']): CallList {
  const calls = new CallList(arch);
  calls.step = 'grant';
  enterUserNamespace(calls);
  enterMounts(calls);
  askAnew(calls, path, mount);
  return calls;
}

/** Takes away what `showCalls` put over `path`. What is open stays open. */
export function hideCalls(
  { path, kind, standing }: { readonly path: string; readonly kind: PathKind; readonly standing: Standing },
  arch: Ground['arch'],
): CallList {
  const calls = new CallList(arch);
  calls.step = 'grant';
  enterUserNamespace(calls);
  enterMounts(calls);
  calls.label = `take ${path} away`;
  // On a directory of the host: with it the mount has gone as well (ENOENT), also where there is another one by now (EINVAL).
  const gone = standing.kind === 'shown' ? { tolerates: [ENOENT, EINVAL] } : {};
  calls.add('umount2', [path, MNT_DETACH | UMOUNT_NOFOLLOW], gone);
  if (standing.kind !== 'bare') return calls;
  const names = openBare(calls, path, standing.mount);
  const tolerates = [2, 16, 39]; // ENOENT, EBUSY, ENOTEMPTY: something else needs it
  for (const [index, name] of names.entries()) {
    const file = index === 0 && kind === 'file';
    calls.add('unlinkat', [OWN, name, file ? 0 : AT_REMOVEDIR], { tolerates });
  }
  return calls;
}

function enterUserNamespace(calls: CallList): void {
  calls.label = "join the sandbox's user namespace";
  calls.add('setns', [JOINED.user, NAMESPACE.user]);
}

function enterMounts(calls: CallList): void {
  calls.label = "join the sandbox's mounts";
  calls.add('setns', [JOINED.mounts, NAMESPACE.mount]);
}

/**
 * The kernel may take a name for absent that was looked for before it was made. To make one it asks anew (LOOKUP_EXCL); and
 * that fails, since the name is there, or since the mount is read-only.
 */
function askAnew(calls: CallList, path: string, mount: string): void {
  calls.label = `look for ${path} inside`;
  const above = [...ancestorsOf(path)].filter((each) => each !== mount && isWithin(each, mount)).reverse();
  for (const each of above) calls.add('mkdirat', [AT_FDCWD, each, 0], { tolerates: [EEXIST, EROFS] });
}

function openPoint(calls: CallList, path: string): void {
  const how = openHow(O_PATH, RESOLVE_NO_SYMLINKS);
  calls.add('openat2', [AT_FDCWD, path, how, how.length], { place: POINT });
}

/** Opens the plan's own file system as OWN, to be changed here and nowhere else. Gives what of `path` is in it, deepest first. */
function openBare(calls: CallList, path: string, mount: string): string[] {
  calls.add('open_tree', [AT_FDCWD, mount, O_CLOEXEC | OPEN_TREE_CLONE], { place: OWN });
  calls.add('mount_setattr', [OWN, '', AT_EMPTY_PATH, attributes(0, 0, MOUNT.rdonly), 32]);
  const names = [...ancestorsOf(path)].filter((each) => each !== mount && isWithin(each, mount));
  return names.map((each) => each.slice(mount === '/' ? 1 : mount.length + 1));
}

function makeWay(calls: CallList, path: string, kind: PathKind, mount: string): void {
  calls.label = `make ${path} inside`;
  const [last = '', ...above] = openBare(calls, path, mount);
  const tolerates = [EEXIST];
  for (const name of above.reverse()) calls.add('mkdirat', [OWN, name, 0o755], { tolerates });
  if (kind === 'directory') calls.add('mkdirat', [OWN, last, 0o755], { tolerates });
  else calls.add('mknodat', [OWN, last, S_IFREG | 0o444, 0], { tolerates });
}

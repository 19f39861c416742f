/** Finds where a control group of ours may be made (cgroups(7)): our own group of cgroup v2 and those above it, nearest first. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Directories of cgroupfs, or why there are none. */
export type CgroupGround =
  | { readonly kind: 'found'; readonly directories: readonly string[] }
  | { readonly kind: 'none'; readonly why: string };

export interface OwnFiles {
  /** /proc/self/mountinfo (proc_pid_mountinfo(5)). */
  readonly mounts: string;
  /** /proc/self/cgroup. */
  readonly groups: string;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Where cgroup v2 is mounted, and which of its groups is the root of what is mounted there. */
function mountedAt(mounts: string): { readonly root: string; readonly point: string } | undefined {
  for (const line of mounts.split('\n')) {
    const [before, after] = line.split(' - ');
    if (!after?.startsWith('cgroup2 ')) continue;
    const [, , , root, point] = before!.split(' ');
    return { root: unescapeOctal(root!), point: unescapeOctal(point!) };
  }
  return undefined;
}

/** Pure: what the two files say. */
export function groundOf({ mounts, groups }: OwnFiles): CgroupGround {
  const mount = mountedAt(mounts);
  if (mount === undefined) return { kind: 'none', why: 'cgroup v2 is not mounted' };
  const own = groups
    .split('\n')
    .find((line) => line.startsWith('0::'))
    ?.slice(3);
  const beneath =
    mount.root === '/' ? own : own?.startsWith(`${mount.root}/`) ? own.slice(mount.root.length) : undefined;
  // A group outside of the cgroup namespace is shown as /../…; what is mounted is not ours then.
  if (beneath === undefined || beneath.startsWith('/..')) {
    return { kind: 'none', why: 'the control group of this process is not shown here' };
  }
  const directories = [join(mount.point, beneath).replace(/(.)\/$/, '$1')];
  while (directories.at(-1) !== mount.point) directories.push(dirname(directories.at(-1)!));
  return { kind: 'found', directories };
}

export function cgroupGround(): CgroupGround {
  if (!existsSync('/proc/self/cgroup')) return { kind: 'none', why: 'the kernel has no control groups' };
  return groundOf({
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    groups: readFileSync('/proc/self/cgroup', 'utf8'),
  });
}

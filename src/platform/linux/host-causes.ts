/** Why this host does not let a boundary be made, from what its kernel says of itself, and the one command that mends it. */
import { readFileSync } from 'node:fs';
import { SESSION_EVENTS } from './session-directory.ts';

export interface Cause {
  readonly why: string;
  readonly fix: string;
}

/** What is asked of the host. */
export interface HostView {
  readonly uid: number;
  /** The content of a file of /proc, without white space at its end; undefined where there is none. */
  read(path: string): string | undefined;
}

export const THIS_HOST: HostView = {
  get uid() {
    return process.getuid?.() ?? 0;
  },
  read(path) {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      // Absent on kernels without the feature: then it is not the cause.
      return undefined;
    }
  },
};

/** Limits of namespaces(7), by the name in /proc/sys/user. */
const KINDS = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const;

const APPARMOR = 'kernel.apparmor_restrict_unprivileged_userns';
const DEBIAN = 'kernel.unprivileged_userns_clone';

function setting(host: HostView, name: string): string | undefined {
  return host.read(`/proc/sys/${name.replaceAll('.', '/')}`);
}

function sysctl(name: string, value: number): string {
  return `sudo sysctl -w ${name}=${value}`;
}

/** clone(2) says ENOSPC for a limit of namespaces, or of their nesting, wherever in the nesting it stands. */
function limitCause(host: HostView): Cause {
  const limits = KINDS.map((kind) => `user.max_${kind}_namespaces`);
  const closed = limits.find((name) => setting(host, name) === '0');
  if (closed !== undefined) {
    return { why: `this host allows none: ${closed} is 0`, fix: sysctl(closed, 10_000) };
  }
  return {
    why: 'a limit of namespaces is reached, here or in the container around',
    fix: 'Raise user.max_user_namespaces on the host, outside of any container',
  };
}

/** Ubuntu since 23.10: AppArmor takes every right away from whoever made a user namespace. Root is exempt. */
function apparmorCause(host: HostView): Cause | undefined {
  if (host.uid === 0 || setting(host, APPARMOR) !== '1') return undefined;
  return {
    why: `AppArmor keeps ordinary users from them: ${APPARMOR} is 1`,
    fix: sysctl(APPARMOR, 0),
  };
}

function isFiltered(host: HostView): boolean {
  return /^Seccomp:\s*2$/m.test(host.read('/proc/self/status') ?? '');
}

/** `errno` is the kernel's name for what clone(2), or the first use of the new namespaces, answered. */
export function namespaceCause(errno: string, host: HostView = THIS_HOST): Cause | undefined {
  if (errno === 'ENOSPC' || errno === 'EUSERS') return limitCause(host);
  if (host.read('/proc/self/uid_map') === undefined) {
    return {
      why: 'this kernel is built without user namespaces',
      fix: 'Boot a kernel with CONFIG_USER_NS=y',
    };
  }
  if (errno !== 'EPERM' && errno !== 'EACCES' && errno !== 'ENOSYS') return undefined;
  const apparmor = apparmorCause(host);
  if (apparmor !== undefined) return apparmor;
  if (host.uid !== 0 && setting(host, DEBIAN) === '0') {
    return { why: `this host keeps ordinary users from them: ${DEBIAN} is 0`, fix: sysctl(DEBIAN, 1) };
  }
  if (isFiltered(host) && host.read(SESSION_EVENTS) !== undefined) {
    return {
      why: 'it is inside a session of Pinfold already, where no further namespaces can be made',
      fix: 'Start it outside; what runs here is within the boundary of the session around as it is',
    };
  }
  if (isFiltered(host)) {
    return {
      why: 'a filter of system calls around this process refuses them, as containers have one',
      // A container that has the filter mostly covers parts of /proc as well: whoever mends one meets the other next.
      fix: coversProc(host)
        ? 'Start the container with --security-opt seccomp=unconfined, and systempaths=unconfined (docker) or unmask=ALL (podman)'
        : 'Start the container with --security-opt seccomp=unconfined (docker, podman)',
    };
  }
  return {
    why: 'the kernel refuses them to this process: a chroot, or a security module',
    fix: 'Run Pinfold outside the chroot; `sudo dmesg` tells which security module refused',
  };
}

/** `step` and `detail` are the launcher's words for a mount that failed. */
export function mountCause(
  { errno, detail }: { readonly errno: string; readonly detail: string },
  host: HostView = THIS_HOST,
): Cause | undefined {
  if (errno !== 'EPERM' && errno !== 'EACCES') return undefined;
  const apparmor = apparmorCause(host);
  if (apparmor !== undefined) return apparmor;
  // mount_namespaces(7): a fresh /proc would show what the one around covers, so the kernel refuses to mount it.
  if (detail === 'proc /proc' && coversProc(host)) {
    return {
      why: 'parts of /proc are covered here, as containers have it, and the kernel then lets nobody mount a whole one',
      fix: 'Start the container with --security-opt systempaths=unconfined (docker), or unmask=ALL (podman)',
    };
  }
  return undefined;
}

/** The fifth field of a line of proc_pid_mountinfo(5) is the mount point. */
function coversProc(host: HostView): boolean {
  const table = host.read('/proc/self/mountinfo') ?? '';
  return table.split('\n').some((line) => /^(\S+ ){4}\/proc\/\S/.test(line));
}

/** Guarantees about the kernel's own surface: calls that are closed, and files through which the host is steered. */
import { join } from 'node:path';
import {
  AT_FDCWD,
  callAttempt,
  NAMESPACE_OF_ITS_OWN,
  O_RDONLY,
  O_WRONLY,
  openAttempt,
  text,
} from '../acts.ts';
import type { Guarantee } from '../guarantee.ts';
import { call } from '../system-call.ts';
import type { Ground } from './ground.ts';

const MS_BIND = 4096;
const USER_MODE_ONLY = 1;
const SYSLOG_SIZE_BUFFER = 10;
const KEYCTL_GET_KEYRING_ID = 0;
const SESSION_KEYRING = -3;
const S_IFCHR = 0o020000;
/** makedev(1, 3): the null device. */
const NULL_DEVICE = (1 << 8) | 3;

/** By which a host without namespaces refuses them, and with them the rights that the controls would have there. */
const NO_NAMESPACES = ['ENOSPC', 'EUSERS', 'EPERM', 'EACCES', 'ENOSYS'];

function boundary({ weaker }: Ground): Guarantee {
  const host = weaker === undefined ? {} : { hostRefuses: NO_NAMESPACES };
  return {
    id: 'boundary-calls',
    group: 'kernel',
    claim: 'The boundary cannot be rebuilt: no namespaces, mounts or other roots',
    short: 'no mounts or namespaces',
    attempts: [
      callAttempt('unshare a user namespace', call('unshare', NAMESPACE_OF_ITS_OWN), host),
      // A bind without a source: whoever may mount is told EINVAL, and nothing is mounted.
      callAttempt('mount', call('mount', 0, text('/'), 0, MS_BIND, 0), {
        reached: ['EINVAL'],
        asRoot: true,
        ...host,
      }),
      callAttempt('chroot', call('chroot', text('/')), { asRoot: true, ...host }),
    ],
  };
}

function calls(): Guarantee {
  const unprivileged = ['EPERM', 'EACCES', 'ENOSYS'];
  return {
    id: 'kernel-calls',
    group: 'kernel',
    claim: 'System calls that exploits are made of are closed',
    short: 'io_uring, bpf, perf … closed',
    attempts: [
      callAttempt('set up an io_uring', call('io_uring_setup', 1, { room: 256 }), {
        hostRefuses: unprivileged,
      }),
      callAttempt('ask for a keyring', call('keyctl', KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, 0), {
        reached: ['ENOKEY'],
        hostRefuses: unprivileged,
      }),
      // An unknown command: EINVAL for whoever may use bpf(2) at all.
      callAttempt('use bpf', call('bpf', 9999, 0, 0), {
        reached: ['EINVAL', 'E2BIG'],
        hostRefuses: unprivileged,
      }),
      callAttempt('open a performance event', call('perf_event_open', { room: 128 }, 0, -1, -1, 0), {
        reached: ['ENOENT', 'EOPNOTSUPP', 'EINVAL', 'E2BIG'],
        hostRefuses: unprivileged,
      }),
      callAttempt('make a userfaultfd', call('userfaultfd', USER_MODE_ONLY), {
        hostRefuses: [...unprivileged, 'EINVAL'],
      }),
      callAttempt('open a file by its handle', call('open_by_handle_at', -1, { room: 64 }, 0), {
        reached: ['EBADF', 'EINVAL', 'ESTALE'],
        hostRefuses: unprivileged,
      }),
      callAttempt("read the kernel's log", call('syslog', SYSLOG_SIZE_BUFFER, 0, 0), {
        hostRefuses: unprivileged,
      }),
    ],
  };
}

/** Opened and closed again; nothing is written. */
function controls({ scratch: { project } }: Ground): Guarantee {
  const host = ['ENOENT', 'EACCES', 'EPERM', 'EROFS'];
  return {
    id: 'kernel-files',
    group: 'kernel',
    claim: 'The kernel can be neither read nor steered through files and devices',
    short: 'kernel files closed',
    attempts: [
      openAttempt('open /proc/kcore', '/proc/kcore', O_RDONLY, host),
      openAttempt('open /proc/sysrq-trigger for writing', '/proc/sysrq-trigger', O_WRONLY, host),
      openAttempt(
        'open /proc/sys/kernel/core_pattern for writing',
        '/proc/sys/kernel/core_pattern',
        O_WRONLY,
        host,
      ),
      {
        act: 'make a device',
        calls: () => [
          call('mknodat', AT_FDCWD, text(join(project, 'device')), S_IFCHR | 0o600, NULL_DEVICE),
          call('unlinkat', AT_FDCWD, text(join(project, 'device')), 0),
        ],
        evidence: { kind: 'answer', refused: ['EPERM', 'EACCES'], deciding: 2 },
        hostRefuses: ['EPERM'],
      },
    ],
  };
}

export function kernelGuarantees(ground: Ground): Guarantee[] {
  return [boundary(ground), calls(), controls(ground)];
}

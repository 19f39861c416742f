/** The calls that the filter refuses with EPERM and that are told of (`refuse` in the baseline), each with a clause for people. */

const CLAUSES: readonly (readonly [calls: string, why: string])[] = [
  ['mount umount2 pivot_root chroot', 'what is shown is the boundary, and this changes what is shown'],
  ['setns unshare clone', 'in a namespace of its own a program would have every capability'],
  [
    'ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp process_mrelease',
    'who traces another process makes it do anything; debuggers do not work inside',
  ],
  ['add_key request_key keyctl', 'keys in the kernel belong to the user, on the whole host'],
  [
    'bpf perf_event_open userfaultfd fanotify_init fanotify_mark lookup_dcookie',
    'attacks on the kernel are made of it',
  ],
  ['open_by_handle_at name_to_handle_at', 'it opens files past every rule about paths'],
  [
    'init_module finit_module delete_module create_module kexec_load kexec_file_load reboot syslog swapon swapoff acct quotactl',
    'it administers the host',
  ],
  [
    'quotactl_fd settimeofday clock_settime vhangup iopl ioperm uselib _sysctl nfsservctl',
    'it administers the host',
  ],
  ['ioctl', 'it would type into your terminal, or take it over'],
  ['personality', 'it would weaken the protection of memory'],
  ['prctl', 'it would change what the kernel tells of the process'],
  ['seccomp', 'with a listener of its own it would answer calls in our place'],
  ['socket', 'a raw socket would send past the rules about the network'],
];

/** By name, each with why it is refused. */
export const REFUSED_CALLS: ReadonlyMap<string, string> = new Map(
  CLAUSES.flatMap(([calls, why]) => calls.split(' ').map((name) => [name, why] as const)),
);

/** Says a boundary in system calls: identity of the host, root, capabilities, Landlock, and last the filter. Pure. */
import { addIdentityCheck, CallList, struct } from './call-list.ts';
import type { Ground } from './ground.ts';
import { FILE_RIGHTS, SCOPE } from './landlock-plan.ts';
import { openHow, RESOLVE_NO_SYMLINKS } from './mount-api.ts';
import { addMountCalls } from './mount-calls.ts';
import type { Plan } from './plan.ts';

/** errno(3). */
const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const EINVAL = 22;
const ENOSYS = 38;
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const SIOCSIFFLAGS = 0x8914;
/** IFF_UP and IFF_RUNNING of net/if.h. */
const UP_AND_RUNNING = 0x41;
const AT_FDCWD = -100;
const O_PATH_CLOEXEC = 0o12000000;

/** linux/prctl.h. */
const PR = {
  capbsetDrop: 24,
  setSecurebits: 28,
  setChildSubreaper: 36,
  setNoNewPrivs: 38,
  capAmbient: 47,
} as const;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** NOROOT and NO_CAP_AMBIENT_RAISE, locked, and KEEP_CAPS locked; linux/securebits.h. */
const SECUREBITS = 0x1 | 0x2 | 0x20 | 0x40 | 0x80;
/** Of _LINUX_CAPABILITY_VERSION_3; more than any kernel has. */
const MOST_CAPABILITIES = 64;
const CAPABILITY_VERSION = 0x20080522;
const LANDLOCK_RULE_PATH_BENEATH = 1;
/** Flags of seccomp(2), linux/seccomp.h. */
const NEW_LISTENER = 1 << 3;
const WAIT_KILLABLE_RECV = 1 << 5;
/** Bytes of `struct sock_filter`. */
const INSTRUCTION = 8;

/** Numbers of descriptors that are free in init when the calls are made. */
const SCRATCH = 32;

/** All calls of a plan, in their order. */
export function boundaryCalls(plan: Plan, ground: Ground): CallList {
  const calls = new CallList(ground.arch, 1024);
  const step = (name: string, add: () => void) => {
    calls.step = name;
    add();
    calls.label = name;
    calls.add('applied', []);
  };
  if (plan.namespaces === 0) {
    withoutNamespaces(plan, calls, step);
    return calls;
  }
  step('namespaces', () => settleIn(calls, plan.hostname));
  step('mounts', () => addMountCalls(calls, plan.mounts, ground));
  step('capabilities', () => dropCapabilities(calls)); // after the mounts, which need them
  step('no-new-privileges', () => forbidPrivileges(calls));
  step('landlock', () => {
    if (plan.landlock) restrictPaths(calls, plan.landlock, { ruleset: SCRATCH });
  });
  step('seccomp', () => addFilter(calls, plan)); // last: it forbids most of the calls above
  return calls;
}

/** The tier of Landlock and seccomp alone. */
function withoutNamespaces(plan: Plan, calls: CallList, step: (name: string, add: () => void) => void): void {
  const { landlock } = plan;
  if (landlock === undefined) throw new Error('without namespaces Landlock is the boundary');
  calls.step = 'landlock';
  leaveKeyring(calls, [EPERM]);
  calls.label = 'take in whoever loses their parent';
  calls.add('prctl', [PR.setChildSubreaper, 1, 0, 0, 0]);
  // EPERM: an ordinary user has none to drop, and no_new_privs keeps the rest from ever being gained (capabilities(7)).
  step('capabilities', () => dropCapabilities(calls, [EPERM]));
  step('no-new-privileges', () => forbidPrivileges(calls));
  step('landlock', () => restrictPaths(calls, landlock, { ruleset: SCRATCH, links: 'refuse' }));
  step('seccomp', () => addFilter(calls, plan));
  // SECURITY: what runs inside must not signal init, which ends it all. Covered by "nothing inside reaches init".
  calls.add('each', []);
  calls.label = 'narrow the domain';
  calls.add('landlock_create_ruleset', [struct([0, 8], [0, 8], [SCOPE.SIGNAL, 8]), 24, 0], {
    place: SCRATCH,
  });
  calls.add('landlock_restrict_self', [SCRATCH, 0]);
  calls.add('close', [SCRATCH]);
}

function addFilter(calls: CallList, { seccomp }: Plan): void {
  if (seccomp === undefined) return;
  const { program, notify } = seccomp;
  calls.label = 'install filter';
  calls.add('filter', [
    program,
    program.length / INSTRUCTION,
    notify ? NEW_LISTENER | WAIT_KILLABLE_RECV : 0,
  ]);
}

function forbidPrivileges(calls: CallList): void {
  calls.label = 'set no_new_privs';
  calls.add('prctl', [PR.setNoNewPrivs, 1, 0, 0, 0]); // Landlock and seccomp require it
}

function leaveKeyring(calls: CallList, tolerates: readonly number[]): void {
  calls.label = "leave the host's session keyring";
  calls.add('keyctl', [KEYCTL_JOIN_SESSION_KEYRING, 0], { tolerates: [ENOSYS, ...tolerates] });
}

function settleIn(calls: CallList, hostname: string): void {
  const name = Buffer.from(hostname);
  calls.label = `set host name ${hostname}`;
  calls.add('sethostname', [name, name.length]);
  leaveKeyring(calls, []);
  calls.label = 'bring loopback up';
  const request = Buffer.alloc(40); // struct ifreq
  request.write('lo');
  request.writeUInt16LE(UP_AND_RUNNING, 16);
  calls.add('socket', [AF_INET, SOCK_DGRAM_CLOEXEC, 0], { place: SCRATCH });
  calls.add('ioctl', [SCRATCH, SIOCSIFFLAGS, request]);
  calls.add('close', [SCRATCH]);
}

/**
 * The bounding set goes first, while CAP_SETPCAP is still there: uid 0 inside would otherwise get capabilities back at the
 * next execve (capabilities(7), "Capabilities and execution of programs by root").
 */
function dropCapabilities(calls: CallList, tolerates: readonly number[] = []): void {
  calls.label = 'drop capabilities';
  for (let capability = 0; capability < MOST_CAPABILITIES; capability += 1) {
    // EINVAL: past the last one that this kernel has.
    calls.add('prctl', [PR.capbsetDrop, capability, 0, 0, 0], { tolerates: [EINVAL, ...tolerates] });
  }
  calls.add('prctl', [PR.setSecurebits, SECUREBITS, 0, 0, 0], { tolerates });
  calls.add('prctl', [PR.capAmbient, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0]);
  // Two of struct __user_cap_data_struct.
  calls.add('capset', [struct([CAPABILITY_VERSION, 4], [0, 4]), Buffer.alloc(24)]);
}

export interface RestrictOptions {
  /** Number of a descriptor that is free, as is the one above it. */
  readonly ruleset: number;
  /** errno of a rule's path with which there is nothing to allow, besides ENOENT. */
  readonly absent?: readonly number[];
  /** What becomes of symbolic links on the way of a rule's path; default: `follow`. */
  readonly links?: 'follow' | 'refuse';
}

/** A Landlock ruleset, which from then on holds for the process that makes the calls. */
export function restrictPaths(
  calls: CallList,
  { handledFs, handledNet, scoped, rules }: NonNullable<Plan['landlock']>,
  { ruleset, absent = [], links = 'follow' }: RestrictOptions,
): void {
  const path = ruleset + 1;
  // SECURITY: on the host a link may have been put where the plan saw a directory.
  const direct = openHow(O_PATH_CLOEXEC, RESOLVE_NO_SYMLINKS);
  calls.label = 'create ruleset';
  const attributes = struct([handledFs, 8], [handledNet, 8], [scoped, 8]);
  // Older kernels know a shorter struct and refuse a longer one unless the rest is zero; they accept exact prefixes.
  const size = scoped !== 0n ? 24 : handledNet !== 0n ? 16 : 8;
  calls.add('landlock_create_ruleset', [attributes, size, 0], { place: ruleset });
  const allow = (access: bigint, tolerates: readonly number[]) => {
    if (access === 0n) return;
    const beneath = struct([access, 8], [path, 4]);
    calls.add('landlock_add_rule', [ruleset, LANDLOCK_RULE_PATH_BENEATH, beneath, 0], { tolerates });
  };
  for (const rule of rules) {
    const access = rule.access & handledFs;
    calls.label = `allow ${rule.path}`;
    // Nothing there to allow: granting less than planned is safe, and what follows finds no descriptor.
    const options = { place: path, tolerates: [ENOENT, ...absent] };
    if (links === 'follow') calls.add('openat', [AT_FDCWD, rule.path, O_PATH_CLOEXEC, 0], options);
    else calls.add('openat2', [AT_FDCWD, rule.path, direct, direct.length], options);
    if (rule.identity) addIdentityCheck(calls, path, rule.identity);
    // On a file a right that only directories have is EINVAL: a file is given the rest, a directory both.
    allow(access & FILE_RIGHTS, [EBADF]);
    if ((access & ~FILE_RIGHTS) !== 0n) allow(access, [EBADF, EINVAL]);
  }
  calls.label = 'allow a standard stream';
  calls.add('standardStreams', [ruleset, handledFs]);
  calls.label = 'restrict self';
  calls.add('landlock_restrict_self', [ruleset, 0]);
  calls.add('close', [ruleset]);
  calls.add('close', [path], { tolerates: [EBADF] });
}

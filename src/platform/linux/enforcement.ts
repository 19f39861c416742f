/** What is in force, from the steps that the launcher confirmed; and what a failed step means to a person. */
import { getSystemErrorName } from 'node:util';
import { SandboxError } from '../../errors.ts';
import type { Enforcement, Mechanism, Weaker } from '../backend.ts';
import type { Capabilities } from './capabilities.ts';
import { type Cause, mountCause, namespaceCause } from './host-causes.ts';
import { type FailureRecord, LAYER_LABEL, type Plan } from './plan.ts';

/** Newest Landlock ABI whose rights the plan knows (linux/landlock.h of Linux 6.15). */
const FULL_LANDLOCK_ABI = 6;
const LANDLOCK_MISSING: readonly (readonly [number, string])[] = [
  [2, 'moving files between directories (ABI 2)'],
  [3, 'truncating files (ABI 3)'],
  [5, 'device ioctls (ABI 5)'],
  [6, 'signals and abstract sockets (ABI 6)'],
];

const NAMESPACES: readonly Mechanism[] = [
  'user-namespace',
  'mount-namespace',
  'pid-namespace',
  'network-namespace',
  'ipc-namespace',
  'uts-namespace',
  'cgroup-namespace',
];

/** An ordinary user may not make the bounding set smaller (capabilities(7)). */
const KEPT_BOUND: Enforcement = {
  mechanism: 'capabilities',
  state: 'partial',
  missing: ['an empty bounding set: no_new_privs alone keeps them from being gained'],
};

function full(mechanism: Mechanism): Enforcement {
  return { mechanism, state: 'full' };
}

function landlock(plan: Plan, abi: number): Enforcement {
  if (!plan.landlock) return { mechanism: 'landlock', state: 'none', reason: 'the kernel has no Landlock' };
  const missing = LANDLOCK_MISSING.filter(([needs]) => abi < needs).map(([, what]) => what);
  if (abi < FULL_LANDLOCK_ABI) return { mechanism: 'landlock', state: 'partial', missing };
  return {
    mechanism: 'landlock',
    state: 'full',
    note: 'denials inside a granted directory are held by mounts alone: Landlock cannot take back',
  };
}

export interface Confirmed {
  readonly plan: Plan;
  readonly capabilities: Pick<Capabilities, 'uid' | 'landlockAbi'>;
  /** Steps that the launcher confirmed. */
  readonly applied: ReadonlySet<string>;
  /** Why looks at hidden names are not seen; absent when the plan has them seen. */
  readonly blind: string | undefined;
  /** When they ceased to be seen; absent while they are. */
  readonly lost?: Date | undefined;
  /** Why there are no namespaces; absent where there are. */
  readonly weaker: Weaker | undefined;
}

function tripwire(lost: Date | undefined): Enforcement {
  if (!lost) return full('tripwire');
  const since = lost.toISOString().slice(11, 19);
  return {
    mechanism: 'tripwire',
    state: 'partial',
    missing: [
      `looks at hidden names from ${since} UTC on: what watches them ended, and they are refused unseen`,
    ],
  };
}

/** The status of each mechanism after the steps named in `applied` were confirmed. */
export function enforcementOf(confirmed: Confirmed): Enforcement[] {
  const { plan, capabilities, applied, blind, lost, weaker } = confirmed;
  const { uid, landlockAbi } = capabilities;
  const pending = (mechanism: Mechanism): Enforcement => ({
    mechanism,
    state: 'none',
    reason: 'it was not reached',
  });
  const after = (step: string, status: Enforcement) =>
    applied.has(step) ? status : pending(status.mechanism);
  return [
    ...NAMESPACES.map((mechanism) =>
      weaker === undefined
        ? after(mechanism === 'mount-namespace' ? 'mounts' : 'namespaces', full(mechanism))
        : ({ mechanism, state: 'none', reason: weaker.why } as const),
    ),
    after('capabilities', weaker === undefined || uid === 0 ? full('capabilities') : KEPT_BOUND),
    after('no-new-privileges', full('no-new-privileges')),
    after('landlock', landlock(plan, landlockAbi)),
    after(
      'seccomp',
      plan.seccomp
        ? full('seccomp')
        : { mechanism: 'seccomp', state: 'none', reason: 'no filter for this processor' },
    ),
    after('seccomp', {
      mechanism: 'name-guard',
      state: 'partial',
      missing: ['a name that wins a race is caught after it was made: moved away, and the session is ended'],
    }),
    plan.tripwire
      ? after('mounts', tripwire(lost))
      : { mechanism: 'tripwire', state: 'none', reason: `${blind}: looks at hidden names are not seen` },
  ];
}

/** Whether the host gives no namespaces, or none that serve: then nothing of the boundary was made. */
export function refusesNamespaces({ step, errno, detail }: FailureRecord): boolean {
  const name = getSystemErrorName(-errno);
  if (step === 'namespaces') return !detail.startsWith('std') && namespaceCause(name) !== undefined;
  return step === 'mounts' && mountCause({ errno: name, detail }) !== undefined;
}

export const NO_NAMESPACES = 'Cannot create the namespaces that make up the boundary';

function namespaceError({ errno, detail }: FailureRecord, cause: Cause | undefined): SandboxError {
  const name = getSystemErrorName(-errno);
  return new SandboxError('ERR_NAMESPACES_UNAVAILABLE', {
    what: NO_NAMESPACES,
    why: cause === undefined ? `${detail}: ${name}` : `${cause.why} (${detail}: ${name})`,
    ...(cause && { fix: cause.fix }),
  });
}

/** Why hidden places are not watched after all, though the device could be opened. */
export function tripwireFailure({ errno }: FailureRecord): string {
  return `the tripwire file system cannot be mounted (${getSystemErrorName(-errno)})`;
}

function layerError(why: string): SandboxError {
  return new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot show a shared cache with a layer over it that takes what is written',
    why: `${why}: the kernel’s overlayfs is missing, or does not take this directory`,
    fix: 'Keep the cache of that tool private (pinfold config set caches.NAME private), or, for ENODEV, sudo modprobe overlay',
  });
}

/** The error a person sees when the launcher could not carry out a step. The command was not started. */
export function setupError(failure: FailureRecord): SandboxError {
  const name = getSystemErrorName(-failure.errno);
  if (name === 'EINTR') {
    return new SandboxError('ERR_SETUP_FAILED', {
      what: 'The start of the sandbox was ended',
      why: 'a signal came before the command ran',
    });
  }
  const why = `${failure.detail}: ${name}`;
  if (failure.step === 'namespaces') {
    if (!failure.detail.startsWith('std')) return namespaceError(failure, namespaceCause(name));
    return namespaceError(failure, {
      why: 'a directory was handed in',
      fix: 'Give the command a file, a pipe or a terminal there',
    });
  }
  const mount = failure.step === 'mounts' ? mountCause({ errno: name, detail: failure.detail }) : undefined;
  if (mount !== undefined) return namespaceError(failure, mount);
  if (failure.step === 'mounts' && failure.detail.startsWith(LAYER_LABEL)) return layerError(why);
  if (failure.step === 'directory') {
    return new SandboxError('ERR_PATH_INVALID', {
      what: `Cannot start in ${failure.detail}`,
      why: name === 'ENOENT' ? 'it is not visible inside the sandbox' : name,
      fix: 'Start in the project directory, or allow this one with --allow',
    });
  }
  const code =
    failure.step === 'landlock'
      ? 'ERR_LANDLOCK_UNAVAILABLE'
      : failure.step === 'seccomp'
        ? 'ERR_SECCOMP_UNAVAILABLE'
        : 'ERR_SETUP_FAILED';
  return new SandboxError(code, { what: `Cannot set up the sandbox (${failure.step})`, why });
}

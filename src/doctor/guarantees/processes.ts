/** Guarantees about the host's processes and about rights that a process could gain. */
import { callAttempt, packed, readAttempt, readCalls } from '../acts.ts';
import { type Attempt, type Guarantee, NO_EFFECT } from '../guarantee.ts';
import { call } from '../system-call.ts';
import type { Ground } from './ground.ts';

const PTRACE_SEIZE = 0x4206;

function unseen({ victim, scratch: { token } }: Ground): Guarantee {
  return {
    id: 'processes-unseen',
    group: 'processes',
    claim: "The host's processes cannot be seen",
    short: 'host unseen',
    attempts: [readAttempt('read the command line of a host process', `/proc/${victim.pid}/cmdline`, token)],
  };
}

function unsignalled({ victim: { pid } }: Ground): Guarantee {
  return {
    id: 'processes-unsignalled',
    group: 'processes',
    claim: "The host's processes cannot be signalled",
    short: 'no signals',
    attempts: [
      callAttempt('signal a host process', call('kill', pid, 0), { refused: ['ESRCH', 'EPERM'] }),
      callAttempt('open a host process', call('pidfd_open', pid, 0), {
        refused: ['ESRCH', 'EPERM', 'EINVAL'],
      }),
    ],
  };
}

/** Both need the host to let one process trace a sibling; a container's own filter may not. */
function untraced({ victim: { pid, address } }: Ground): Guarantee {
  const remote = packed([8, address], [8, 8]);
  return {
    id: 'processes-untraced',
    group: 'processes',
    claim: "The host's processes cannot be traced, nor their memory read",
    short: 'no tracing',
    attempts: [
      callAttempt('trace a host process', call('ptrace', PTRACE_SEIZE, pid, 0, 0), {
        refused: ['EPERM', 'ESRCH'],
        hostRefuses: ['EPERM'],
      }),
      callAttempt(
        "read a host process's memory",
        call('process_vm_readv', pid, { vector: 8 }, 1, remote, 1, 0),
        { refused: ['EPERM', 'ESRCH'], hostRefuses: ['EPERM', 'ENOSYS'] },
      ),
    ],
  };
}

/** Lines of proc_pid_status(5); every set of capabilities is written in hexadecimal. */
function holdsCapability(status: string): boolean {
  return [...status.matchAll(/^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s*([0-9a-f]+)$/gm)].some(
    ([, set]) => BigInt(`0x${set}`) !== 0n,
  );
}

function standing(): Attempt[] {
  return [
    {
      act: 'hold a capability, or the chance of one',
      calls: () => readCalls('/proc/self/status'),
      evidence: {
        kind: 'content',
        shows: (bytes) => holdsCapability(bytes.toString('latin1')),
        legible: (bytes) => /^CapEff:\s*0+$/m.test(bytes.toString('latin1')),
      },
    },
    {
      act: 'start without no_new_privs',
      calls: () => readCalls('/proc/self/status'),
      evidence: {
        kind: 'content',
        shows: (bytes) => /^NoNewPrivs:\s*0$/m.test(bytes.toString('latin1')),
        legible: (bytes) => /^NoNewPrivs:\s*1$/m.test(bytes.toString('latin1')),
      },
      // A container may have set it already.
      hostRefuses: [NO_EFFECT],
    },
  ];
}

/** Where /proc/self is closed, by what a capability would let one do. */
function useOfRights(uid: number): Attempt[] {
  if (uid !== 0) return [];
  const another = 1;
  return [
    callAttempt('act as another user', call('setresuid', another, another, another), {
      refused: ['EPERM', 'EINVAL'],
      // In a user namespace that has no other.
      hostRefuses: ['EINVAL'],
    }),
  ];
}

function unprivileged({ uid, weaker }: Ground): Guarantee {
  return {
    id: 'no-privileges',
    group: 'processes',
    claim: 'No right can be gained: no capability is left, and set-user-ID programs give none',
    short: 'no privileges',
    attempts: [
      ...(weaker === undefined ? standing() : useOfRights(uid)),
      // For root it is no gain.
      ...(uid === 0
        ? []
        : [
            callAttempt('become root', call('setresuid', 0, 0, 0), {
              refused: ['EPERM', 'EINVAL'],
              hostRefuses: ['EPERM', 'EINVAL'],
            }),
          ]),
    ],
  };
}

export function processGuarantees(ground: Ground): Guarantee[] {
  return [unseen(ground), unsignalled(ground), untraced(ground), unprivileged(ground)];
}

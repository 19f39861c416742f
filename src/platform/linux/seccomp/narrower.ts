/** What a narrower command may not call besides what no command may: data, with a reason for each. */
import type { Baseline, CheckedCall } from './baseline.ts';
import { compileBaseline, type SeccompFilter } from './compiler.ts';
import type { Arch } from './tables.ts';

const SYSTEM_V =
  'shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink';
const SOCKETS = 'socket connect bind listen accept accept4';

function all(names: string, why: string): Readonly<Record<string, string>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, why]));
}

/** `of`: the argument that names a process; 0 is the caller itself. */
function onlySelf(of: number, why: string, when: CheckedCall['rules'][number]['when'] = []): CheckedCall {
  return {
    why,
    rules: [{ when: [...when, { of, in: { self: '0' } }], action: 'allow' }],
    otherwise: 'EPERM',
  };
}

const PROCESS_OR_GROUP = { of: 0, in: { PRIO_PROCESS: '0', PRIO_PGRP: '1' } };
const IO_PROCESS_OR_GROUP = { of: 0, in: { IOPRIO_WHO_PROCESS: '1', IOPRIO_WHO_PGRP: '2' } };
const STARVES = 'Other commands of the session could be starved: the kernel asks only for the same user.';

/** For every narrower command: ways to the session's other commands that Landlock does not see. */
const APART: Baseline = {
  highestReviewed: 'file_setattr',
  groups: [
    {
      name: 'shared by the session',
      action: 'EACCES',
      why: 'The commands of a session share its IPC namespace, in which what one user made any process of that user may take.',
      calls: all(SYSTEM_V, 'by number, without any path'),
    },
  ],
  checked: {
    prlimit64: onlySelf(0, 'A limit on processor time that is set to nothing kills the process.'),
    setpriority: onlySelf(1, STARVES, [PROCESS_OR_GROUP]),
    ioprio_set: onlySelf(1, STARVES, [IO_PROCESS_OR_GROUP]),
    sched_setscheduler: onlySelf(0, STARVES),
    sched_setparam: onlySelf(0, STARVES),
    sched_setattr: onlySelf(0, STARVES),
    sched_setaffinity: onlySelf(0, STARVES),
  },
};

const NO_NETWORK: Baseline = {
  ...APART,
  groups: [
    ...APART.groups,
    {
      name: 'no network',
      action: 'EACCES',
      why: 'No socket, no connection: neither to the world nor to what other commands of the session serve.',
      calls: all(SOCKETS, 'also local sockets: their servers may have what this command must not'),
    },
  ],
  checked: {
    ...APART.checked,
    socketpair: {
      why: 'A pair of stream sockets is a pipe. One of datagram sockets can be sent from to any other local socket.',
      rules: [
        {
          when: [
            { of: 0, in: { AF_UNIX: '1' } },
            { of: 1, mask: '0xf', in: { SOCK_STREAM: '1', SOCK_SEQPACKET: '5' } },
          ],
          action: 'allow',
        },
      ],
      otherwise: 'EACCES',
    },
  },
};

export const NARROWER = { session: APART, none: NO_NETWORK } as const;

export function compileNarrower(arch: Arch, network: 'session' | 'none'): SeccompFilter {
  return compileBaseline(NARROWER[network], { arch, notify: 'nothing' });
}

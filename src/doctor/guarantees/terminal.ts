/** The guarantee about the terminal: nobody inside types for the person. Attempted on a terminal that the probe makes. */
import { AT_FDCWD, callAttempt, O_NOCTTY, O_RDWR, packed, text } from '../acts.ts';
import type { Attempt, Guarantee } from '../guarantee.ts';
import { call } from '../system-call.ts';
import type { Ground } from './ground.ts';

/** asm-generic/ioctls.h. */
const TIOCSCTTY = 0x540e;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const TIOCGPTPEER = 0x5441;
const TIOCSPTLCK = 0x40045431;

/** TIOCSTI wants the caller's own controlling terminal, so the probe leads a session on a new one. */
function typeInto(): Attempt {
  const terminal = { resultOf: 3 };
  return {
    act: 'type into the controlling terminal (TIOCSTI)',
    calls: () => [
      call('setsid'),
      call('openat', AT_FDCWD, text('/dev/ptmx'), O_RDWR | O_NOCTTY),
      call('ioctl', { resultOf: 1 }, TIOCSPTLCK, packed([4, 0])),
      call('ioctl', { resultOf: 1 }, TIOCGPTPEER, O_RDWR | O_NOCTTY),
      call('ioctl', terminal, TIOCSCTTY, 0),
      call('ioctl', terminal, TIOCSTI, text('x')),
    ],
    evidence: { kind: 'answer', refused: ['EPERM'] },
    // Linux 6.2 can refuse it to everybody: sysctl dev.tty.legacy_tiocsti=0.
    hostRefuses: ['EIO'],
  };
}

/** On no terminal, since without namespaces none can be made: a kernel that gets to see the call answers EBADF. */
function typeAnywhere(): Attempt {
  return callAttempt('type into a terminal (TIOCSTI)', call('ioctl', -1, TIOCSTI, text('x')), {
    refused: ['EPERM'],
    reached: ['EBADF'],
  });
}

export function terminalGuarantees({ weaker }: Pick<Ground, 'weaker'>): Guarantee[] {
  return [
    {
      id: 'terminal',
      group: 'terminal',
      claim: "Characters cannot be pushed into the person's terminal",
      short: 'nothing typed for you',
      attempts: [
        weaker === undefined ? typeInto() : typeAnywhere(),
        // On no terminal: a kernel that gets to see the call answers EBADF.
        callAttempt('paste into the console (TIOCLINUX)', call('ioctl', -1, TIOCLINUX, packed([4, 3])), {
          refused: ['EPERM'],
          reached: ['EBADF'],
        }),
      ],
    },
  ];
}

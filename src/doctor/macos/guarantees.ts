/** What doctor proves on a Mac: the claims of the other systems where they apply, and those that only a Mac can break. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Guarantee, NO_EFFECT } from '../guarantee.ts';
import { environmentGuarantees } from '../guarantees/environment.ts';
import { fileGuarantees } from '../guarantees/files.ts';
import type { Ground } from '../guarantees/ground.ts';
import type { Stage } from '../stage.ts';
import { answerStep, FILE_STEPS, runStep, type Step, variableStep, visitStep } from './steps.ts';
import type { MacVictim } from './victim.ts';

export type MacGround = Pick<Ground, 'policy'> & Stage<MacVictim>;

const SOCKET_REFUSALS = ['ENOENT', 'ECONNREFUSED', 'EACCES', 'EPERM'];

function network({ policy, stream, datagram, dangerous }: MacGround): Guarantee<Step> {
  if (policy.network.access.value === 'local') {
    return {
      id: 'dangerous-ports',
      group: 'network',
      claim: 'Ports of the host on which services run code for whoever asks cannot be reached',
      short: 'debuggers closed',
      attempts:
        dangerous === undefined
          ? []
          : [
              visitStep(
                `connect to port ${dangerous.port} of the host`,
                { does: 'connect', port: dangerous.port },
                dangerous.name,
              ),
            ],
    };
  }
  return {
    id: 'loopback',
    group: 'network',
    claim: "Services on the host's loopback cannot be reached",
    short: "host's loopback closed",
    attempts: [
      visitStep(
        "connect to a service on the host's loopback",
        { does: 'connect', port: stream.port },
        stream.name,
      ),
      visitStep(
        "send a datagram to the host's loopback",
        { does: 'send', port: datagram.port },
        datagram.name,
      ),
    ],
  };
}

function hostSockets({ victim }: MacGround): Guarantee<Step> {
  return {
    id: 'host-sockets',
    group: 'network',
    claim: "Unix sockets of the host's programs cannot be reached",
    short: "host's sockets closed",
    attempts: [
      answerStep('connect to a socket file in /tmp', { does: 'call', path: victim.socket }, SOCKET_REFUSALS),
    ],
  };
}

function processes({ victim, scratch: { token } }: MacGround): Guarantee<Step>[] {
  return [
    {
      id: 'processes-unseen',
      group: 'processes',
      claim: "The host's processes cannot be seen",
      short: 'host unseen',
      attempts: [
        runStep('find a host process by its command line', ['/usr/bin/pgrep', '-f', token], (text) =>
          text.split('\n').includes(String(victim.pid)),
        ),
        runStep(
          'read the command line of a host process',
          ['/bin/ps', '-p', String(victim.pid), '-o', 'command='],
          (text) => text.includes(token),
        ),
      ],
    },
    {
      id: 'processes-unsignalled',
      group: 'processes',
      claim: "The host's processes cannot be signalled",
      short: 'no signals',
      attempts: [
        answerStep('signal a host process', { does: 'signal', pid: victim.pid }, ['ESRCH', 'EPERM']),
      ],
    },
  ];
}

/** Those that hold on every system, in steps that every system has. */
export function portableGuarantees(ground: MacGround): Guarantee<Step>[] {
  return [
    ...fileGuarantees(ground, FILE_STEPS),
    network(ground),
    hostSockets(ground),
    ...processes(ground),
    ...environmentGuarantees(variableStep),
  ];
}

/** connect(2) of a datagram socket looks for a route and sends nothing. 192.0.2.1 is nobody's (RFC 5737). */
function noWayOut(): Guarantee<Step> {
  const none = ['ENETUNREACH', 'EHOSTUNREACH'];
  return {
    id: 'no-way-out',
    group: 'network',
    claim: "No packet leaves by the host's network",
    short: 'no way out',
    attempts: [
      {
        ...answerStep('find a route to 192.0.2.1', { does: 'route', address: '192.0.2.1' }, [
          'EPERM',
          'EACCES',
          ...none,
        ]),
        hostRefuses: none,
      },
    ],
  };
}

/** The one door to names: no question is put to it, so none leaves the host. */
function resolution(): Guarantee<Step> {
  return {
    id: 'resolution',
    group: 'network',
    claim: 'Names that the policy does not allow cannot be resolved',
    short: 'no names resolved',
    attempts: [
      answerStep(
        'connect to the resolver of the system',
        { does: 'call', path: '/var/run/mDNSResponder' },
        SOCKET_REFUSALS,
      ),
    ],
  };
}

function unprivileged(): Guarantee<Step> {
  return {
    id: 'no-privileges',
    group: 'processes',
    claim: 'No right can be gained: set-user-ID programs cannot be started',
    short: 'no privileges',
    attempts: [
      runStep('start a set-user-ID program', ['/usr/bin/sudo', '-V'], (text) =>
        text.includes('Sudo version'),
      ),
    ],
  };
}

/** Each only tells, where it is let through: of the programs that run, and of the name of this Mac. */
function hostServices(): Guarantee<Step> {
  return {
    id: 'host-services',
    group: 'processes',
    claim: 'Services of the host that act for whoever asks cannot be asked',
    short: 'no services',
    attempts: [
      runStep('ask LaunchServices, which starts programs', ['/usr/bin/lsappinfo', 'list'], (text) =>
        text.includes('ASN:'),
      ),
      runStep(
        'ask the service of the system configuration',
        ['/usr/sbin/scutil', '--get', 'LocalHostName'],
        (text) => text.trim() !== '',
      ),
    ],
  };
}

function boundary({ scratch: { outside, token } }: MacGround): Guarantee<Step> {
  return {
    id: 'boundary-calls',
    group: 'kernel',
    claim: 'The boundary cannot be replaced by a wider one',
    short: 'no other profile',
    attempts: [
      runStep(
        'read a file outside under a profile that allows everything',
        ['/usr/bin/sandbox-exec', '-p', '(version 1)(allow default)', '/bin/cat', join(outside, 'canary')],
        (text) => text.includes(token),
      ),
    ],
  };
}

/** Only told, as each is a file of a device: opened and closed again. */
function devices(): Guarantee<Step> {
  const host = ['ENOENT', 'EACCES', 'EPERM', 'EBUSY'];
  return {
    id: 'kernel-files',
    group: 'kernel',
    claim: 'The kernel can be neither read nor steered through devices',
    short: 'devices closed',
    attempts: ['/dev/disk0', '/dev/bpf0', '/dev/fsevents']
      .filter((path) => existsSync(path))
      .map((path) => ({
        ...answerStep(`open ${path}`, { does: 'open', path }, ['ENOENT', 'EACCES', 'EPERM']),
        hostRefuses: host,
      })),
  };
}

/** TIOCSTI of sys/ttycom.h, into a terminal that script(1) makes for it. */
const TYPE =
  'open(my $t, "+<", "/dev/tty") or exit 1; my $c = "x"; print ioctl($t, 0x80017472, $c) ? "typed" : "refused";';

function terminal(): Guarantee<Step> {
  return {
    id: 'terminal',
    group: 'terminal',
    claim: "Characters cannot be pushed into the person's terminal",
    short: 'nothing typed for you',
    attempts: [
      {
        ...runStep(
          'type into the controlling terminal (TIOCSTI)',
          ['/usr/bin/script', '-q', '/dev/null', '/usr/bin/perl', '-e', TYPE],
          (text) => text.includes('typed'),
          (text) => /typed|refused/.test(text),
        ),
        // macOS 26 refuses it to everybody.
        hostRefuses: [NO_EFFECT],
      },
    ],
  };
}

/** Those that are about a Mac. That what is left behind ends with the command is no claim there: it goes on, inside. */
export function macGuarantees(ground: MacGround): Guarantee<Step>[] {
  return [noWayOut(), resolution(), unprivileged(), hostServices(), boundary(ground), devices(), terminal()];
}

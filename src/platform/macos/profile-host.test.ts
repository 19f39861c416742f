/** Attacks by way of what runs on the host evaluated against profiles: services, processes, terminals; each with its control. */
import { describe, expect, test } from 'vitest';
import { HOME, macPolicy, PROJECT } from '../../../test/fixtures/mac.ts';
import type { Question } from '../../../test/fixtures/sbpl.ts';
import type { MacService } from '../../policy/types.ts';
import {
  type Attack,
  libinfo,
  lookup,
  make,
  ownFile,
  PERMISSIVE,
  profileOf,
  read,
  refuses,
  write,
} from './attacks.fixture.ts';

const ATTACKS: readonly Attack[] = [
  {
    id: 'Q-01',
    does: 'LaunchServices starts an application',
    attack: lookup('com.apple.coreservices.launchservicesd'),
    control: libinfo,
  },
  {
    id: 'Q-01',
    does: 'open request to LaunchServices',
    attack: { operation: 'lsopen' },
    control: { operation: 'process-fork' },
  },
  {
    id: 'Q-02',
    does: 'Apple event to the Finder',
    attack: { operation: 'appleevent-send' },
    control: { operation: 'process-fork' },
  },
  ...['com.apple.lsd.mapdb', 'com.apple.lsd.open', 'com.apple.coreservices.quarantine-resolver'].map(
    (name): Attack => ({
      id: 'Q-01',
      does: `${name}, by which open(1) finds and starts programs`,
      attack: lookup(name),
      control: libinfo,
    }),
  ),
  ...['com.apple.xpc.loginitemregisterd', 'com.apple.backgroundtaskmanagement', 'com.apple.smd'].map(
    (name): Attack => ({
      id: 'Q-03',
      does: `${name}, which registers what the host starts at login`,
      attack: lookup(name),
      control: libinfo,
    }),
  ),
  {
    id: 'Q-03',
    does: 'a service of its own that others look up',
    attack: { operation: 'mach-register', name: 'com.apple.anything' },
    control: libinfo,
  },
  {
    id: 'Q-02',
    does: 'service of Apple events',
    attack: lookup('com.apple.coreservices.appleevents'),
    control: libinfo,
  },
  {
    id: 'Q-03',
    does: 'job for launchd',
    attack: { operation: 'job-creation' },
    control: { operation: 'process-fork' },
  },
  {
    id: 'Q-03',
    does: 'agent for the next login',
    attack: make(`${HOME}/Library/LaunchAgents/x.plist`),
    control: make(`${HOME}/notes/x`),
    in: PERMISSIVE,
  },
  { id: 'Q-03', does: 'crontab', attack: write('/private/var/at/tabs/ada'), control: write(`${PROJECT}/a`) },
  {
    id: 'Q-11',
    does: 'keychain by its service',
    attack: lookup('com.apple.SecurityServer'),
    control: libinfo,
  },
  {
    id: 'Q-11',
    does: 'keychain by its file',
    attack: read(`${HOME}/Library/Keychains/login.keychain-db`),
    control: ownFile,
  },
  { id: 'Q-12', does: 'pasteboard', attack: lookup('com.apple.pasteboard.1'), control: libinfo },
  { id: 'Q-12', does: 'screen', attack: lookup('com.apple.windowserver.active'), control: libinfo },
  {
    id: 'Q-12',
    does: 'settings through cfprefsd',
    attack: lookup('com.apple.cfprefsd.agent'),
    control: libinfo,
  },
  {
    id: 'Q-16',
    does: "another terminal of the person's",
    attack: { operation: 'file-ioctl', path: '/dev/ttys001', vnodeType: 'CHARACTER-DEVICE' },
    control: { operation: 'file-ioctl', path: '/dev/ttys003', vnodeType: 'CHARACTER-DEVICE' },
    more: { terminal: '/dev/ttys003' },
  },
  { id: 'Q-17', does: 'Spotlight', attack: lookup('com.apple.metadata.mds'), control: libinfo },
  {
    id: 'Q-18',
    does: 'signal to a process of the host',
    attack: { operation: 'signal', target: 'others' },
    control: { operation: 'signal', target: 'same-sandbox' },
  },
  {
    id: 'Q-18',
    does: 'look at a process of the host',
    attack: { operation: 'process-info-pidinfo', target: 'others' },
    control: { operation: 'process-info-pidinfo', target: 'self' },
  },
  {
    id: 'Q-18',
    does: 'arguments of processes',
    attack: { operation: 'sysctl-read', name: 'kern.procargs2' },
    control: { operation: 'sysctl-read', name: 'hw.ncpu' },
  },
  ...(['process-info-pidinfo', 'process-info-listpids', 'process-info-codesignature'] as const).map(
    (operation): Attack => ({
      id: 'Q-18',
      does: `${operation} of a process of the host: its arguments and environment`,
      attack: { operation, target: 'others' },
      control: { operation, target: 'same-sandbox' },
    }),
  ),
  {
    id: 'Q-18',
    does: 'the port of a task of the host: its memory and its threads',
    attack: { operation: 'mach-priv-task-port', target: 'others' },
    control: { operation: 'process-fork' },
  },
  ...(
    ['iokit-open', 'iokit-open-user-client', 'iokit-get-properties', 'nvram-get', 'nvram-set'] as const
  ).map(
    (operation): Attack => ({
      id: 'Q-18',
      does: `${operation}: devices, and what tells this Mac from others`,
      attack: { operation },
      control: { operation: 'sysctl-read', name: 'hw.model' },
    }),
  ),
  ...(
    [
      'sysctl-write',
      'system-acct',
      'system-kext-load',
      'system-privilege',
      'system-reboot',
      'mach-priv-host-port',
    ] as const
  ).map(
    (operation): Attack => ({
      id: 'Q-18',
      does: `${operation}: settings of the kernel`,
      attack: { operation, name: 'kern.hostname' },
      control: { operation: 'sysctl-read', name: 'kern.hostname' },
    }),
  ),
  {
    id: 'Q-18',
    does: 'reports of the file system about the work of others (fs_usage, FSEvents)',
    attack: read('/dev/fsevents'),
    control: read('/dev/null'),
  },
  { id: 'Q-21', does: 'trustd', attack: lookup('com.apple.trustd.agent'), control: libinfo },
  { id: 'Q-21', does: 'networkd', attack: lookup('com.apple.networkd'), control: libinfo },
  { id: 'Q-21', does: 'nsurlsessiond', attack: lookup('com.apple.nsurlsessiond'), control: libinfo },
  {
    id: 'Q-23',
    does: 'disk image',
    attack: lookup('com.apple.DiskArbitration.diskarbitrationd'),
    control: libinfo,
  },
  {
    id: 'Q-23',
    does: 'mount',
    attack: { operation: 'file-mount', path: `${PROJECT}/mnt` },
    control: make(`${PROJECT}/mnt`),
  },
];

describe('attacks of class Q on what runs on the host', () => refuses(ATTACKS));

describe('services of the host', () => {
  const OPENED: readonly (readonly [MacService, Question])[] = [
    ['tls', lookup('com.apple.trustd.agent')],
    ['keychain', lookup('com.apple.SecurityServer')],
    ['chromium', { operation: 'mach-register', name: 'org.chromium.Chromium.MachPortRendezvousServer.1' }],
    ['preferences', lookup('com.apple.cfprefsd.daemon')],
  ];

  test.each(OPENED)('%s opens what it says and no other group does', (name, question) => {
    for (const [other] of OPENED) {
      const profile = profileOf(macPolicy('standard'), { services: [other] });
      expect(profile.allows(question)).toBe(other === name);
    }
  });
});

describe('a terminal', () => {
  test('made inside is usable, and by its name alone it is not', () => {
    const profile = profileOf(macPolicy('standard'));
    const pty: Question = { operation: 'file-ioctl', path: '/dev/ttys009', vnodeType: 'CHARACTER-DEVICE' };
    expect(profile.allows({ ...pty, extensions: ['com.apple.sandbox.pty'] })).toBe(true);
    expect(profile.allows(pty)).toBe(false);
    expect(profile.allows({ operation: 'pseudo-tty' })).toBe(true);
  });
});

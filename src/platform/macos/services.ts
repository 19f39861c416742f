/** Mach services: doors to programs of the host. A few that only answer are open; some more can be asked for by name. */
import type { MacService } from '../../policy/types.ts';
import { allow, named, type Rule } from './sbpl.ts';

const service = (name: string) => named('global-name', name);

/**
 * Users and groups (getpwuid(3)), the system's log, change notifications of libc, and the person's own temporary directory.
 * None of them starts a program, opens a file or sends a packet for whoever asks.
 */
const ALWAYS: readonly string[] = [
  'com.apple.bsd.dirhelper',
  'com.apple.logd',
  'com.apple.system.DirectoryService.libinfo_v1',
  'com.apple.system.logger',
  'com.apple.system.notification_center',
  'com.apple.system.opendirectoryd.libinfo',
  'com.apple.system.opendirectoryd.membership',
];

export interface ServiceGrant {
  /** What asks for it, for people. */
  readonly needs: string;
  /** What it opens, for people. */
  readonly opens: string;
  readonly rules: readonly Rule[];
}

export const SERVICE_GRANTS: Readonly<Record<MacService, ServiceGrant>> = {
  tls: {
    needs:
      'programs that let the system check certificates: Go (gh, terraform, kubectl), Swift, curl of the system',
    opens: 'trustd fetches revocation lists and certificates by address, also when the network is none',
    rules: [allow(['mach-lookup'], ['com.apple.trustd', 'com.apple.trustd.agent'].map(service))],
  },
  keychain: {
    needs: 'programs that keep their login in the keychain',
    opens: 'whatever the keychain gives this person without asking, also what other programs stored',
    rules: [
      allow(
        ['mach-lookup'],
        ['com.apple.SecurityServer', 'com.apple.security.agent', 'com.apple.securityd.xpc'].map(service),
      ),
    ],
  },
  chromium: {
    needs: 'headless Chromium, which meets its own processes through a service (start it with --no-sandbox)',
    opens:
      'services whose name begins with org.chromium or com.google.Chrome, also those of a running browser',
    rules: ['mach-register', 'mach-lookup'].map((operation) =>
      allow(
        [operation],
        ['org.chromium.', 'com.google.Chrome.'].map((name) => named('global-name-prefix', name)),
      ),
    ),
  },
  preferences: {
    needs: 'programs that read settings through the system (AppKit, defaults)',
    opens: 'settings of every program of this person, for reading and, through cfprefsd, for writing',
    rules: [
      allow(['user-preference-read']),
      allow(
        ['mach-lookup'],
        [
          ...['com.apple.cfprefsd.agent', 'com.apple.cfprefsd.daemon'].map(service),
          named('local-name', 'com.apple.cfprefsd.agent'),
        ],
      ),
      allow(['ipc-posix-shm-read*'], [named('ipc-posix-name-prefix', 'apple.cfprefs.')]),
    ],
  },
};

export function serviceRules(granted: readonly MacService[]): Rule[] {
  const wanted = new Set(granted);
  const grants = (Object.keys(SERVICE_GRANTS) as MacService[]).filter((name) => wanted.has(name));
  return [
    allow(['mach-lookup'], ALWAYS.map(service)),
    ...grants.flatMap((name) => SERVICE_GRANTS[name].rules),
  ];
}

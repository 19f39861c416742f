/** Claims about whole profiles: goldens, and the attacks of macOS evaluated against them, each with its control. */
import { describe, expect, test } from 'vitest';
import {
  allowed,
  denied,
  HOME,
  MAC_FACTS,
  macPolicy,
  PRIVATE_HOME,
  PROJECT,
  profileText,
  TEMP_DIR,
} from '../../../test/fixtures/mac.ts';
import { Profile, type Question } from '../../../test/fixtures/sbpl.ts';
import { Decider } from '../../policy/decide.ts';
import type { MacService, Mode, Policy } from '../../policy/types.ts';
import type { ProfileInput } from './profile.ts';

const MODES: readonly Mode[] = ['strict', 'standard', 'permissive'];

function profileOf(policy: Policy, more: Partial<ProfileInput> = {}): Profile {
  return new Profile(profileText(policy, more));
}

describe.each(MODES)('the profile of %s', (mode) => {
  test('is as it was looked at', async () => {
    const text = profileText(macPolicy(mode), { tag: 'pinfold-0123456789abc', terminal: '/dev/ttys003' });
    await expect(text).toMatchFileSnapshot(`golden/${mode}.sb`);
  });

  test('names a tag in every denial, the default one too', () => {
    const profile = profileOf(macPolicy(mode), { tag: 'pinfold-x' });
    const denials = profile.rules.filter(({ action }) => action === 'deny');
    expect(denials.length).toBeGreaterThan(3);
    expect(denials.map(({ message }) => message)).toEqual(denials.map(() => 'pinfold-x'));
  });

  test('decides about known places as the policy does', () => {
    const policy = macPolicy(mode);
    const decider = new Decider(policy);
    const profile = profileOf(policy);
    const places = policy.rules
      .filter(({ glob }) => !glob)
      .flatMap(({ pattern }) => [pattern, `${pattern}/in`]);
    const more = [
      '.git/hooks/x',
      '.git/index',
      'sub/.git/config',
      '.vscode/a',
      'node_modules/m/.vscode/a',
      'src/a.ts',
    ];
    for (const path of [...places, ...more.map((name) => `${PROJECT}/${name}`)]) {
      const says = (want: 'read' | 'write') => decider.decide(path, want, { directory: false }).allowed;
      expect([path, profile.allows({ operation: 'file-read-data', path })]).toEqual([path, says('read')]);
      expect([path, profile.allows({ operation: 'file-write-data', path })]).toEqual([path, says('write')]);
    }
  });

  test('stays below a length that a command line can carry, with long names too', () => {
    const deep = `/Users/ada/${'long-name/'.repeat(20)}app`;
    const facts = { ...MAC_FACTS, projectDir: deep };
    expect(profileText(macPolicy(mode, {}, facts)).length).toBeLessThan(256 * 1024);
  });
});

/** An attack, and an act of the same kind that must succeed. */
interface Row {
  readonly id: string;
  readonly does: string;
  readonly attack: Question;
  readonly control: Question;
  /** Modes in which the attack is refused. */
  readonly in?: readonly Mode[];
  readonly policy?: (mode: Mode) => Policy;
  readonly more?: Partial<ProfileInput>;
}

const read = (path: string): Question => ({ operation: 'file-read-data', path });
const write = (path: string): Question => ({ operation: 'file-write-data', path });
const make = (path: string): Question => ({ operation: 'file-write-create', path });
const unlink = (path: string, vnodeType: Question['vnodeType'] = 'DIRECTORY'): Question => ({
  operation: 'file-write-unlink',
  path,
  vnodeType,
});
const run = (path: string): Question => ({ operation: 'process-exec', path });
const lookup = (name: string): Question => ({ operation: 'mach-lookup', name });
const connect = (remote: string): Question => ({ operation: 'network-outbound', remote });
const socket = (path: string): Question => ({ operation: 'network-outbound', socket: path });
const libinfo = lookup('com.apple.system.opendirectoryd.libinfo');
const ownFile = read(`${PROJECT}/src/a.ts`);
const PERMISSIVE: readonly Mode[] = ['permissive'];

const ROWS: readonly Row[] = [
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
    (name): Row => ({
      id: 'Q-01',
      does: `${name}, by which open(1) finds and starts programs`,
      attack: lookup(name),
      control: libinfo,
    }),
  ),
  ...['com.apple.xpc.loginitemregisterd', 'com.apple.backgroundtaskmanagement', 'com.apple.smd'].map(
    (name): Row => ({
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
    id: 'Q-05',
    does: '/tmp by its physical name',
    attack: read('/private/tmp/x'),
    control: read(`${TEMP_DIR}/x`),
  },
  {
    id: 'Q-05',
    does: 'a denial written as /tmp',
    attack: read('/private/tmp/open/secret/x'),
    control: read('/private/tmp/open/x'),
    policy: (mode) =>
      macPolicy(mode, { ...allowed({ path: '/tmp/open', mode: 'write' }), ...denied('/tmp/open/secret') }),
  },
  {
    id: 'Q-05',
    does: 'a denial written as /var',
    attack: read('/private/var/open/secret/x'),
    control: read('/private/var/open/x'),
    policy: (mode) =>
      macPolicy(mode, {
        ...allowed({ path: '/private/var/open', mode: 'read' }),
        ...denied('/var/open/**/secret'),
      }),
  },
  {
    id: 'Q-06',
    does: 'firmlink alias of a home',
    attack: read(`/System/Volumes/Data${HOME}/.ssh/id`),
    control: read('/System/Library/Frameworks/x'),
  },
  {
    id: 'Q-06',
    does: 'writing through the firmlink alias of a host-run file',
    attack: write(`/System/Volumes/Data${HOME}/.zshrc`),
    control: write(`${PROJECT}/a`),
  },
  {
    id: 'Q-06',
    does: 'a denial written by the alias',
    attack: read(`${PROJECT}/secret/x`),
    control: read(`${PROJECT}/x`),
    policy: (mode) => macPolicy(mode, denied(`/System/Volumes/Data${PROJECT}/secret`)),
  },
  { id: 'Q-07', does: 'path by volume and inode', attack: read('/.vol/16777234/1234'), control: ownFile },
  {
    id: 'Q-07',
    does: 'path that follows no links',
    attack: read(`/.nofollow${HOME}/.ssh/id`),
    control: ownFile,
  },
  { id: 'Q-07', does: 'path that resolves', attack: read(`/.resolve/1${HOME}/.ssh/id`), control: ownFile },
  {
    id: 'Q-08',
    does: 'credentials in other case',
    attack: read(`${HOME}/.SSH/ID_CANARY`),
    control: read(`${HOME}/notes/a`),
    in: PERMISSIVE,
  },
  {
    id: 'Q-08',
    does: 'host-run name with long s',
    attack: make(`${PROJECT}/.v\u017fcode/tasks.json`),
    control: make(`${PROJECT}/code/tasks.json`),
  },
  {
    id: 'Q-08',
    does: 'host-run name in other case',
    attack: make(`${PROJECT}/.GIT/Hooks/pre-commit`),
    control: make(`${PROJECT}/.git/index.lock`),
  },
  {
    id: 'Q-08',
    does: 'host-run name with a character that nobody sees, on HFS Plus',
    attack: make(`${PROJECT}/.g\u200cit/hooks/pre-commit`),
    control: make(`${PROJECT}/gi\u200ct/a`),
    more: { spelling: 'hfs' },
  },
  {
    id: 'Q-09',
    does: 'moving credentials',
    attack: unlink(`${HOME}/.ssh`),
    control: unlink(`${HOME}/notes`),
    in: PERMISSIVE,
  },
  {
    id: 'Q-09',
    does: 'moving a directory above credentials',
    attack: unlink(`${HOME}/.config`),
    control: unlink(`${HOME}/notes`),
    in: PERMISSIVE,
  },
  {
    id: 'Q-09',
    does: 'moving the home',
    attack: unlink(HOME),
    control: unlink(`${HOME}/notes`),
    in: PERMISSIVE,
  },
  { id: 'Q-09', does: 'moving the project', attack: unlink(PROJECT), control: unlink(`${PROJECT}/src`) },
  {
    id: 'Q-09',
    does: 'moving a directory above a repository',
    attack: unlink(`${PROJECT}/sub`),
    control: unlink(`${PROJECT}/other`),
    more: { matches: [{ path: `${PROJECT}/sub/.git/hooks` }] },
  },
  {
    id: 'Q-09',
    does: 'moving a prepared repository into place',
    attack: { ...make(`${PROJECT}/.git`), vnodeType: 'DIRECTORY' },
    control: { ...make(`${PROJECT}/lib`), vnodeType: 'DIRECTORY' },
  },
  {
    id: 'Q-09',
    does: 'a second name for a closed file',
    attack: { operation: 'file-link', path: `${PROJECT}/a` },
    control: make(`${PROJECT}/a`),
  },
  {
    id: 'Q-09',
    does: 'a clone of a closed file',
    attack: { operation: 'file-clone', path: `${HOME}/.ssh/id` },
    control: ownFile,
  },
  {
    id: 'Q-09',
    does: 'unlinking a protected file, to make it anew',
    attack: unlink(`${PROJECT}/.git/hooks/pre-commit`, 'REGULAR-FILE'),
    control: unlink(`${PROJECT}/src/a.ts`, 'REGULAR-FILE'),
  },
  {
    id: 'Q-09',
    does: 'swapping a directory with one that holds protected names',
    attack: unlink(`${PROJECT}/.git`),
    control: unlink(`${PROJECT}/src`),
    more: { matches: [{ path: `${PROJECT}/.git/hooks` }] },
  },
  {
    id: 'Q-10',
    does: 'docker socket',
    attack: socket('/private/var/run/docker.sock'),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-10',
    does: 'docker socket of the home',
    attack: socket(`${HOME}/.docker/run/docker.sock`),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-10',
    does: 'ssh-agent',
    attack: socket('/private/tmp/com.apple.launchd.abc/Listeners'),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-10',
    does: 'socket of a host program in the project',
    attack: socket(`${PROJECT}/server.sock`),
    control: socket(`${TEMP_DIR}/s`),
  },
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
    id: 'Q-13',
    does: 'name resolution by socket',
    attack: socket('/private/var/run/mDNSResponder'),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-13',
    does: 'name resolution by service',
    attack: lookup('com.apple.dnssd.service'),
    control: libinfo,
  },
  {
    id: 'Q-14',
    does: 'loopback of the host',
    attack: connect('localhost:5432'),
    control: socket(`${TEMP_DIR}/s`),
    in: ['strict', 'permissive'],
  },
  {
    id: 'Q-14',
    does: 'a loopback port that runs code',
    attack: connect('localhost:2375'),
    control: connect('localhost:5432'),
    in: ['standard'],
    more: { network: { loopback: true, refusedPorts: [2375] } },
  },
  {
    id: 'Q-15',
    does: 'a host past the gate',
    attack: connect('203.0.113.7:443'),
    control: connect('localhost:8899'),
    more: { network: { loopback: false, proxyPorts: [8899] } },
  },
  {
    id: 'Q-15',
    does: 'another port than the gate',
    attack: connect('localhost:8898'),
    control: connect('localhost:8899'),
    more: { network: { loopback: false, proxyPorts: [8899] } },
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
    (operation): Row => ({
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
    (operation): Row => ({
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
    (operation): Row => ({
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
  {
    id: 'Q-19',
    does: 'directory name that is a rule',
    attack: read('/private/etc/master.passwd'),
    control: read(`${HOME}/x"))(allow file-read*)/a`),
    policy: (mode) => macPolicy(mode, {}, { ...MAC_FACTS, projectDir: `${HOME}/x"))(allow file-read*)` }),
  },
  {
    id: 'Q-20',
    does: 'set-id bit',
    attack: { operation: 'file-write-setugid', path: `${PROJECT}/a` },
    control: { operation: 'file-write-mode', path: `${PROJECT}/a` },
  },
  {
    id: 'Q-20',
    does: 'program that is not shown',
    attack: run(`${HOME}/Downloads/x`),
    control: run('/usr/bin/true'),
    in: ['strict', 'standard'],
  },
  { id: 'Q-21', does: 'trustd', attack: lookup('com.apple.trustd.agent'), control: libinfo },
  { id: 'Q-21', does: 'networkd', attack: lookup('com.apple.networkd'), control: libinfo },
  { id: 'Q-21', does: 'nsurlsessiond', attack: lookup('com.apple.nsurlsessiond'), control: libinfo },
  {
    id: 'Q-22',
    does: 'attribute outside',
    attack: { operation: 'file-write-xattr', path: '/Users/Shared/f' },
    control: { operation: 'file-write-xattr', path: `${PROJECT}/f` },
  },
  {
    id: 'Q-22',
    does: 'taking the mark of a download off a file outside',
    attack: { operation: 'file-write-xattr', path: `${HOME}/Downloads/App.dmg` },
    control: { operation: 'file-write-xattr', path: `${PROJECT}/f` },
    in: ['strict', 'standard'],
  },
  {
    id: 'Q-22',
    does: 'mapping code from what is hidden',
    attack: { operation: 'file-map-executable', path: `${HOME}/.ssh/x.dylib` },
    control: { operation: 'file-map-executable', path: '/usr/lib/libSystem.B.dylib' },
  },
  {
    id: 'Q-22',
    does: 'flags of a protected file',
    attack: { operation: 'file-write-flags', path: `${PROJECT}/.git/config` },
    control: { operation: 'file-write-flags', path: `${PROJECT}/f` },
  },
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
  {
    id: 'Q-24',
    does: 'denied name in an allowed directory',
    attack: read(`${PROJECT}/a/.env`),
    control: read(`${PROJECT}/a/env`),
    policy: (mode) => macPolicy(mode, { ...denied('**/.env'), ...allowed({ path: PROJECT, mode: 'write' }) }),
  },
  {
    id: 'Q-24',
    does: 'renaming the denied name',
    attack: unlink(`${PROJECT}/a/.env`, 'REGULAR-FILE'),
    control: unlink(`${PROJECT}/a/env`, 'REGULAR-FILE'),
    policy: (mode) => macPolicy(mode, denied('**/.env')),
  },
  {
    id: 'Q-24',
    does: 'renaming the directory of the denied name',
    attack: unlink(`${PROJECT}/a`),
    control: unlink(`${PROJECT}/b`),
    policy: (mode) => macPolicy(mode, denied('**/.env')),
    more: { matches: [{ path: `${PROJECT}/a/.env` }] },
  },
];

describe('class Q of the attacks', () => {
  const plain = Object.fromEntries(MODES.map((mode) => [mode, profileOf(macPolicy(mode))])) as Record<
    Mode,
    Profile
  >;
  const cases = ROWS.flatMap((row) => (row.in ?? MODES).map((mode) => ({ ...row, mode })));

  test.each(cases)(
    '$id $does is refused in $mode, and its control is not',
    ({ mode, attack, control, policy, more }) => {
      const profile = policy || more ? profileOf((policy ?? macPolicy)(mode), more) : plain[mode];
      expect(profile.allows(control)).toBe(true);
      expect(profile.allows(attack)).toBe(false);
    },
  );
});

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

describe('the network', () => {
  const inside = (loopback: boolean, proxyPorts: readonly number[] = []) =>
    profileOf(macPolicy('standard'), { network: { loopback, proxyPorts } });

  test('none is none: no address, not even to listen on', () => {
    const none = inside(false);
    expect(none.allows(connect('localhost:80'))).toBe(false);
    expect(none.allows({ operation: 'network-bind', local: 'localhost:0' })).toBe(false);
    expect(inside(true).allows({ operation: 'network-bind', local: 'localhost:0' })).toBe(true);
  });

  test('loopback is only that', () => {
    expect(inside(true).allows(connect('localhost:80'))).toBe(true);
    expect(inside(true).allows(connect('192.0.2.1:80'))).toBe(false);
    expect(inside(true).allows({ operation: 'network-bind', local: '*:80' })).toBe(false);
  });
});

describe('sockets', () => {
  test("of a person's path may be reached, and nothing beside it", () => {
    const path = '/private/var/run/docker.sock';
    const policy = macPolicy('standard', allowed({ path: '/var/run/docker.sock', mode: 'write' }));
    expect(profileOf(policy).allows(socket(path))).toBe(true);
    expect(profileOf(policy).allows(socket(`${path}2`))).toBe(false);
    expect(profileOf(policy).allows({ operation: 'network-bind', socket: `${PRIVATE_HOME}/s` })).toBe(true);
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

test('no profile holds a rule without an explanation above it', () => {
  for (const mode of MODES) {
    const text = profileText(macPolicy(mode));
    expect(
      text
        .split('\n\n')
        .slice(1)
        .every((part) => part.trim() === '' || part.startsWith('; ')),
    ).toBe(true);
  }
});

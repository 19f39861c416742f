/** What every program needs of macOS, as it is documented and known to be: shown read-only where it exists. */
import type { RuntimePath } from '../policy/host-facts.ts';

/**
 * Real paths. Not all of /System: its Volumes hold the data volume once more, the home directories among it. Not all of
 * /Library and /private either, where other people's data lies.
 */
export const MACOS_RUNTIME: readonly RuntimePath[] = [
  ...system('programs and libraries of the system', [
    '/bin',
    '/sbin',
    '/usr',
    '/System/Applications',
    '/System/Cryptexes',
    '/System/DriverKit',
    '/System/Library',
    '/System/Volumes/Preboot/Cryptexes',
    '/System/iOSSupport',
    '/Library/Apple',
    '/Library/Frameworks',
    '/private/var/db/dyld',
  ]),
  ...system('compilers and tool chains', [
    '/Applications/Xcode.app',
    '/Library/Developer/CommandLineTools',
    '/Library/Java',
    '/opt/homebrew',
    '/opt/local',
    '/private/var/db/xcode_select_link',
    '/private/var/select',
  ]),
  ...system('certificates of public authorities', ['/private/etc/ssl', '/Library/Security/Trust Settings']),
  ...system('names of users, groups, services and protocols', [
    '/private/etc/group',
    '/private/etc/passwd',
    '/private/etc/protocols',
    '/private/etc/services',
    '/private/etc/shells',
    '/private/etc/hosts',
  ]),
  ...system('shells read it when they start', [
    '/private/etc/bashrc',
    '/private/etc/bashrc_Apple_Terminal',
    '/private/etc/manpaths',
    '/private/etc/paths',
    '/private/etc/paths.d',
    '/private/etc/profile',
    '/private/etc/zprofile',
    '/private/etc/zshenv',
    '/private/etc/zshrc',
    '/private/etc/zshrc_Apple_Terminal',
  ]),
  ...system('settings of tools', [
    '/private/etc/gitattributes',
    '/private/etc/gitconfig',
    '/private/etc/ssh/ssh_config',
  ]),
  ...system('time zone and language', [
    '/Library/Preferences/.GlobalPreferences.plist',
    '/private/etc/localtime',
    '/private/var/db/timezone',
  ]),
];

function system(why: string, paths: readonly string[]): RuntimePath[] {
  return paths.map((path) => ({ path, why }));
}

/** Attacks of macOS as questions to a profile, each with an act of the same kind that must succeed. */
import { expect, test } from 'vitest';
import { macPolicy, PROJECT, profileText } from '../../../test/fixtures/mac.ts';
import { Profile, type Question } from '../../../test/fixtures/sbpl.ts';
import type { Mode, Policy } from '../../policy/types.ts';
import type { ProfileInput } from './profile.ts';

export const MODES: readonly Mode[] = ['strict', 'standard', 'permissive'];

export function profileOf(policy: Policy, more: Partial<ProfileInput> = {}): Profile {
  return new Profile(profileText(policy, more));
}

export interface Attack {
  readonly id: string;
  readonly does: string;
  readonly attack: Question;
  readonly control: Question;
  /** Modes in which the attack is refused. */
  readonly in?: readonly Mode[];
  readonly policy?: (mode: Mode) => Policy;
  readonly more?: Partial<ProfileInput>;
}

export const read = (path: string): Question => ({ operation: 'file-read-data', path });
export const write = (path: string): Question => ({ operation: 'file-write-data', path });
export const make = (path: string): Question => ({ operation: 'file-write-create', path });
export const unlink = (path: string, vnodeType: Question['vnodeType'] = 'DIRECTORY'): Question => ({
  operation: 'file-write-unlink',
  path,
  vnodeType,
});
export const run = (path: string): Question => ({ operation: 'process-exec', path });
export const lookup = (name: string): Question => ({ operation: 'mach-lookup', name });
export const connect = (remote: string): Question => ({ operation: 'network-outbound', remote });
export const socket = (path: string): Question => ({ operation: 'network-outbound', socket: path });
export const libinfo = lookup('com.apple.system.opendirectoryd.libinfo');
export const ownFile = read(`${PROJECT}/src/a.ts`);
export const PERMISSIVE: readonly Mode[] = ['permissive'];

/** One test for each attack and mode: the mode's profile is asked, or that of the policy which the attack brings. */
export function refuses(attacks: readonly Attack[]): void {
  const plain = Object.fromEntries(MODES.map((mode) => [mode, profileOf(macPolicy(mode))])) as Record<
    Mode,
    Profile
  >;
  const cases = attacks.flatMap((attack) => (attack.in ?? MODES).map((mode) => ({ ...attack, mode })));

  test.each(cases)(
    '$id $does is refused in $mode, and its control is not',
    ({ mode, attack, control, policy, more }) => {
      const profile = policy || more ? profileOf((policy ?? macPolicy)(mode), more) : plain[mode];
      expect(profile.allows(control)).toBe(true);
      expect(profile.allows(attack)).toBe(false);
    },
  );
}

/** From a policy and a Mac's facts to the text of its sandbox profile: what a run and an export have in common. */
import { MAC_CREDENTIALS, MAC_HOST_RUN } from '../host/macos-home.ts';
import { MACOS_RUNTIME } from '../host/macos-runtime.ts';
import type { Spelling } from '../platform/macos/glob-regex.ts';
import { buildProfile } from '../platform/macos/profile.ts';
import type { HostFacts, MacFacts } from '../policy/host-facts.ts';
import type { Policy } from '../policy/types.ts';
import { loopbackReach } from './macos-reach.ts';

export interface SessionProfile {
  readonly policy: Policy;
  readonly tempDir: string;
  readonly spelling: Spelling;
  readonly matches: readonly { readonly path: string }[];
  readonly terminal?: string;
  readonly tag?: string;
  /** Where the egress gate listens; absent where there is none. */
  readonly proxyPorts?: readonly number[];
  readonly preface?: readonly string[];
}

export function sessionProfile(session: SessionProfile): string {
  const { policy, tempDir, spelling, matches, proxyPorts = [], terminal, tag, preface } = session;
  return buildProfile({
    policy,
    tempDir,
    spelling,
    matches,
    services: (policy.macServices ?? []).map(({ value }) => value),
    network: { ...loopbackReach(policy.network), proxyPorts },
    ...(terminal === undefined ? {} : { terminal }),
    ...(tag === undefined ? {} : { tag }),
    ...(preface === undefined ? {} : { preface }),
  });
}

/** Where the example of an exported profile has its temporary directory: a Mac's own is only known there. */
export const EXAMPLE_TEMP_DIR = '/private/var/folders/zz/EXAMPLE/T/pinfold';

export function macFacts(tempDir: string): MacFacts {
  return { tempDir, credentials: MAC_CREDENTIALS, hostRun: MAC_HOST_RUN };
}

/** This host's facts as if it were a Mac: the documented places of the system instead of those that are here. */
export function asMac(facts: HostFacts): HostFacts {
  return { ...facts, runtime: MACOS_RUNTIME, macos: macFacts(EXAMPLE_TEMP_DIR) };
}

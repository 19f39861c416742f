/** What the guarantees of one mode are attempted on: doctor's own things on the host, and the policy of the sandbox. */
import type { Weaker } from '../../platform/backend.ts';
import type { Policy } from '../../policy/types.ts';
import type { Listener } from '../listeners.ts';
import type { Scratch } from '../scratch.ts';
import type { Victim } from '../victim.ts';

export interface Ground {
  readonly policy: Policy;
  readonly scratch: Scratch;
  readonly victim: Victim;
  readonly stream: Listener;
  readonly datagram: Listener;
  /** On a port on which services run code for whoever asks; absent where all of these are taken. */
  readonly dangerous: Listener | undefined;
  readonly processor: 'x64' | 'arm64';
  readonly uid: number;
  /** Set where the host gives no namespaces: the boundary is of Landlock and seccomp alone, and /proc/self closed. */
  readonly weaker: Weaker | undefined;
}

/** What the network side of a run is given, and whom it tells. */
import type { SandboxSockets, SocketAddress } from '../network/sandbox-sockets.ts';
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Connected } from '../network/types.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import type { Questions } from './questions.ts';

export interface NetworkEvents {
  /** Records a denial; its id, for those who can be told one. */
  onDenial(denial: Denial): string | undefined;
  /** A connection was made through the gate. */
  onConnected(connected: Connected): void;
  /** A connection has ended. */
  onTraffic(traffic: Traffic): void;
  /** A server inside is reached at this place of the host's loopback. */
  onPublished(at: SocketAddress): void;
  /** It is not; `why` is a clause. */
  onUnpublished(at: SocketAddress, why: string): void;
}

export interface NetworkOptions {
  readonly policy: Policy;
  readonly sockets: SandboxSockets;
  readonly events: NetworkEvents;
  /** The executable of a process of the sandbox, by its pid on the host. */
  readonly programOf: (pid: number) => string | undefined;
  /** Of the person: names the upstream proxy when the settings say `environment`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Present where somebody is asked about what no rule mentions. */
  readonly questions?: Pick<Questions, 'put' | 'hears'>;
}

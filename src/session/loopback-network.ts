/** The loopback of the sandbox's network, joined to the host's: services of the host inside, and servers of the inside outside. */
import type { Callers } from '../network/callers.ts';
import { HostBridge } from '../network/loopback/host-bridge.ts';
import { type HostUse, hostUse } from '../network/loopback/host-use.ts';
import { Publisher } from '../network/loopback/publisher.ts';
import type { AskedCall, SocketAddress } from '../network/sandbox-sockets.ts';
import type { Gate } from '../network/types.ts';
import type { Policy } from '../policy/types.ts';
import type { CallAnswers } from './call-answers.ts';
import { callDenial } from './network-denials.ts';
import type { NetworkOptions } from './network-options.ts';

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** What it shares with the way out. */
export interface LoopbackParts {
  /** Its rules are also about places of the host's loopback. */
  readonly gate: Pick<Gate, 'judge'>;
  readonly callers: Callers;
  readonly answers: CallAnswers;
}

export class LoopbackNetwork {
  readonly #policy: Policy['network'];
  readonly #gate: Pick<Gate, 'judge'>;
  readonly #answers: CallAnswers;
  readonly #bridge: HostBridge;
  readonly #publisher: Publisher;

  constructor(
    { policy, sockets, events }: Pick<NetworkOptions, 'policy' | 'sockets' | 'events'>,
    { gate, callers, answers }: LoopbackParts,
  ) {
    this.#policy = policy.network;
    this.#gate = gate;
    this.#answers = answers;
    this.#bridge = new HostBridge({
      sockets,
      onRefused: (call, why) => void events.onDenial(callDenial(call, why)),
      onReached: (call) => callers.note(call),
      programOf: (client, at) => callers.of(client, at).program,
      onTraffic: ({ address, port }, { up, down }, program) =>
        events.onTraffic({ kind: 'host', host: address, port, up, down, ...(program && { program }) }),
    });
    this.#publisher = new Publisher({
      sockets,
      isOurs: (at) => this.#bridge.holds(at),
      onPublished: (at) => events.onPublished(at),
      onUnpublished: (at, why) => events.onUnpublished(at, why),
      onTraffic: ({ address, port }, { up, down }) =>
        events.onTraffic({ kind: 'published', host: address, port, up, down }),
    });
  }

  /** Answers a call to a loopback address. */
  async answer(call: AskedCall): Promise<void> {
    // Datagrams stay on the private loopback.
    const use = call.transport === 'udp' ? ({ kind: 'private' } as const) : this.#hostUse(call);
    if (use.kind === 'private') return this.#answers.pass(call);
    await this.#bridge.connect(call, use.kind === 'refused' ? use.why : undefined);
  }

  /** Somebody inside is about to take this port. */
  release(port: number): void {
    this.#bridge.release(port);
  }

  /** Something inside listens. `init`: its pid on the host. */
  listening(init: number): void {
    this.#publisher.listening(init);
  }

  /** Closes what was opened by a rule that is gone. */
  reconsider(): void {
    this.#bridge.retain((at) => this.#hostUse(at).kind === 'host');
  }

  async close(): Promise<void> {
    this.#publisher.close();
    await this.#bridge.close();
  }

  #hostUse(at: SocketAddress): HostUse {
    return hostUse(at, this.#gate, this.#policy);
  }
}

/** The network of one run: what is asked for inside, answered by the loopback bridge and the egress gate. Loaded at the first ask. */
import { HostBridge } from '../network/loopback/host-bridge.ts';
import type { Traffic } from '../network/loopback/join.ts';
import { Publisher } from '../network/loopback/publisher.ts';
import type { AskedCall, SandboxSockets, SocketAddress } from '../network/sandbox-sockets.ts';
import type { Policy } from '../policy/types.ts';

export interface NetworkEvents {
  /** A call was refused; `why` is a clause for people, `errno` what the caller met. */
  onRefused(call: AskedCall, why: string, errno: number): void;
  /** A connection has ended. `host`: to a service of the host's loopback; `published`: from the host to a server inside. */
  onTraffic(kind: 'host' | 'published', at: SocketAddress, traffic: Traffic): void;
  onPublished(at: SocketAddress): void;
  onUnpublished(at: SocketAddress, why: string): void;
}

const EACCES = 13;
const ENETUNREACH = 101;

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

export class SandboxNetwork {
  readonly #sockets: SandboxSockets;
  readonly #events: NetworkEvents;
  readonly #bridge: HostBridge;
  readonly #publisher: Publisher;

  constructor(policy: Policy, sockets: SandboxSockets, events: NetworkEvents) {
    this.#sockets = sockets;
    this.#events = events;
    this.#bridge = new HostBridge({
      sockets,
      ports: { listed: undefined },
      onRefused: (call, why) => events.onRefused(call, why, EACCES),
      onTraffic: (at, traffic) => events.onTraffic('host', at, traffic),
    });
    this.#publisher = new Publisher({
      sockets,
      isOurs: (at) => this.#bridge.holds(at),
      onPublished: (at) => events.onPublished(at),
      onUnpublished: (at, why) => events.onUnpublished(at, why),
      onTraffic: (at, traffic) => events.onTraffic('published', at, traffic),
    });
    void policy;
  }

  /** Answers a call that waits. */
  asked(call: AskedCall): void {
    this.#answer(call).catch((error: unknown) => {
      // The network process is gone or refuses: nothing may be reached that was not prepared.
      this.#refuse(call, error instanceof Error ? error.message : String(error));
    });
  }

  listening(init: number): void {
    this.#publisher.listening(init);
  }

  close(): void {
    this.#publisher.close();
    this.#bridge.close();
  }

  async #answer(call: AskedCall): Promise<void> {
    const at = { address: call.address, port: call.port };
    if (call.act === 'bind') {
      this.#bridge.release(call.port);
      return this.#sockets.settle({ id: call.id, errno: 0, at });
    }
    if (!isLoopback(call.address)) return this.#refuse(call, 'no rule mentions it');
    // Datagrams stay on the private loopback.
    if (call.transport === 'udp') return this.#sockets.settle({ id: call.id, errno: 0, at });
    return await this.#bridge.connect(call);
  }

  #refuse(call: AskedCall, why: string): void {
    const { id, address, port } = call;
    // While the caller waits it can be looked at.
    this.#events.onRefused(call, why, ENETUNREACH);
    this.#sockets.settle({ id, errno: ENETUNREACH, at: { address, port } });
  }
}

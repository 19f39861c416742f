/** The network of one run: answers what is asked for inside, by the loopback bridge and the egress gate. Loaded at the first ask. */
import type { Socket } from 'node:net';
import { Askers } from '../network/askers.ts';
import { CallQueue } from '../network/call-queue.ts';
import { EgressRules } from '../network/egress-rules.ts';
import { Entrances } from '../network/entrances.ts';
import { EgressGate } from '../network/gate.ts';
import { HostBridge } from '../network/loopback/host-bridge.ts';
import { Publisher } from '../network/loopback/publisher.ts';
import { DNS_PORT, NameServer } from '../network/name-server.ts';
import { Relay } from '../network/relay.ts';
import { Resolver } from '../network/resolver.ts';
import type { AskedCall, SandboxSockets, SocketAddress } from '../network/sandbox-sockets.ts';
import { Territory } from '../network/territory.ts';
import type { ConnectionRecord } from '../network/traffic.ts';
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Connected, Destination, Refusal } from '../network/types.ts';
import { upstreamFrom } from '../network/upstream-proxy.ts';
import { RESOLVER_ADDRESS } from '../platform/linux/plan.ts';
import { portRefusal } from '../policy/service-ports.ts';
import type { DomainRule, Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import { callDenial, EACCES, refusalDenial } from './network-denials.ts';

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
}

const EADDRINUSE = 98;
function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

interface Peer {
  readonly pid: number;
  readonly program: string | undefined;
  /** The client's end of the connection. */
  readonly from: SocketAddress;
}

export class SandboxNetwork {
  readonly #options: NetworkOptions;
  readonly #bridge: HostBridge;
  readonly #publisher: Publisher;
  readonly #rules: EgressRules;
  readonly #gate: EgressGate;
  readonly #relay: Relay<Peer>;
  readonly #resolver: Resolver;
  readonly #nameServer: NameServer;
  readonly #entrances: Entrances;
  readonly #territory: Territory;
  readonly #calls = new CallQueue();
  readonly #askers = new Askers();
  #withdrawn = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { policy, sockets, events } = options;
    const { upstreamProxy, domains } = policy.network;
    this.#territory = new Territory(sockets);
    this.#rules = new EgressRules(domains);
    this.#gate = new EgressGate({
      rules: this.#rules,
      onConnected: (connected) => events.onConnected(connected),
      onWithdrawn: () => {
        this.#withdrawn += 1;
      },
      upstream: upstreamFrom({
        environment: options.environment,
        ...(upstreamProxy && { setting: upstreamProxy.value }),
      }),
    });
    this.#relay = new Relay<Peer>({
      gate: this.#gate,
      events: {
        // Who connected may only be nearly known; whose the socket is, is certain.
        refused: (refusal, { pid, from }) =>
          this.#deny(refusal, this.#askers.ownerOf(from, 'tcp') || pid, 'gate') ?? '',
        closed: (record) => this.#account(record),
      },
      ...(policy.limits.upload && { uploadLimit: policy.limits.upload.value }),
    });
    this.#resolver = new Resolver({ rules: this.#rules });
    this.#nameServer = new NameServer({
      sockets,
      resolver: this.#resolver,
      address: RESOLVER_ADDRESS,
      onRefused: (refusal, from, transport) =>
        void this.#deny(refusal, this.#askers.ownerOf(from, transport), 'resolver'),
    });
    this.#entrances = new Entrances({
      sockets,
      onConnection: (client, at) =>
        this.#relay.serve(client, this.#destinationOf(at), this.#peerOf(client, at)),
    });
    this.#bridge = new HostBridge({
      sockets,
      onRefused: (call, why) => void events.onDenial(callDenial(call, why)),
      onTraffic: ({ address, port }, { up, down }) =>
        events.onTraffic({ kind: 'host', host: address, port, up, down }),
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

  /** Opens a host, for programs that run already. Throws ERR_USAGE for a pattern that is no host. */
  allow(rule: DomainRule & { readonly access: 'allow' }): void {
    this.#gate.grant(rule);
  }

  /** Takes every allowance of this pattern back; says which those were, and how many connections it closed. Throws ERR_USAGE. */
  revoke(pattern: string): { readonly rules: readonly DomainRule[]; readonly closed: number } {
    const before = this.#withdrawn;
    const rules = this.#gate.revoke(pattern);
    return { rules, closed: this.#withdrawn - before };
  }

  /** Takes an allowance back from what comes next; what it opened goes on. Throws ERR_USAGE. */
  retire(pattern: string): void {
    this.#gate.retire(pattern);
  }

  close(): void {
    this.#publisher.close();
    this.#bridge.close();
    this.#entrances.close();
    this.#nameServer.close();
    this.#relay.close();
    this.#gate.close();
  }

  async #answer(call: AskedCall): Promise<void> {
    if (call.act === 'bind') {
      this.#bridge.release(call.port);
      return this.#pass(call);
    }
    if (isLoopback(call.address)) return await this.#answerLoopback(call);
    if (call.address === RESOLVER_ADDRESS && call.port === DNS_PORT) {
      await this.#territory.takeNames();
      await this.#nameServer.start();
      this.#askers.saw(call.pid);
      return this.#pass(call);
    }
    const destination = this.#destinationOf(call);
    // getaddrinfo(3) connects a datagram socket to each address to sort them, and QUIC falls back when the kernel says that
    // nothing is there: for a name that may be reached neither is a violation, and no datagram gets out.
    if (call.transport === 'udp') {
      return destination.host === call.address
        ? this.#refuse(call, 'no datagram leaves the sandbox; names are asked of its own resolver')
        : this.#pass(call);
    }
    return await this.#enter(call, destination);
  }

  async #answerLoopback(call: AskedCall): Promise<void> {
    // Datagrams stay on the private loopback.
    if (call.transport === 'udp') return this.#pass(call);
    const { access, localPorts } = this.#options.policy.network;
    const isUsual = call.address === '127.0.0.1' || call.address === '::1';
    const verdicts = [call.address, ...(isUsual ? ['localhost'] : [])].map((host) =>
      this.#gate.judge({ host, port: call.port }),
    );
    const denial = verdicts.find((each) => each.kind === 'refused' && each.reason === 'denied');
    if (denial?.kind === 'refused') return await this.#bridge.connect(call, denial.detail);
    // What is listed as such is reached whatever `networkAccess` says.
    if (verdicts.some(({ kind }) => kind === 'allowed')) return await this.#bridge.connect(call, undefined);
    // Of the loopback's other addresses the host may use each for something else: 127.0.0.53 is its way to all names.
    if (access.value !== 'local' || !isUsual) return this.#pass(call);
    const ports = localPorts?.map(({ value }) => value);
    return await this.#bridge.connect(call, portRefusal(call.port, ports));
  }

  async #enter(call: AskedCall, destination: Destination): Promise<void> {
    const verdict = this.#gate.judge(destination);
    if (verdict.kind === 'refused') {
      this.#deny(verdict, call.pid, 'supervisor');
      return this.#settle(call, EACCES);
    }
    this.#askers.saw(call.pid);
    await (destination.host === call.address
      ? this.#territory.takeAddress(call.address)
      : this.#territory.takeNames());
    try {
      await this.#entrances.open({ address: call.address, port: call.port });
    } catch (error) {
      if ((error as { errno?: number }).errno !== EADDRINUSE) throw error;
      return this.#refuse(call, `a server inside has port ${call.port} there`);
    }
    this.#calls.expect(call);
    return this.#pass(call);
  }

  #peerOf(client: Socket, at: SocketAddress): Peer {
    const pid = this.#calls.take(at);
    const from = { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 };
    return { pid, program: pid === 0 ? undefined : this.#options.programOf(pid), from };
  }

  #destinationOf({ address, port }: SocketAddress): Destination {
    return this.#resolver.destinationOf(address, port);
  }

  #settle({ id, address, port }: AskedCall, errno: number): void {
    this.#options.sockets.settle({ id, errno, at: { address, port } });
  }

  #pass(call: AskedCall): void {
    this.#settle(call, 0);
  }

  #refuse(call: AskedCall, why: string): void {
    // First the record: while the caller waits it can be looked at.
    this.#options.events.onDenial(callDenial(call, why));
    this.#settle(call, EACCES);
  }

  #deny(refusal: Refusal, pid: number, observer: 'supervisor' | 'gate' | 'resolver'): string | undefined {
    return this.#options.events.onDenial(refusalDenial(refusal, pid, observer));
  }

  #account({ destination, up, down, peer, cause }: ConnectionRecord<Peer>): void {
    if (cause === 'refused') return;
    const { host, port } = destination;
    const { program } = peer;
    this.#options.events.onTraffic({ kind: 'egress', host, port, up, down, ...(program && { program }) });
  }
}

/** The network of one run: answers what is asked for inside, by the loopback bridge and the egress gate. Loaded at the first ask. */

import { type Caller, Callers } from '../network/callers.ts';
import { EgressRules } from '../network/egress-rules.ts';
import { Entrances } from '../network/entrances.ts';
import { EgressGate } from '../network/gate.ts';
import { HostBridge } from '../network/loopback/host-bridge.ts';
import { type HostUse, hostUse } from '../network/loopback/host-use.ts';
import { Publisher } from '../network/loopback/publisher.ts';
import { DNS_PORT, NameServer } from '../network/name-server.ts';
import { onceTold } from '../network/once-told.ts';
import { Relay } from '../network/relay.ts';
import { Resolver } from '../network/resolver.ts';
import type { AskedCall, Remember, SandboxSockets, SocketAddress } from '../network/sandbox-sockets.ts';
import { Territory } from '../network/territory.ts';
import type { ConnectionRecord } from '../network/traffic.ts';
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Connected, Destination, Refusal, Verdict } from '../network/types.ts';
import { upstreamFrom } from '../network/upstream-proxy.ts';
import type { Waiter } from '../network/waiter.ts';
import { RESOLVER_ADDRESS } from '../platform/linux/plan.ts';
import type { DomainRule, Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import { callDenial, EACCES, refusalDenial } from './network-denials.ts';
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

/** Here as well, so that it is loaded with the network and with nothing that a plain run loads. */
export { upstreamFrom };

const EADDRINUSE = 98;
function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

export class SandboxNetwork {
  readonly #options: NetworkOptions;
  readonly #bridge: HostBridge;
  readonly #publisher: Publisher;
  readonly #rules: EgressRules;
  readonly #gate: EgressGate;
  readonly #relay: Relay<Caller>;
  readonly #resolver: Resolver;
  readonly #nameServer: NameServer;
  readonly #entrances: Entrances;
  readonly #territory: Territory;
  readonly #callers: Callers;
  #withdrawn = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { policy, sockets, events } = options;
    const { upstreamProxy, domains } = policy.network;
    this.#territory = new Territory(sockets);
    this.#callers = new Callers(options.programOf);
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
    this.#relay = new Relay<Caller>({
      gate: this.#gate,
      events: {
        // Who connected may only be nearly known; whose the socket is, is certain.
        refused: (refusal, { pid, from }) =>
          this.#deny(refusal, this.#callers.ownerOf(from, 'tcp') || pid, 'gate') ?? '',
        closed: (record) => this.#account(record),
      },
      ask: (named, caller, waiter) => this.#ask(named, caller, waiter),
      ...(policy.limits.upload && { uploadLimit: policy.limits.upload.value }),
    });
    this.#resolver = new Resolver({
      rules: this.#rules,
      isAskedAbout: (host) => options.questions?.hears(host) ?? false,
    });
    this.#nameServer = new NameServer({
      sockets,
      resolver: this.#resolver,
      address: RESOLVER_ADDRESS,
      onRefused: (refusal, from, transport) =>
        void this.#deny(refusal, this.#callers.ownerOf(from, transport), 'resolver'),
    });
    this.#entrances = new Entrances({
      sockets,
      onConnection: (client, at) =>
        onceTold(() => this.#relay.serve(client, this.#destinationOf(at), this.#callers.of(client, at))),
      onClosed: (at) => sockets.settle({ errno: 0, at }),
    });
    this.#bridge = new HostBridge({
      sockets,
      onRefused: (call, why) => void events.onDenial(callDenial(call, why)),
      onReached: (call) => this.#callers.note(call),
      programOf: (client, at) => this.#callers.of(client, at).program,
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

  /** Answers a call that waits, or takes note of one that an earlier answer let pass. */
  asked(call: AskedCall): void {
    if (call.id === 0n) this.#callers.note(call);
    else this.#decide(call);
  }

  #decide(call: AskedCall): void {
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
    this.#reconsider();
    return { rules, closed: this.#withdrawn - before };
  }

  /** Takes an allowance back from what comes next; what it opened goes on. Throws ERR_USAGE. */
  retire(pattern: string): void {
    this.#gate.retire(pattern);
    this.#reconsider();
  }

  async close(): Promise<void> {
    this.#publisher.close();
    this.#entrances.close();
    this.#nameServer.close();
    await Promise.all([this.#bridge.close(), this.#relay.close()]);
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
      this.#callers.note(call);
      return this.#pass(call, 'telling');
    }
    const destination = this.#destinationOf(call);
    // getaddrinfo(3) connects a datagram socket to each address to sort them, and QUIC falls back when the kernel says that
    // nothing is there: for a name that may be reached neither is a violation, and no datagram gets out.
    if (call.transport === 'udp' && destination.host === call.address)
      return this.#refuse(call, 'no datagram leaves the sandbox; names are asked of its own resolver');
    const verdict = this.#gate.judge(destination);
    // What is asked about is let in as far as the gate: there the one connection waits, and not the whole thread.
    if (verdict.kind === 'allowed' || this.#isAskedAbout(verdict))
      return await this.#enter(call, destination);
    if (call.transport === 'udp') return this.#pass(call, call.port === 0 ? 'passing' : 'nothing');
    this.#deny(verdict, call.pid, 'supervisor');
    this.#settle(call, EACCES);
  }

  async #answerLoopback(call: AskedCall): Promise<void> {
    // Datagrams stay on the private loopback.
    const use = call.transport === 'udp' ? ({ kind: 'private' } as const) : this.#hostUse(call);
    if (use.kind === 'private') return this.#pass(call);
    await this.#bridge.connect(call, use.kind === 'refused' ? use.why : undefined);
  }

  #isAskedAbout(verdict: Verdict): boolean {
    if (verdict.kind === 'allowed' || (verdict.reason !== 'not-allowed' && verdict.reason !== 'literal'))
      return false;
    return this.#options.questions?.hears(verdict.destination.host) ?? false;
  }

  #ask(named: Destination, { pid, from }: Caller, waiter: Waiter): Promise<unknown> | undefined {
    const verdict = this.#gate.judge(named);
    if (verdict.kind === 'allowed' || !this.#isAskedAbout(verdict)) return undefined;
    const owner = this.#callers.ownerOf(from, 'tcp') || pid;
    return this.#options.questions?.put(refusalDenial(verdict, owner, 'gate'), waiter);
  }

  /** Opens the place that stands for an allowed destination. A datagram's caller is about to connect to it, or finds nothing. */
  async #enter(call: AskedCall, destination: Destination): Promise<void> {
    await (destination.host === call.address
      ? this.#territory.takeAddress(call.address)
      : this.#territory.takeNames());
    try {
      await this.#entrances.open({ address: call.address, port: call.port });
    } catch (error) {
      if ((error as { errno?: number }).errno !== EADDRINUSE) throw error;
      if (call.transport === 'udp') return this.#pass(call);
      return this.#refuse(call, `a server inside has port ${call.port} there`);
    }
    this.#callers.note(call);
    // The rule may have gone while the place was opened.
    this.#pass(call, this.#entrances.has(call) ? 'telling' : 'nothing');
  }

  /** Closes what was opened by a rule that is gone; what comes next is asked about anew. */
  #reconsider(): void {
    this.#entrances.retain((at) => this.#gate.judge(this.#destinationOf(at)).kind === 'allowed');
    this.#bridge.retain((at) => this.#hostUse(at).kind === 'host');
  }

  #hostUse(at: SocketAddress): HostUse {
    return hostUse(at, this.#gate, this.#options.policy.network);
  }

  #destinationOf({ address, port }: SocketAddress): Destination {
    return this.#resolver.destinationOf(address, port);
  }

  #settle({ id, address, port }: AskedCall, errno: number, remember: Remember = 'nothing'): void {
    this.#options.sockets.settle({ id, errno, at: { address, port }, remember });
  }

  #pass(call: AskedCall, remember: Remember = 'nothing'): void {
    this.#settle(call, 0, remember);
  }

  #refuse(call: AskedCall, why: string): void {
    // First the record: while the caller waits it can be looked at.
    this.#options.events.onDenial(callDenial(call, why));
    this.#settle(call, EACCES);
  }

  #deny(refusal: Refusal, pid: number, observer: 'supervisor' | 'gate' | 'resolver'): string | undefined {
    return this.#options.events.onDenial(refusalDenial(refusal, pid, observer));
  }

  #account({ destination, up, down, peer, cause }: ConnectionRecord<Caller>): void {
    if (cause === 'refused') return;
    const { host, port } = destination;
    const { program } = peer;
    this.#options.events.onTraffic({ kind: 'egress', host, port, up, down, ...(program && { program }) });
  }
}

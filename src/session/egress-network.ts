/** The way out of the sandbox's network: names and addresses that stand for hosts, the entrances to them, and the egress gate. */
import type { Caller, Callers } from '../network/callers.ts';
import { EgressRules } from '../network/egress-rules.ts';
import { Entrances } from '../network/entrances.ts';
import { EgressGate } from '../network/gate.ts';
import { DNS_PORT, NameServer } from '../network/name-server.ts';
import { onceTold } from '../network/once-told.ts';
import { Relay } from '../network/relay.ts';
import { Resolver } from '../network/resolver.ts';
import type { AskedCall, SocketAddress } from '../network/sandbox-sockets.ts';
import { Territory } from '../network/territory.ts';
import type { ConnectionRecord } from '../network/traffic.ts';
import type { Destination, Refusal, Verdict } from '../network/types.ts';
import { upstreamFrom } from '../network/upstream-proxy.ts';
import type { Waiter } from '../network/waiter.ts';
import { RESOLVER_ADDRESS } from '../platform/linux/plan.ts';
import type { DomainRule } from '../policy/types.ts';
import type { CallAnswers } from './call-answers.ts';
import { refusalDenial } from './network-denials.ts';
import type { NetworkOptions } from './network-options.ts';

const EADDRINUSE = 98;

export class EgressNetwork {
  readonly #options: NetworkOptions;
  readonly #callers: Callers;
  readonly #answers: CallAnswers;
  readonly #gate: EgressGate;
  readonly #relay: Relay<Caller>;
  readonly #resolver: Resolver;
  readonly #nameServer: NameServer;
  readonly #entrances: Entrances;
  readonly #territory: Territory;
  #withdrawn = 0;

  constructor(options: NetworkOptions, callers: Callers, answers: CallAnswers) {
    this.#options = options;
    this.#callers = callers;
    this.#answers = answers;
    const { policy, sockets, events } = options;
    const { upstreamProxy, domains } = policy.network;
    const rules = new EgressRules(domains);
    this.#territory = new Territory(sockets);
    this.#gate = new EgressGate({
      rules,
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
          this.#deny(refusal, callers.ownerOf(from, 'tcp') || pid, 'gate') ?? '',
        closed: (record) => this.#account(record),
      },
      ask: (named, caller, waiter) => this.#ask(named, caller, waiter),
      ...(policy.limits.upload && { uploadLimit: policy.limits.upload.value }),
    });
    this.#resolver = new Resolver({
      rules,
      isAskedAbout: (host) => options.questions?.hears(host) ?? false,
    });
    this.#nameServer = new NameServer({
      sockets,
      resolver: this.#resolver,
      address: RESOLVER_ADDRESS,
      onRefused: (refusal, from, transport) =>
        void this.#deny(refusal, callers.ownerOf(from, transport), 'resolver'),
    });
    this.#entrances = new Entrances({
      sockets,
      onConnection: (client, at) =>
        onceTold(() => this.#relay.serve(client, this.#destinationOf(at), callers.of(client, at))),
      onClosed: (at) => sockets.settle({ errno: 0, at }),
    });
  }

  judge(destination: Destination): Verdict {
    return this.#gate.judge(destination);
  }

  /** Answers a call to an address that is not the loopback's. */
  async answer(call: AskedCall): Promise<void> {
    if (call.address === RESOLVER_ADDRESS && call.port === DNS_PORT) {
      await this.#territory.takeNames();
      await this.#nameServer.start();
      this.#callers.note(call);
      return this.#answers.pass(call, 'telling');
    }
    const destination = this.#destinationOf(call);
    // getaddrinfo(3) connects a datagram socket to each address to sort them, and QUIC falls back when the kernel says that
    // nothing is there: for a name that may be reached neither is a violation, and no datagram gets out.
    if (call.transport === 'udp' && destination.host === call.address)
      return this.#answers.refuse(
        call,
        'no datagram leaves the sandbox; names are asked of its own resolver',
      );
    const verdict = this.#gate.judge(destination);
    // What is asked about is let in as far as the gate: there the one connection waits, and not the whole thread.
    if (verdict.kind === 'allowed' || this.#isAskedAbout(verdict))
      return await this.#enter(call, destination);
    if (call.transport === 'udp') return this.#answers.pass(call, call.port === 0 ? 'passing' : 'nothing');
    this.#answers.refuse(call, refusalDenial(verdict, call.pid, 'supervisor'));
  }

  /** Throws ERR_USAGE for a pattern that is no host. */
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
    this.#entrances.close();
    this.#nameServer.close();
    await this.#relay.close();
    this.#gate.close();
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
      if (call.transport === 'udp') return this.#answers.pass(call);
      return this.#answers.refuse(call, `a server inside has port ${call.port} there`);
    }
    this.#callers.note(call);
    // The rule may have gone while the place was opened.
    this.#answers.pass(call, this.#entrances.has(call) ? 'telling' : 'nothing');
  }

  /** Closes what was opened by a rule that is gone; what comes next is asked about anew. */
  #reconsider(): void {
    this.#entrances.retain((at) => this.#gate.judge(this.#destinationOf(at)).kind === 'allowed');
  }

  #destinationOf({ address, port }: SocketAddress): Destination {
    return this.#resolver.destinationOf(address, port);
  }

  #deny(refusal: Refusal, pid: number, observer: 'gate' | 'resolver'): string | undefined {
    return this.#options.events.onDenial(refusalDenial(refusal, pid, observer));
  }

  #account({ destination, up, down, peer, cause }: ConnectionRecord<Caller>): void {
    if (cause === 'refused') return;
    const { host, port } = destination;
    const { program } = peer;
    this.#options.events.onTraffic({ kind: 'egress', host, port, up, down, ...(program && { program }) });
  }
}

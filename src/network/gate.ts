/** The egress gate: decides by name and port, resolves, checks every address, dials what it checked, and takes back. */
import { normaliseHost } from '../policy/host-pattern.ts';
import { formatAddress, type IpAddress, parseAddress } from '../policy/ip-address.ts';
import type { ProxyUrl } from '../policy/proxy-url.ts';
import type { DomainRule } from '../policy/types.ts';
import { type AddressKind, classify, embeddedIpv4 } from './addresses.ts';
import { type Dialled, type DialOptions, dial } from './dial.ts';
import type { EgressRules } from './egress-rules.ts';
import { HostLookup } from './host-lookup.ts';
import { OwnAddresses } from './own-addresses.ts';
import type { Allowed, Connected, Destination, Gate, Refusal, RefusalReason, Verdict } from './types.ts';
import { openTunnel, type Upstream } from './upstream-proxy.ts';
import type { Waiter } from './waiter.ts';

export interface GateOptions {
  /** Shared with the resolver inside, so that both follow the same changes. */
  readonly rules: EgressRules;
  readonly lookup?: HostLookup;
  /** Default: every destination is dialled from here. */
  readonly upstream?: Upstream;
  readonly dialling?: DialOptions;
  /** Addresses of this host in any spelling. Default: those of its interfaces, looked at anew once a second. */
  readonly ownAddresses?: () => Iterable<string>;
  /** Every refusal of `connect`, once. */
  readonly onRefused?: (refusal: Refusal) => void;
  readonly onConnected?: (connected: Connected) => void;
  /** A connection that was closed because the rules no longer allow it. */
  readonly onWithdrawn?: (connected: Connected, refusal: Refusal) => void;
}

function refuse(destination: Destination, reason: RefusalReason, detail: string, rule?: DomainRule): Refusal {
  return { kind: 'refused', destination, reason, detail, ...(rule !== undefined && { rule }) };
}

const isNormal = (host: string): boolean => normaliseHost(host.includes(':') ? `[${host}]` : host) === host;

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;

/** Kinds that no proxy may be asked for: they mean this host or its link, and to the proxy they would mean its own. */
const NEVER_UPSTREAM: readonly AddressKind[] = ['own', 'loopback', 'link-local', 'metadata', 'unspecified'];

/** Nobody has an address for documentation (RFC 5737) but closed networks, which map public names to them. */
const REACHABLE: readonly AddressKind[] = ['public', 'documentation'];

export class EgressGate implements Gate {
  readonly #options: GateOptions;
  readonly #rules: EgressRules;
  readonly #lookup: HostLookup;
  readonly #live = new Set<Connected>();
  /** Connections whose allowance was for them alone: they last, though no rule mentions them any more. */
  readonly #lasting = new WeakSet<Connected>();
  readonly #own: OwnAddresses;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#lookup = options.lookup ?? new HostLookup();
    this.#own = new OwnAddresses(options.ownAddresses);
  }

  judge(destination: Destination): Verdict {
    const { host, port } = destination;
    if (!isNormal(host) || !isPort(port)) {
      return refuse(destination, 'protocol', 'it is not a host name or an address with a port');
    }
    const rule = this.#rules.decide(destination);
    if (rule?.access === 'allow') return { kind: 'allowed', destination, rule };
    if (rule !== undefined) return refuse(destination, 'denied', `it is denied by ${rule.pattern}`, rule);
    return parseAddress(host) === undefined
      ? refuse(destination, 'not-allowed', 'no rule allows it')
      : refuse(destination, 'literal', 'it was dialled as an address, and no rule allows that address');
  }

  async connect(destination: Destination, signal?: Waiter): Promise<Connected | Refusal> {
    const verdict = this.judge(destination);
    const outcome = verdict.kind === 'refused' ? verdict : await this.#reach(verdict, signal);
    if (outcome.kind === 'refused') {
      this.#options.onRefused?.(outcome);
      return outcome;
    }
    this.#options.onConnected?.(outcome);
    return outcome;
  }

  /** Adds an allowance. A ceiling denial still beats it. Throws ERR_USAGE for a pattern that is no host. */
  grant(rule: DomainRule & { readonly access: 'allow' }): void {
    this.#rules.add(rule);
  }

  /** Adds a denial and closes the connections that it covers. Throws ERR_USAGE for a pattern that is no host. */
  deny(rule: DomainRule & { readonly access: 'deny' }): void {
    this.#rules.add(rule);
    this.#withdraw();
  }

  /**
   * Takes away every allowance of exactly this pattern and closes the connections that nothing else allows. Gives back the rules
   * that are gone. Throws ERR_USAGE for a pattern that is no host.
   */
  revoke(pattern: string): DomainRule[] {
    const removed = this.#rules.removeAllowances(pattern);
    this.#withdraw(pattern);
    return removed;
  }

  /**
   * Takes an allowance away from what is dialled next; what it opened already lasts until it ends, its pattern is revoked or it
   * is denied. Throws ERR_USAGE for a pattern that is no host.
   */
  retire(pattern: string): void {
    const removed = this.#rules.removeAllowances(pattern);
    for (const connected of this.#live) if (removed.includes(connected.rule)) this.#lasting.add(connected);
  }

  /** Closes every connection; none of them is reported as withdrawn. */
  close(): void {
    for (const { socket } of this.#live) socket.destroy();
  }

  #withdraw(revoked?: string): void {
    for (const connected of [...this.#live]) {
      const refusal = this.#stillHolds(connected);
      if (refusal === undefined) continue;
      const lasts = this.#lasting.has(connected) && connected.rule.pattern !== revoked;
      if (lasts && refusal.reason !== 'denied') continue;
      this.#live.delete(connected);
      connected.socket.destroy();
      this.#options.onWithdrawn?.(connected, refusal);
    }
  }

  /** Why a connection may not go on, by the rules as they are now. */
  #stillHolds({ destination, address, via }: Connected): Refusal | undefined {
    const verdict = this.judge(destination);
    if (verdict.kind === 'refused') return verdict;
    return via === 'direct' ? this.#checkAddress(destination, parseAddress(address)!) : undefined;
  }

  async #reach(allowed: Allowed, signal: Waiter | undefined): Promise<Connected | Refusal> {
    const { destination } = allowed;
    const { revision } = this.#rules;
    const proxy = this.#proxyFor(destination);
    const reached = await (proxy === undefined
      ? this.#dialDirect(allowed, signal)
      : this.#dialUpstream(allowed, proxy, signal));
    if (reached.kind === 'refused') return reached;
    // Rules may have changed, and the client may have gone, while names were resolved and packets were under way.
    const refusal = this.#rules.revision === revision ? undefined : this.#stillHolds(reached);
    if (refusal === undefined && signal?.aborted !== true) {
      this.#hold(reached);
      return reached;
    }
    reached.socket.destroy();
    signal?.throwIfAborted();
    return refusal!;
  }

  /** In the same turn as the last look at the rules: a change that comes next finds the connection here. */
  #hold(connected: Connected): void {
    if (connected.socket.closed) return;
    this.#live.add(connected);
    connected.socket.once('close', () => this.#live.delete(connected));
  }

  async #dialDirect(
    { destination, rule }: Allowed,
    signal: Waiter | undefined,
  ): Promise<Connected | Refusal> {
    const found = await this.#addressesOf(destination);
    signal?.throwIfAborted();
    if (found.kind === 'failed') {
      return refuse(destination, 'unresolvable', `${destination.host} cannot be resolved: ${found.why}`);
    }
    const checked = found.addresses.map((address) => ({
      address,
      refusal: this.#checkAddress(destination, address),
    }));
    const addresses = checked.flatMap(({ address, refusal }) => (refusal === undefined ? [address] : []));
    if (addresses.length === 0) return checked[0]!.refusal!;
    const dialled = await dial({ port: destination.port, addresses }, this.#options.dialling, signal);
    if (dialled.kind === 'failed') return unreachable(destination, dialled);
    return {
      kind: 'connected',
      socket: dialled.socket,
      destination,
      address: dialled.address,
      rule,
      via: 'direct',
    };
  }

  /** The proxy resolves the name, so its addresses cannot be checked here: the rules for names are what decides. */
  async #dialUpstream(
    { destination, rule }: Allowed,
    proxy: ProxyUrl,
    signal: Waiter | undefined,
  ): Promise<Connected | Refusal> {
    const { dialling } = this.#options;
    const found = await this.#addressesOf(proxy);
    signal?.throwIfAborted();
    if (found.kind === 'failed') {
      return refuse(
        destination,
        'unreachable',
        `the upstream proxy ${proxy.host} cannot be resolved: ${found.why}`,
      );
    }
    const dialled = await dial({ port: proxy.port, addresses: found.addresses }, dialling, signal);
    if (dialled.kind === 'failed') {
      const why = `the upstream proxy ${proxy.host}:${proxy.port} cannot be reached: ${dialled.why}`;
      return refuse(destination, 'unreachable', why);
    }
    const { socket, address } = dialled;
    const tunnel = await openTunnel(
      socket,
      { destination, proxy, ...(dialling?.timeoutMs !== undefined && { timeoutMs: dialling.timeoutMs }) },
      signal,
    );
    if (tunnel.kind === 'failed') return refuse(destination, 'unreachable', tunnel.why);
    return { kind: 'connected', socket, destination, address, rule, via: 'upstream' };
  }

  #addressesOf({ host }: { readonly host: string }) {
    const literal = parseAddress(host);
    return literal === undefined
      ? this.#lookup.addressesOf(host)
      : Promise.resolve({ kind: 'found', addresses: [literal] } as const);
  }

  #proxyFor(destination: Destination): ProxyUrl | undefined {
    const literal = parseAddress(destination.host);
    if (literal !== undefined && NEVER_UPSTREAM.includes(classify(literal, this.#own.current())))
      return undefined;
    return this.#options.upstream?.(destination);
  }

  /** Why an address must not be dialled for `destination`; undefined when it may. */
  #checkAddress(destination: Destination, address: IpAddress): Refusal | undefined {
    const text = formatAddress(address);
    const rulesOf = (each: IpAddress) =>
      this.#rules.decide({ host: formatAddress(each), port: destination.port });
    const denial = [address, ...embeddedIpv4(address)].map(rulesOf).find((rule) => rule?.access === 'deny');
    if (denial !== undefined) {
      const detail = `${destination.host} leads to ${text}, which is denied by ${denial.pattern}`;
      return refuse(destination, 'denied', detail, denial);
    }
    if (rulesOf(address)?.access === 'allow') return undefined;
    const kind = classify(address, this.#own.current());
    if (REACHABLE.includes(kind)) return undefined;
    const detail = `${destination.host} leads to ${text} (${kind}), which no rule allows`;
    return { ...refuse(destination, 'address', detail), address: text };
  }
}

function unreachable(destination: Destination, { why }: Extract<Dialled, { kind: 'failed' }>): Refusal {
  const { host, port } = destination;
  return refuse(destination, 'unreachable', `${host}:${port} cannot be reached: ${why}`);
}

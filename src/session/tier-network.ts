/**
 * The network of one run without namespaces: the session's proxy is reached, and with `local` the host's loopback; each
 * connection is made by the supervisor. Loaded there only.
 */
import { Callers } from '../network/callers.ts';
import { HostBridge } from '../network/loopback/host-bridge.ts';
import { type HostUse, hostUse } from '../network/loopback/host-use.ts';
import type { SocketAddress } from '../network/sandbox-sockets.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { AskedRecord } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';
import type { DomainRule, Policy } from '../policy/types.ts';
import type { GrantableNetwork } from './live-grants.ts';
import { callDenial, EACCES } from './network-denials.ts';
import type { NetworkOptions } from './network-options.ts';
import { ProxiedNetwork, type ProxiedNetworkOptions } from './proxied-network.ts';
import { TierSockets } from './tier-sockets.ts';

export interface TierNetworkOptions extends Omit<ProxiedNetworkOptions, 'clientOf' | 'isOurs'> {
  readonly launcher: Pick<Launcher, 'settle' | 'calls'>;
  readonly arch: Arch;
  readonly programOf: NetworkOptions['programOf'];
}

const ECONNREFUSED = 111;
const BY_PROXY =
  "this host gives no namespaces, so hosts are reached only by name through the session's proxy, as HTTPS_PROXY and ALL_PROXY say";

export class TierNetwork implements GrantableNetwork {
  readonly #policy: Policy;
  readonly #onDenial: TierNetworkOptions['events']['onDenial'];
  readonly #callers: Callers;
  readonly #sockets: TierSockets;
  readonly #bridge: HostBridge;
  readonly #proxied: ProxiedNetwork;

  private constructor(options: TierNetworkOptions, callers: Callers, proxied: ProxiedNetwork) {
    const { policy, launcher, arch, events } = options;
    this.#policy = policy;
    this.#onDenial = events.onDenial;
    this.#callers = callers;
    this.#proxied = proxied;
    this.#sockets = new TierSockets(launcher, arch);
    this.#bridge = new HostBridge({
      sockets: this.#sockets,
      onRefused: (call, why) => void events.onDenial(callDenial(call, why)),
      onReached: (call) => callers.note(call),
      programOf: (client, at) => callers.of(client, at).program,
      onTraffic: ({ address, port }, { up, down }, program) =>
        events.onTraffic({ kind: 'host', host: address, port, up, down, ...(program && { program }) }),
    });
  }

  static async start(options: TierNetworkOptions): Promise<TierNetwork> {
    const callers = new Callers(options.programOf);
    let place: SocketAddress = { address: '127.0.0.1', port: 0 };
    const proxied = await ProxiedNetwork.start({
      ...options,
      isOurs: ({ remoteAddress: address = '', remotePort: port = 0 }) =>
        callers.ownerOf({ address, port }, 'tcp') !== 0,
      clientOf: (client) => {
        const { pid, program, from } = callers.of(client, place);
        return { pid: callers.ownerOf(from, 'tcp') || pid, program };
      },
    });
    place = { ...place, port: proxied.port };
    return new TierNetwork(options, callers, proxied);
  }

  /** What programs need to find the gate. `node`: an executable that is shown inside, without which git over ssh does not. */
  environment(node: string | undefined): Readonly<Record<string, string>> {
    return this.#proxied.environment(node);
  }

  /** Answers a call that waits. */
  asked(call: AskedRecord): void {
    this.#sockets.expect(call);
    this.#answer(call).catch(() => this.#sockets.refuse(call, EACCES));
  }

  async #answer(call: AskedRecord): Promise<void> {
    const { address, port } = call;
    // No other socket can be made here.
    if (call.act !== 'connect' || call.transport !== 'tcp') return this.#sockets.refuse(call, EACCES);
    if (address === '127.0.0.1' && port === this.#proxied.port) {
      this.#callers.note(call);
      return await this.#sockets.connect(call, { address, port });
    }
    if (address === '::1' || address.startsWith('127.')) return await this.#answerLoopback(call);
    // First the record: while the caller waits it can be looked at.
    this.#onDenial({ ...callDenial(call, BY_PROXY), remedy: { kind: 'none' } });
    this.#sockets.refuse(call, EACCES);
  }

  async #answerLoopback(call: AskedRecord): Promise<void> {
    const use = this.#hostUse(call);
    // As with a loopback of its own, on which nothing can listen here.
    if (use.kind === 'private') return this.#sockets.refuse(call, ECONNREFUSED);
    if (use.kind === 'refused' || !this.#bridge.holds(call))
      return await this.#bridge.connect(call, use.kind === 'refused' ? use.why : undefined);
    this.#callers.note(call);
    this.#sockets.settle({ id: call.id, errno: 0, at: call, remember: 'telling' });
  }

  #hostUse(at: SocketAddress): HostUse {
    return hostUse(at, this.#proxied, this.#policy.network);
  }

  allow(rule: DomainRule & { readonly access: 'allow' }): void {
    this.#proxied.allow(rule);
  }

  revoke(pattern: string): ReturnType<GrantableNetwork['revoke']> {
    const revoked = this.#proxied.revoke(pattern);
    this.#bridge.retain((at) => this.#hostUse(at).kind === 'host');
    return revoked;
  }

  retire(pattern: string): void {
    this.#proxied.retire(pattern);
    this.#bridge.retain((at) => this.#hostUse(at).kind === 'host');
  }

  async close(): Promise<void> {
    await Promise.all([this.#bridge.close(), this.#proxied.close()]);
  }
}

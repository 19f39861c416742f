/**
 * The egress gate of one run where the sandbox has no network of its own: a proxy on a port of the loopback, which the
 * boundary opens and nothing else of the world, and the variables by which programs find it.
 */
import type { Socket } from 'node:net';
import { EgressRules } from '../network/egress-rules.ts';
import { EgressGate } from '../network/gate.ts';
import { connectCommand } from '../network/proxy/connect-script.ts';
import { type Credentials, makeCredentials } from '../network/proxy/credentials.ts';
import { EgressProxy } from '../network/proxy/egress-proxy.ts';
import { proxyEnvironment } from '../network/proxy/proxy-wiring.ts';
import { Relay } from '../network/relay.ts';
import type { ConnectionRecord } from '../network/traffic.ts';
import type { Connected, Destination, Gate, Refusal, Verdict } from '../network/types.ts';
import { upstreamFrom } from '../network/upstream-proxy.ts';
import type { DomainRule, Policy } from '../policy/types.ts';
import type { GrantableNetwork } from './live-grants.ts';
import { refusalDenial } from './network-denials.ts';
import type { NetworkEvents } from './network-options.ts';

/** Who connected, as far as it was found out. */
export interface ProxyClient {
  /** On the host; 0 when it is not known. */
  readonly pid: number;
  readonly program: string | undefined;
}

export interface ProxiedNetworkOptions {
  readonly policy: Policy;
  /** Of the person: names the upstream proxy when the settings say `environment`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly events: Pick<NetworkEvents, 'onDenial' | 'onConnected' | 'onTraffic'>;
  /** Resolves when denials are recorded at once, so that they have an id. */
  readonly whenRecorded: () => Promise<void>;
  /** Of a client that has said where it wants to go, and waits. Default: it is not asked who connects. */
  readonly clientOf?: (client: Socket) => ProxyClient;
  /** Whether a client that waits is certainly a program of the session. Default: that is not known. */
  readonly isOurs?: (client: Socket) => boolean;
}

const NOBODY: ProxyClient = { pid: 0, program: undefined };

export class ProxiedNetwork implements GrantableNetwork {
  readonly #gate: EgressGate;
  readonly #proxy: EgressProxy<ProxyClient>;
  readonly #credentials: Credentials;
  readonly #counter: { withdrawn: number };

  private constructor(
    gate: EgressGate,
    proxy: EgressProxy<ProxyClient>,
    credentials: Credentials,
    counter: { withdrawn: number },
  ) {
    this.#gate = gate;
    this.#proxy = proxy;
    this.#credentials = credentials;
    this.#counter = counter;
  }

  /** The variables are set before the command starts, so the gate listens from then on, also where it opens no host yet. */
  static async start(options: ProxiedNetworkOptions): Promise<ProxiedNetwork> {
    const { policy, environment, events, whenRecorded, clientOf = () => NOBODY, isOurs } = options;
    const counter = { withdrawn: 0 };
    const { upstreamProxy, domains } = policy.network;
    const gate = new EgressGate({
      rules: new EgressRules(domains),
      onConnected: (connected: Connected) => events.onConnected(connected),
      onWithdrawn: () => {
        counter.withdrawn += 1;
      },
      upstream: upstreamFrom({ environment, ...(upstreamProxy && { setting: upstreamProxy.value }) }),
    });
    const patient: Gate = {
      judge: (destination) => gate.judge(destination),
      connect: async (destination: Destination, signal?: AbortSignal) => {
        await whenRecorded();
        return await gate.connect(destination, signal);
      },
    };
    const told = {
      refused: (refusal: Refusal, { pid }: ProxyClient) =>
        events.onDenial(refusalDenial(refusal, pid, 'gate')) ?? '',
      closed: ({ destination, up, down, cause, peer: { program } }: ConnectionRecord<ProxyClient>) => {
        if (cause !== 'refused')
          events.onTraffic({ kind: 'egress', ...destination, up, down, ...(program && { program }) });
      },
    };
    const relay = new Relay<ProxyClient>({
      gate: patient,
      events: told,
      ...(policy.limits.upload && { uploadLimit: policy.limits.upload.value }),
    });
    const credentials = makeCredentials();
    const proxy = await EgressProxy.listen<ProxyClient>({
      gate: patient,
      relay,
      events: told,
      credentials,
      peerOf: clientOf,
      ...(isOurs && { isOurs }),
    });
    return new ProxiedNetwork(gate, proxy, credentials, counter);
  }

  /** Of 127.0.0.1. */
  get port(): number {
    return this.#proxy.port!;
  }

  /** What programs need to find the gate. `node`: an executable that is shown inside, without which git over ssh does not. */
  environment(node: string | undefined): Readonly<Record<string, string>> {
    return proxyEnvironment({
      port: this.port,
      credentials: this.#credentials,
      ...(node !== undefined && { connectCommand: connectCommand(node) }),
    });
  }

  /** By the rules as they are now. */
  judge(destination: Destination): Verdict {
    return this.#gate.judge(destination);
  }

  /** As `SandboxNetwork` does. */
  allow(rule: DomainRule & { readonly access: 'allow' }): void {
    this.#gate.grant(rule);
  }

  revoke(pattern: string): { readonly rules: readonly DomainRule[]; readonly closed: number } {
    const before = this.#counter.withdrawn;
    const rules = this.#gate.revoke(pattern);
    return { rules, closed: this.#counter.withdrawn - before };
  }

  retire(pattern: string): void {
    this.#gate.retire(pattern);
  }

  async close(): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    this.#gate.close();
  }
}

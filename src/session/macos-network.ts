/**
 * The egress gate of one run on a Mac: a proxy on a port of the loopback, which the profile opens and nothing else of the world,
 * and the variables by which programs find it.
 */
import { EgressRules } from '../network/egress-rules.ts';
import { EgressGate } from '../network/gate.ts';
import { connectCommand } from '../network/proxy/connect-script.ts';
import { type Credentials, makeCredentials } from '../network/proxy/credentials.ts';
import { EgressProxy } from '../network/proxy/egress-proxy.ts';
import { proxyEnvironment } from '../network/proxy/proxy-wiring.ts';
import { Relay } from '../network/relay.ts';
import type { ConnectionRecord } from '../network/traffic.ts';
import type { Connected, Destination, Gate, Refusal } from '../network/types.ts';
import { upstreamFrom } from '../network/upstream-proxy.ts';
import type { DomainRule, Policy } from '../policy/types.ts';
import type { GrantableNetwork } from './live-grants.ts';
import { refusalDenial } from './network-denials.ts';
import type { NetworkEvents } from './sandbox-network.ts';

export interface MacNetworkOptions {
  readonly policy: Policy;
  /** Of the person: names the upstream proxy when the settings say `environment`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly events: Pick<NetworkEvents, 'onDenial' | 'onConnected' | 'onTraffic'>;
  /** Resolves when denials are recorded at once, so that they have an id. */
  readonly whenRecorded: () => Promise<void>;
}

/** Who connected is not asked: it would take a look at every process of the host for each connection. */
const NOBODY = 0;

/** Whether any host can be reached, now or by a grant while the session runs. */
export function mayReach({ network }: Policy): boolean {
  return network.closed === undefined || network.domains.some(({ access }) => access === 'allow');
}

export class MacNetwork implements GrantableNetwork {
  readonly #gate: EgressGate;
  readonly #proxy: EgressProxy<undefined>;
  readonly #credentials: Credentials;
  readonly #counter: { withdrawn: number };

  private constructor(
    gate: EgressGate,
    proxy: EgressProxy<undefined>,
    credentials: Credentials,
    counter: { withdrawn: number },
  ) {
    this.#gate = gate;
    this.#proxy = proxy;
    this.#credentials = credentials;
    this.#counter = counter;
  }

  /** The profile cannot change while the command runs, so the gate listens from the start, also where it opens no host yet. */
  static async start({ policy, environment, events, whenRecorded }: MacNetworkOptions): Promise<MacNetwork> {
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
      refused: (refusal: Refusal) => events.onDenial(refusalDenial(refusal, NOBODY, 'gate')) ?? '',
      closed: ({ destination, up, down, cause }: ConnectionRecord<undefined>) => {
        if (cause !== 'refused') events.onTraffic({ kind: 'egress', ...destination, up, down });
      },
    };
    const relay = new Relay<undefined>({
      gate: patient,
      events: told,
      ...(policy.limits.upload && { uploadLimit: policy.limits.upload.value }),
    });
    const credentials = makeCredentials();
    const proxy = await EgressProxy.listen<undefined>({
      gate: patient,
      relay,
      events: told,
      credentials,
      peerOf: () => undefined,
    });
    return new MacNetwork(gate, proxy, credentials, counter);
  }

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

/** The network of one run: answers what is asked for inside, by the loopback bridge and the egress gate. Loaded at the first ask. */
import { Callers } from '../network/callers.ts';
import type { AskedCall } from '../network/sandbox-sockets.ts';
import { upstreamFrom } from '../network/upstream-proxy.ts';
import type { DomainRule } from '../policy/types.ts';
import { CallAnswers } from './call-answers.ts';
import { EgressNetwork } from './egress-network.ts';
import { isLoopback, LoopbackNetwork } from './loopback-network.ts';
import type { NetworkOptions } from './network-options.ts';

/** Here as well, so that it is loaded with the network and with nothing that a plain run loads. */
export { upstreamFrom };

export class SandboxNetwork {
  readonly #callers: Callers;
  readonly #answers: CallAnswers;
  readonly #egress: EgressNetwork;
  readonly #loopback: LoopbackNetwork;

  constructor(options: NetworkOptions) {
    this.#callers = new Callers(options.programOf);
    this.#answers = new CallAnswers(options.sockets, (denial) => options.events.onDenial(denial));
    this.#egress = new EgressNetwork(options, this.#callers, this.#answers);
    this.#loopback = new LoopbackNetwork(options, {
      gate: this.#egress,
      callers: this.#callers,
      answers: this.#answers,
    });
  }

  /** Answers a call that waits, or takes note of one that an earlier answer let pass. */
  asked(call: AskedCall): void {
    if (call.id === 0n) this.#callers.note(call);
    else this.#decide(call);
  }

  listening(init: number): void {
    this.#loopback.listening(init);
  }

  /** Opens a host, for programs that run already. Throws ERR_USAGE for a pattern that is no host. */
  allow(rule: DomainRule & { readonly access: 'allow' }): void {
    this.#egress.allow(rule);
  }

  /** Takes every allowance of this pattern back; says which those were, and how many connections it closed. Throws ERR_USAGE. */
  revoke(pattern: string): { readonly rules: readonly DomainRule[]; readonly closed: number } {
    const revoked = this.#egress.revoke(pattern);
    this.#loopback.reconsider();
    return revoked;
  }

  /** Takes an allowance back from what comes next; what it opened goes on. Throws ERR_USAGE. */
  retire(pattern: string): void {
    this.#egress.retire(pattern);
    this.#loopback.reconsider();
  }

  async close(): Promise<void> {
    await Promise.all([this.#loopback.close(), this.#egress.close()]);
  }

  #decide(call: AskedCall): void {
    this.#answer(call).catch((error: unknown) => {
      // The network process is gone or refuses: nothing may be reached that was not prepared.
      this.#answers.refuse(call, error instanceof Error ? error.message : String(error));
    });
  }

  async #answer(call: AskedCall): Promise<void> {
    if (call.act === 'bind') {
      this.#loopback.release(call.port);
      return this.#answers.pass(call);
    }
    await (isLoopback(call.address) ? this.#loopback.answer(call) : this.#egress.answer(call));
  }
}

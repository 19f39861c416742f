/** The addresses that the sandbox's network takes for its own. There is no way to any other, whatever call names it. */
import type { SandboxSockets } from './sandbox-sockets.ts';
import { SYNTHETIC_RANGES } from './synthetic-addresses.ts';

export class Territory {
  readonly #sockets: SandboxSockets;
  readonly #taken = new Map<string, Promise<void>>();

  constructor(sockets: SandboxSockets) {
    this.#sockets = sockets;
  }

  /** Takes what stands for names, and the resolver with it. Rejects when not even IPv4 can be had. */
  async takeNames(): Promise<void> {
    const [four, six] = SYNTHETIC_RANGES;
    await this.#take(four.address, four.bits);
    // A kernel without IPv6 has no address of it to take, and nobody inside can use one.
    await this.#take(six.address, six.bits).catch(() => {});
  }

  /** Takes one address that a rule allows as such. */
  takeAddress(address: string): Promise<void> {
    return this.#take(address, address.includes(':') ? 128 : 32);
  }

  #take(address: string, bits: number): Promise<void> {
    const key = `${address}/${bits}`;
    const taken = this.#taken.get(key) ?? this.#sockets.own(address, bits);
    this.#taken.set(key, taken);
    return taken;
  }
}

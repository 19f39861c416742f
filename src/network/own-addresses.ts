/** The addresses of this host, as they are now. */
import { networkInterfaces } from 'node:os';
import { ownAddresses } from './addresses.ts';

/** Interfaces come and go; asking the kernel for each connection would cost more than deciding about it. */
const KEEP_MS = 1000;

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
}

export class OwnAddresses {
  readonly #read: () => Iterable<string>;
  #known: { readonly addresses: ReadonlySet<string>; readonly at: number } | undefined;

  /** `read` gives addresses in any spelling. Default: those of the interfaces. */
  constructor(read: () => Iterable<string> = interfaceAddresses) {
    this.#read = read;
  }

  /** Canonical spellings, at most a second old. */
  current(): ReadonlySet<string> {
    const now = performance.now();
    if (this.#known === undefined || now - this.#known.at > KEEP_MS) {
      this.#known = { addresses: ownAddresses(this.#read()), at: now };
    }
    return this.#known.addresses;
  }
}

/** What the network side needs of the boundary: sockets inside, and answers to calls that wait. */

/** A place in the sandbox's network; the address in canonical spelling. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** A connect, an addressed send or a bind inside that waits for an answer. */
export interface AskedCall extends SocketAddress {
  /** 0: it was let pass already, by an answer that holds `FOR_GOOD_AND_TOLD`. */
  readonly id: bigint;
  /** Of the process, on the host. */
  readonly pid: number;
  readonly act: 'connect' | 'send' | 'bind';
  /** `undefined`: it could not be told. */
  readonly transport: 'tcp' | 'udp' | undefined;
}

/** Until it is settled anew. */
export const FOR_GOOD = 0xffffffff;
/** The same, and each call that passes is told of. */
export const FOR_GOOD_AND_TOLD = 0xfffffffe;

export interface SandboxSockets {
  /**
   * A socket in the sandbox's network, as a handle for `server.listen`, `new Socket({ handle })` or `dgram.bind`.
   * Rejects with an error that carries `errno`, a positive number.
   */
  socket(kind: 'listening' | 'datagrams' | 'connected', at: SocketAddress): Promise<object>;
  /** Connections inside to every address that begins with the first `bits` of this one can be taken. Rejects as `socket`. */
  own(address: string, bits: number): Promise<void>;
  /**
   * `errno` 0 lets the call `id` pass, else refuses it; further calls to `at` pass unasked for `seconds` (default 0).
   * Without `id` only that changes.
   */
  settle(answer: {
    readonly id?: bigint;
    readonly errno: number;
    readonly at: SocketAddress;
    readonly seconds?: number;
  }): void;
}

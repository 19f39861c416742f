/** What the network side needs of the boundary: sockets inside, and answers to calls that wait. */

/** A place in the sandbox's network; the address in canonical spelling. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** A connect, an addressed send or a bind inside that waits for an answer. */
export interface AskedCall extends SocketAddress {
  /** 0: it was let pass already, by an answer that is remembered as `telling`. */
  readonly id: bigint;
  /** Of the process, on the host. */
  readonly pid: number;
  readonly act: 'connect' | 'send' | 'bind';
  /** `undefined`: it could not be told. */
  readonly transport: 'tcp' | 'udp' | undefined;
}

/**
 * What further calls to a destination meet, until it is settled anew: they are asked about, pass unasked, or pass and are
 * told of.
 */
export type Remember = 'nothing' | 'passing' | 'telling';

export interface SandboxSockets {
  /**
   * A socket in the sandbox's network, as a handle for `server.listen`, `new Socket({ handle })` or `dgram.bind`.
   * Rejects with an error that carries `errno`, a positive number.
   */
  socket(kind: 'listening' | 'datagrams' | 'connected', at: SocketAddress): Promise<object>;
  /** Connections inside to every address that begins with the first `bits` of this one can be taken. Rejects as `socket`. */
  own(address: string, bits: number): Promise<void>;
  /**
   * `errno` 0 lets the call `id` pass, else refuses it; `remember` (default `nothing`) is about further calls to `at`.
   * Without `id` only that changes.
   */
  settle(answer: {
    readonly id?: bigint;
    readonly errno: number;
    readonly at: SocketAddress;
    readonly remember?: Remember;
  }): void;
}

/** Who in the sandbox made a connection: the process by its call, else by its socket, and the program that it runs. */
import type { Socket } from 'node:net';
import { Askers } from './askers.ts';
import { CallQueue } from './call-queue.ts';
import type { AskedCall, SocketAddress } from './sandbox-sockets.ts';

/** Who connected. Nothing is decided by it: of two who connect to one place at once either may be taken for the other. */
export interface Caller {
  /** On the host; 0 when it is not known. */
  readonly pid: number;
  readonly program: string | undefined;
  /** The client's end of the connection. */
  readonly from: SocketAddress;
}

/** Milliseconds for which a process counts as running what it ran: one that makes many connections is looked at once. */
const KEPT_MS = 1000;
const MOST_KEPT = 256;

interface Kept {
  readonly program: string | undefined;
  readonly until: number;
}

export class Callers {
  readonly #calls = new CallQueue();
  readonly #askers = new Askers();
  readonly #programOf: (pid: number) => string | undefined;
  readonly #programs = new Map<number, Kept>();

  /** `programOf`: the executable of a process of the sandbox, by its pid on the host. */
  constructor(programOf: (pid: number) => string | undefined) {
    this.#programOf = programOf;
  }

  /** A call that is let pass, or asks for a name. */
  note(call: AskedCall): void {
    this.#askers.saw(call.pid);
    if (call.transport !== 'udp') this.#calls.expect(call);
  }

  /** Of a connection that was just accepted at this place. */
  of(client: Socket, at: SocketAddress): Caller {
    const pid = this.#calls.take(at);
    const from = { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 };
    return { pid, program: pid === 0 ? undefined : this.#program(pid), from };
  }

  /** Whose the socket is, which is certain, by the pid on the host; 0 when it cannot be told. The client must still hold it. */
  ownerOf(from: SocketAddress, transport: 'tcp' | 'udp'): number {
    return this.#askers.ownerOf(from, transport);
  }

  #program(pid: number): string | undefined {
    const now = performance.now();
    const kept = this.#programs.get(pid);
    if (kept !== undefined && kept.until > now) return kept.program;
    const program = this.#programOf(pid);
    this.#programs.delete(pid);
    if (this.#programs.size >= MOST_KEPT) this.#programs.delete(this.#programs.keys().next().value!);
    this.#programs.set(pid, { program, until: now + KEPT_MS });
    return program;
  }
}

/** Answers calls to a destination that wait: each goes on or is refused, and the launcher may let the next pass unasked. */
import type { AskedCall, Remember, SandboxSockets } from '../network/sandbox-sockets.ts';
import type { Denial } from '../violations/types.ts';
import { callDenial, EACCES } from './network-denials.ts';

export class CallAnswers {
  readonly #sockets: Pick<SandboxSockets, 'settle'>;
  readonly #onDenial: (denial: Denial) => unknown;

  constructor(sockets: Pick<SandboxSockets, 'settle'>, onDenial: (denial: Denial) => unknown) {
    this.#sockets = sockets;
    this.#onDenial = onDenial;
  }

  pass(call: AskedCall, remember: Remember = 'nothing'): void {
    this.#settle(call, 0, remember);
  }

  /** `denial`: what is recorded of it; or a clause that says why. */
  refuse(call: AskedCall, denial: Denial | string): void {
    // First the record: while the caller waits it can be looked at.
    this.#onDenial(typeof denial === 'string' ? callDenial(call, denial) : denial);
    this.#settle(call, EACCES, 'nothing');
  }

  #settle({ id, address, port }: AskedCall, errno: number, remember: Remember): void {
    this.#sockets.settle({ id, errno, at: { address, port }, remember });
  }
}

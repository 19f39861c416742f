/** The words of the egress gate: where a program wants to go, what was decided, and what was dialled. */
import type { Socket } from 'node:net';
import type { DomainRule } from '../policy/types.ts';
import type { Waiter } from './waiter.ts';

/** Where a connection is meant to end. */
export interface Destination {
  /** A normalised name (lower case, ASCII, no dot at its end), or an IP address in its canonical spelling, no brackets. */
  readonly host: string;
  /** 1 to 65535; 0 in the refusal of a name that was only asked for. */
  readonly port: number;
}

/**
 * Why a destination was refused.
 * - `not-allowed`: no rule mentions it
 * - `denied`: a rule denies it
 * - `literal`: it was dialled as an address, and that address is not listed
 * - `address`: its name is allowed, and every address it has is one that names must not lead to (loopback, private …)
 * - `name-mismatch`: TLS server name, HTTP Host or CONNECT say another name than the one that was resolved
 * - `unresolvable`: the host's resolver knows no address of it
 * - `unreachable`: no checked address answered
 * - `upload-limit`: the session has sent as much as it may
 * - `capacity`: the session has as many connections open as it may
 * - `protocol`: what was sent cannot be understood, so it cannot be checked
 */
export type RefusalReason =
  | 'not-allowed'
  | 'denied'
  | 'literal'
  | 'address'
  | 'name-mismatch'
  | 'unresolvable'
  | 'unreachable'
  | 'upload-limit'
  | 'capacity'
  | 'protocol';

export interface Refusal {
  readonly kind: 'refused';
  readonly destination: Destination;
  readonly reason: RefusalReason;
  /** The rule that decided; absent where none mentions the destination. */
  readonly rule?: DomainRule;
  /** With reason `address`: where the name leads. */
  readonly address?: string;
  /** One clause for people. May hold text from inside: escape it before it is shown. */
  readonly detail: string;
}

export interface Allowed {
  readonly kind: 'allowed';
  readonly destination: Destination;
  readonly rule: DomainRule;
}

export type Verdict = Refusal | Allowed;

export interface Connected {
  readonly kind: 'connected';
  /**
   * Connected and half open (`allowHalfOpen`); nothing was read from it and nothing reads it until somebody listens. It has
   * an error listener that does nothing, so that a reset before that cannot end the process. Whoever receives it closes it.
   */
  readonly socket: Socket;
  readonly destination: Destination;
  /** The address that was checked and dialled. With `via: 'upstream'` the proxy's. */
  readonly address: string;
  readonly rule: DomainRule;
  /** `upstream`: through a corporate proxy, which resolves the name itself. */
  readonly via: 'direct' | 'upstream';
}

/** Decides about destinations and dials those that are allowed. */
export interface Gate {
  /** By name, port and rules alone: nothing is resolved and nothing dialled. */
  judge(destination: Destination): Verdict;
  /** Judges, resolves on the host, checks every address, dials one that passed. Never throws but for an aborted `signal`. */
  connect(destination: Destination, signal?: Waiter): Promise<Connected | Refusal>;
}

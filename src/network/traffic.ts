/** Owns what a session counts: bytes in both directions, and how many it may still send. */
import type { DomainRule } from '../policy/types.ts';
import type { Destination } from './types.ts';

/**
 * How a connection came to its end.
 * - `ended`: both sides said all they had to
 * - `failed`: one side broke it off
 * - `refused`: never relayed, or a later request on it was refused
 * - `upload-limit`: what it was about to send was more than the session may
 * - `revoked`: the rule that allowed it is gone
 * - `idle`: one side was closed, and the other said nothing for long
 * - `session-ended`
 */
export type EndCause = 'ended' | 'failed' | 'refused' | 'upload-limit' | 'revoked' | 'idle' | 'session-ended';

/** One connection from the inside, once it is over. `Peer` is what the caller knows of who opened it. */
export interface ConnectionRecord<Peer> {
  readonly peer: Peer;
  readonly destination: Destination;
  /** Absent when nothing was dialled. */
  readonly address?: string;
  readonly rule?: DomainRule;
  readonly via?: 'direct' | 'upstream';
  /** Bytes that were passed on towards the destination, TLS and heads included. */
  readonly up: number;
  readonly down: number;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
  readonly closedAt: number;
  readonly cause: EndCause;
}

/** Bytes that one session may send, over all its connections. */
export class UploadBudget {
  readonly limit: number;
  #used = 0;

  /** `limit` in bytes; none by default. */
  constructor(limit = Number.POSITIVE_INFINITY) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get exhausted(): boolean {
    return this.#used >= this.limit;
  }

  /** Takes the bytes, or says that they are too many; then none of them may go, and from then on none at all. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) {
      this.#used = this.limit;
      return false;
    }
    this.#used += bytes;
    return true;
  }

  get detail(): string {
    return `this session may send ${this.limit} bytes in all (limits.upload), and has`;
  }
}

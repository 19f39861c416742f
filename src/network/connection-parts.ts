/** What one relayed connection is made of, and what it asks of whoever keeps it. */
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';
import type { ClientInspection, Spoken } from './inspection.ts';
import type { ConnectionRecord, UploadBudget } from './traffic.ts';
import type { Destination, Refusal } from './types.ts';

/** Milliseconds. */
export interface RelayTimes {
  /** For a ClientHello or a request head that has begun. Default 10,000. */
  readonly head: number;
  /** For the first bytes of a client that is refused anyway, to learn how to tell it. Default 250. */
  readonly refusal: number;
  /** For silence on a connection of which one side is closed. Default 300,000. */
  readonly halfOpen: number;
}

/** What a connection asks of whoever keeps it. */
export interface ConnectionOwner<Peer> {
  readonly times: RelayTimes;
  readonly budget: UploadBudget;
  /** Records a refusal; the id is shown to the client. */
  refused(refusal: Refusal, peer: Peer): string;
  /** Called once, when both sockets are done with. */
  closed(connection: Connection<Peer>, record: ConnectionRecord<Peer>): void;
}

/** Tells a client of a refusal, and closes it. `spoken` absent: it can be told nothing. */
export type Answer = (client: Socket, spoken: Spoken | undefined, refusal: Refusal, eventId: string) => void;

export interface ConnectionParts<Peer> {
  readonly client: Socket;
  readonly named: Destination;
  readonly peer: Peer;
  readonly owner: ConnectionOwner<Peer>;
  readonly answer: Answer;
  /** Absent: the client's bytes are not looked at. */
  readonly inspection?: ClientInspection;
}

/** Serves the connections of one session: each is judged, inspected, relayed, counted, and can be taken back. */
import type { Socket } from 'node:net';
import { breakOff } from './break-off.ts';
import { Connection } from './connection.ts';
import type { ConnectionOwner, RelayTimes } from './connection-parts.ts';
import { type ClientInspection, Inspection } from './inspection.ts';
import { answerRefusal } from './refusal-answer.ts';
import { type ConnectionRecord, UploadBudget } from './traffic.ts';
import type { Connected, Destination, Gate, Refusal } from './types.ts';
import type { Waiter } from './waiter.ts';

export interface RelayEvents<Peer> {
  /** Records a refusal and returns its id, which a client that can be told is told. */
  refused(refusal: Refusal, peer: Peer): string;
  /** A connection is over: also one that was refused. */
  closed(record: ConnectionRecord<Peer>): void;
}

export interface RelayOptions<Peer> {
  readonly gate: Gate;
  readonly events: RelayEvents<Peer>;
  /**
   * `names` (default): the names in TLS and HTTP must be the one that was dialled. `nothing`: for the host's loopback, where
   * whoever may reach a port may say what they like.
   */
  readonly inspect?: 'names' | 'nothing';
  /** Comes before the gate judges what `serve` was given; undefined where nobody is asked. Must not reject. */
  readonly ask?: (named: Destination, peer: Peer, waiter: Waiter) => Promise<unknown> | undefined;
  /** Bytes that all connections together may send (`limits.upload`). Default: no limit. */
  readonly uploadLimit?: number;
  /** At one time. Default 4,096: two descriptors each, well below the usual 1,048,576 of a process. */
  readonly mostConnections?: number;
  readonly times?: Partial<RelayTimes>;
}

const TIMES: RelayTimes = { head: 10_000, refusal: 250, halfOpen: 300_000 };
const MOST_CONNECTIONS = 4096;

/** `Peer` is what the caller knows of who connected (process, listening port); it comes back with every event. */
export class Relay<Peer> {
  readonly #gate: Gate;
  readonly #events: RelayEvents<Peer>;
  readonly #inspect: 'names' | 'nothing';
  readonly #most: number;
  readonly #ask: RelayOptions<Peer>['ask'];
  readonly #owner: ConnectionOwner<Peer>;
  readonly #open = new Set<Connection<Peer>>();
  #closed = false;
  #whenNone: (() => void) | undefined;

  constructor(options: RelayOptions<Peer>) {
    this.#gate = options.gate;
    this.#events = options.events;
    this.#inspect = options.inspect ?? 'names';
    this.#ask = options.ask;
    this.#most = options.mostConnections ?? MOST_CONNECTIONS;
    this.#owner = {
      times: { ...TIMES, ...options.times },
      budget: new UploadBudget(options.uploadLimit),
      refused: (refusal, peer) => this.#events.refused(refusal, peer),
      closed: (connection, record) => {
        this.#open.delete(connection);
        this.#events.closed(record);
        if (this.#open.size === 0) this.#whenNone?.();
      },
    };
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#open.size;
  }

  get budget(): UploadBudget {
    return this.#owner.budget;
  }

  /**
   * Takes over an accepted connection that was made to `named`: a name and not an address wherever the client had a name.
   * Dials while the client's first bytes are read; nothing of them goes on before they were judged.
   */
  serve(client: Socket, named: Destination, peer: Peer): void {
    const connection = this.#admit(client, named, peer);
    if (connection === undefined) return;
    const { waiter } = connection;
    const asked = this.#ask?.(named, peer, waiter);
    const connect = () => this.#gate.connect(named, waiter);
    (asked === undefined ? connect() : asked.then(connect)).then(
      (answer) => (answer.kind === 'connected' ? connection.attach(answer) : connection.refuse(answer)),
      () => connection.end('failed'),
    );
  }

  /**
   * Joins a client to what was dialled for it already. `first` are bytes of the client that were read on the way;
   * `inspection` takes the place of the one that `inspect` asks for.
   */
  join(client: Socket, connected: Connected, peer: Peer, first: Buffer, inspection?: ClientInspection): void {
    const connection = this.#admit(client, connected.destination, peer, inspection);
    if (connection === undefined) {
      connected.socket.destroy();
      return;
    }
    if (first.length > 0) client.unshift(first);
    connection.attach(connected);
  }

  /** Closes what a rule allowed that is gone; returns how many connections that were. */
  revoke(isRevoked: (connected: Connected) => boolean): number {
    const gone = [...this.#open].filter(({ connected }) => connected !== undefined && isRevoked(connected));
    for (const connection of gone) connection.end('revoked');
    return gone.length;
  }

  /** Ends everything; later connections are reset. Resolves when `closed` has told of the last one. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#open.size === 0) return;
    const none = new Promise<void>((resolve) => {
      this.#whenNone = resolve;
    });
    for (const connection of this.#open) connection.end('session-ended');
    await none;
  }

  #admit(
    client: Socket,
    named: Destination,
    peer: Peer,
    given?: ClientInspection,
  ): Connection<Peer> | undefined {
    if (this.#closed) {
      client.on('error', () => {});
      breakOff(client);
      return undefined;
    }
    const inspection = given ?? (this.#inspect === 'names' ? new Inspection(named, this.#gate) : undefined);
    const connection = new Connection<Peer>({
      client,
      named,
      peer,
      owner: this.#owner,
      answer: answerRefusal,
      ...(inspection && { inspection }),
    });
    this.#open.add(connection);
    const refusal = this.#fullness(named);
    if (refusal === undefined) return connection;
    connection.refuse(refusal);
    return undefined;
  }

  #fullness(destination: Destination): Refusal | undefined {
    const { budget } = this.#owner;
    if (budget.exhausted) {
      return { kind: 'refused', destination, reason: 'upload-limit', detail: budget.detail };
    }
    if (this.#open.size <= this.#most) return undefined;
    const detail = `${this.#most} connections are open already`;
    return { kind: 'refused', destination, reason: 'capacity', detail };
  }
}

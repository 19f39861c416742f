/** One relayed connection: both directions with back-pressure and half-close, and what is counted of it. */
import type { Socket } from 'node:net';
import { breakOff } from './break-off.ts';
import type { ConnectionParts } from './connection-parts.ts';
import type { Complaint, Passage } from './http-requests.ts';
import type { ClientInspection, Spoken } from './inspection.ts';
import type { EndCause } from './traffic.ts';
import type { Connected, Refusal } from './types.ts';
import { LightWaiter, type Waiter } from './waiter.ts';

/** Has the client's listeners from its construction on, and the server's from `attach`. */
export class Connection<Peer> {
  readonly #parts: ConnectionParts<Peer>;
  readonly #client: Socket;
  readonly #openedAt = Date.now();
  readonly #waiter = new LightWaiter();
  #inspection: ClientInspection | undefined;
  #spoken: Spoken | undefined;
  #connected: Connected | undefined;
  #server: Socket | undefined;
  /** What the client said before the server had answered. */
  #waiting: Buffer[] = [];
  #up = 0;
  #down = 0;
  #cause: EndCause | undefined;
  #finished = false;
  #refusal: { readonly refusal: Refusal; readonly eventId: string } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #clientEnded = false;
  #serverEnded = false;

  constructor(parts: ConnectionParts<Peer>) {
    this.#parts = parts;
    this.#client = parts.client;
    this.#inspection = parts.inspection;
    const client = parts.client;
    // The default closes our half as soon as the client has closed its own, before the answer to its request has come.
    client.allowHalfOpen = true;
    client.setNoDelay(true);
    client.on('error', () => this.end('failed'));
    client.on('close', () => this.#sideClosed());
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk));
    client.on('end', () => this.#clientEnd());
    client.on('drain', () => this.#server?.resume());
  }

  get connected(): Connected | undefined {
    return this.#connected;
  }

  /** Gives up when nobody waits for an answer any more. */
  get waiter(): Waiter {
    return this.#waiter;
  }

  /** The client's bytes now have somewhere to go. */
  attach(connected: Connected): void {
    const server = connected.socket;
    if (this.#cause !== undefined || this.#refusal !== undefined) {
      server.destroy();
      return;
    }
    this.#connected = connected;
    this.#server = server;
    server.allowHalfOpen = true;
    server.setNoDelay(true);
    server.on('error', () => this.end('failed'));
    server.on('close', () => this.#sideClosed());
    server.on('data', (chunk: Buffer) => this.#fromServer(chunk));
    server.on('end', () => this.#serverEnd());
    server.on('drain', () => this.#client.resume());
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) this.#send(server, chunk);
    if (this.#clientEnded) server.end();
    if (!server.writableNeedDrain) this.#client.resume();
    server.resume();
  }

  /** Tells the client in its own protocol if nothing was relayed yet, else breaks it off. */
  refuse(refusal: Refusal): void {
    if (this.#cause !== undefined || this.#refusal !== undefined) return;
    this.#waiter.giveUp();
    this.#refusal = { refusal, eventId: this.#parts.owner.refused(refusal, this.#parts.peer) };
    this.#waiting = [];
    this.#stopTimer();
    const mayLearn = this.#inspection !== undefined && this.#spoken === undefined && !this.#clientEnded;
    if (this.#untouched && mayLearn) {
      this.#client.resume();
      this.#startTimer(this.#parts.owner.times.refusal, () => this.#tell());
    } else {
      this.#tell();
    }
  }

  /** Breaks both sides off. */
  end(cause: EndCause): void {
    // A client that is still reading the reason is left to it.
    if (this.#cause !== undefined && cause !== 'session-ended') return;
    this.#cause ??= this.#refusal === undefined ? cause : 'refused';
    this.#stopTimer();
    this.#waiter.giveUp();
    breakOff(this.#client);
    if (this.#server !== undefined) breakOff(this.#server);
  }

  get #untouched(): boolean {
    return this.#up === 0 && this.#down === 0;
  }

  #tell(): void {
    if (this.#refusal === undefined || this.#cause !== undefined) return;
    const { refusal, eventId } = this.#refusal;
    this.#cause = refusal.reason === 'upload-limit' ? 'upload-limit' : 'refused';
    this.#stopTimer();
    const spoken = this.#untouched ? this.#spoken : undefined;
    if (this.#server !== undefined) breakOff(this.#server);
    this.#parts.answer(this.#client, spoken, refusal, eventId);
  }

  #fromClient(chunk: Buffer): void {
    const inspection = this.#inspection;
    if (inspection === undefined) {
      if (this.#refusal === undefined) this.#forward(chunk);
      return;
    }
    const passage = inspection.write(chunk);
    this.#spoken = inspection.spoken;
    if (this.#refusal === undefined) this.#pass(passage, inspection);
    else if (this.#spoken !== undefined) this.#tell();
  }

  #pass({ pass, complaint, over }: Passage, inspection: ClientInspection): void {
    for (const chunk of pass) if (!this.#forward(chunk)) return;
    if (over) this.#server?.end();
    if (complaint !== undefined) {
      this.refuse({ kind: 'refused', destination: this.#parts.named, ...complaint });
      return;
    }
    if (inspection.open) this.#inspection = undefined;
    this.#watchTime(inspection.pending);
  }

  /** What has begun must end soon; that more of it keeps coming makes no difference, or drops of it would hold on for ever. */
  #watchTime(pending: boolean): void {
    if (!pending) this.#stopTimer();
    else if (this.#timer === undefined) {
      this.#startTimer(this.#parts.owner.times.head, () =>
        this.#complain('it did not end in time what it had begun to ask'),
      );
    }
  }

  #complain(detail: Complaint['detail']): void {
    this.refuse({ kind: 'refused', destination: this.#parts.named, reason: 'protocol', detail });
  }

  /** Whether it may go. */
  #forward(chunk: Buffer): boolean {
    const { budget } = this.#parts.owner;
    if (!budget.take(chunk.length)) {
      const { named: destination } = this.#parts;
      this.refuse({ kind: 'refused', destination, reason: 'upload-limit', detail: budget.detail });
      return false;
    }
    if (this.#server !== undefined) this.#send(this.#server, chunk);
    else {
      this.#waiting.push(chunk);
      this.#client.pause();
    }
    return true;
  }

  #send(server: Socket, chunk: Buffer): void {
    this.#up += chunk.length;
    // `write` says no to any chunk above the mark, also to one that the kernel has taken whole.
    if (!server.write(chunk) && server.writableLength > 0) this.#client.pause();
  }

  #fromServer(chunk: Buffer): void {
    if (this.#refusal !== undefined) return;
    this.#down += chunk.length;
    if (!this.#client.write(chunk) && this.#client.writableLength > 0) this.#server!.pause();
    const inspection = this.#inspection;
    if (inspection?.awaitsAnswer) this.#pass(inspection.answer(chunk), inspection);
  }

  #clientEnd(): void {
    this.#clientEnded = true;
    if (this.#refusal !== undefined) {
      this.#tell();
      return;
    }
    if (this.#inspection !== undefined) this.#pass(this.#inspection.end(), this.#inspection);
    this.#stopTimer();
    this.#server?.end();
    this.#watchSilence(this.#server);
  }

  #serverEnd(): void {
    this.#serverEnded = true;
    if (this.#refusal !== undefined) return;
    this.#client.end();
    this.#watchSilence(this.#client);
  }

  /** A client that is gone looks like one that only stopped sending; the kernel tells the two apart when we send to it. */
  #watchSilence(open: Socket | undefined): void {
    if (this.#clientEnded && this.#serverEnded) return;
    open?.setTimeout(this.#parts.owner.times.halfOpen, () => this.end('idle'));
  }

  #sideClosed(): void {
    const server = this.#server;
    const orderly = this.#clientEnded && (this.#serverEnded || server === undefined);
    if (!orderly) this.end('failed');
    if (this.#client.closed && (server === undefined || server.closed)) this.#finish();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#cause ??= 'ended';
    this.#stopTimer();
    this.#waiter.giveUp();
    const { peer, named: destination, owner } = this.#parts;
    const to = this.#connected;
    owner.closed(this, {
      peer,
      destination,
      ...(to !== undefined && { address: to.address, rule: to.rule, via: to.via }),
      up: this.#up,
      down: this.#down,
      openedAt: this.#openedAt,
      closedAt: Date.now(),
      cause: this.#cause,
    });
  }

  #startTimer(ms: number, act: () => void): void {
    this.#timer = setTimeout(act, ms);
    this.#timer.unref();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

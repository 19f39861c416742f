/** Puts the resolver on sockets inside the sandbox's network: UDP and TCP at one address, port 53. */

import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { DnsDeframer, frame } from './dns-framing.ts';
import { onceTold } from './once-told.ts';
import type { Resolver, ResolverAnswer } from './resolver.ts';
import type { SandboxSockets, SocketAddress } from './sandbox-sockets.ts';

export const DNS_PORT = 53;

export interface NameServerOptions {
  readonly sockets: SandboxSockets;
  readonly resolver: Resolver;
  readonly address: string;
  /** Before the answer goes out. `from`: the client, which waits for it. */
  readonly onRefused: (
    refused: NonNullable<ResolverAnswer['refused']>,
    from: SocketAddress,
    transport: 'tcp' | 'udp',
  ) => void;
}

interface Question {
  readonly message: Uint8Array;
  readonly from: SocketAddress;
  readonly transport: 'tcp' | 'udp';
}

/** A client that says nothing keeps its connection this long. */
const IDLE_MS = 10_000;
const MOST_CONNECTIONS = 256;

export class NameServer {
  readonly #options: NameServerOptions;
  #started: Promise<void> | undefined;
  #datagrams: DatagramSocket | undefined;
  #server: Server | undefined;
  readonly #clients = new Set<Socket>();

  constructor(options: NameServerOptions) {
    this.#options = options;
  }

  /** Resolves when it answers. Rejects when the sockets cannot be had. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  close(): void {
    this.#datagrams?.close();
    this.#datagrams = undefined;
    this.#server?.close();
    for (const client of this.#clients) client.destroy();
  }

  async #start(): Promise<void> {
    const { sockets, address } = this.#options;
    const at = { address, port: DNS_PORT };
    const [datagrams, listening] = await Promise.all([
      sockets.socket('datagrams', at),
      sockets.socket('listening', at),
    ]);
    const socket = createSocket('udp4');
    this.#datagrams = socket;
    socket.on('message', (message, from) => this.#answerDatagram(socket, message, from));
    // A client that has gone is told by ICMP; there is nobody left to answer.
    socket.on('error', () => {});
    // The shape that Node's own cluster module binds (lib/dgram.js).
    (socket as unknown as { bind(handle: object): void }).bind(datagrams);
    this.#server = createServer((client) => this.#serve(client));
    this.#server.maxConnections = MOST_CONNECTIONS;
    await new Promise<void>((done, fail) =>
      this.#server?.once('error', fail).listen({ _handle: listening }, done),
    );
  }

  /** A refusal waits for the end of this turn, in which is read who asks: the client is told only then. */
  #answer(question: Question, tell: (reply: Uint8Array) => void): void {
    const { reply, refused } = this.#options.resolver.answer(question.message);
    const answer = () => reply !== undefined && tell(reply);
    if (refused === undefined) answer();
    else
      onceTold(() => {
        this.#options.onRefused(refused, question.from, question.transport);
        answer();
      });
  }

  #answerDatagram(socket: DatagramSocket, message: Uint8Array, from: RemoteInfo): void {
    this.#answer({ message, from, transport: 'udp' }, (reply) => {
      if (this.#datagrams !== undefined) socket.send(reply, from.port, from.address, () => {});
    });
  }

  #serve(client: Socket): void {
    const deframer = new DnsDeframer();
    const from = { address: client.remoteAddress ?? '', port: client.remotePort ?? 0 };
    this.#clients.add(client);
    client.setTimeout(IDLE_MS, () => client.destroy());
    client.on('error', () => {});
    client.on('close', () => this.#clients.delete(client));
    client.on('data', (chunk) => {
      const { messages, broken } = deframer.push(chunk);
      for (const message of messages)
        this.#answer({ message, from, transport: 'tcp' }, (reply) => client.write(frame(reply)));
      if (broken) client.destroy();
    });
  }
}

/** Services of doctor's own on the host's loopback, which count their visitors; a name server among them. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { SERVICE_PORTS } from '../policy/service-ports.ts';

export interface Listener {
  readonly name: string;
  readonly port: number;
  /** Whether anybody but doctor came since it was last asked. */
  visited(): Promise<boolean>;
  close(): void;
}

const LOOPBACK = '127.0.0.1';

/** Resolves when a connection made now was accepted: the kernel hands them over in order, so those before it were too. */
async function knock(port: number): Promise<void> {
  const client = connect(port, LOOPBACK);
  await once(client, 'connect');
  client.resume();
  await once(client, 'close');
}

/** Rejects where `port` is taken; 0 takes any. */
export async function listenStream(name: string, port = 0): Promise<Listener> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.on('error', () => {});
    socket.destroy();
  });
  server.listen(port, LOOPBACK);
  await once(server, 'listening');
  const address = server.address() as { port: number };
  return {
    name,
    port: address.port,
    async visited() {
      await knock(address.port);
      const foreign = count > 1;
      count = 0;
      return foreign;
    },
    close: () => server.close(),
  };
}

/** The question of a DNS message (RFC 1035, 4.1): one name, class IN, type A. */
export function dnsQuery(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  // Identifier 7, recursion desired, one question.
  const header = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** Whether a DNS message gives an address: response code 0 and at least one record. */
export function dnsResolved(message: Buffer): boolean {
  return message.length >= 12 && (message[3]! & 0x0f) === 0 && message.readUInt16BE(6) > 0;
}

function dnsAnswer(query: Buffer): Buffer {
  const answer = Buffer.concat([
    query,
    // The name of the question (a pointer to it), type A, class IN, no time to live, 127.0.0.1.
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]),
  ]);
  answer[2] = 0x81;
  answer[3] = 0x80;
  answer[7] = 1;
  return answer;
}

async function bind(socket: Socket): Promise<number> {
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  return socket.address().port;
}

const SENTINEL = 'pinfold-doctor-sentinel';

/** Answers each question with 127.0.0.1. */
export async function listenDatagram(name: string): Promise<Listener> {
  let count = 0;
  const socket = createSocket('udp4', (message, { port, address }) => {
    if (message.toString() === SENTINEL) {
      socket.emit('sentinel');
      return;
    }
    count += 1;
    if (message.length >= 12) socket.send(dnsAnswer(message), port, address);
  });
  const port = await bind(socket);
  return {
    name,
    port,
    async visited() {
      const seen = once(socket, 'sentinel');
      socket.send(SENTINEL, port, LOOPBACK);
      await seen;
      const foreign = count > 0;
      count = 0;
      return foreign;
    },
    close: () => socket.close(),
  };
}

/** On the first port that is free of those on which services run code for whoever asks. */
export async function listenDangerous(): Promise<Listener | undefined> {
  for (const port of SERVICE_PORTS.keys()) {
    try {
      return await listenStream('dangerous', port);
    } catch (error) {
      // Taken by a service of the host, which is not doctor's to touch, or only for root (ip(7)).
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    }
  }
  return undefined;
}

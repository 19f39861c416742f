/** Makes ClientHellos: from their fields, and real ones as Node's TLS sends them. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';

export function vector(width: 1 | 2 | 3, content: Buffer): Buffer {
  const length = Buffer.alloc(width);
  length.writeUIntBE(content.length, 0, width);
  return Buffer.concat([length, content]);
}

export function extension(type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(type);
  return Buffer.concat([head, vector(2, content)]);
}

export const serverName = (name: string): Buffer =>
  extension(0, vector(2, Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(name, 'latin1'))])));

/** `records`: how many bytes of the handshake each record carries, the last of them repeated. */
export function clientHello(extensions: readonly Buffer[], records: readonly number[] = [16_384]): Buffer {
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 9)),
    vector(2, Buffer.from([0x13, 0x01, 0x13, 0x02])),
    vector(1, Buffer.from([0])),
    vector(2, Buffer.concat(extensions)),
  ]);
  return recordsOf(Buffer.concat([Buffer.from([1]), vector(3, body)]), records);
}

export function recordsOf(handshake: Buffer, sizes: readonly number[]): Buffer {
  const made: Buffer[] = [];
  for (let at = 0, turn = 0; at < handshake.length; turn++) {
    const size = sizes[Math.min(turn, sizes.length - 1)]!;
    made.push(Buffer.from([22, 3, 1]), vector(2, handshake.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat(made);
}

/** What Node sends for this name, up to its first pause. */
export async function realClientHello(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

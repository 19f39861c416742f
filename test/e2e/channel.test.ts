/** Handles on Node's IPC channel: what the launcher makes, Node can use as if it had made it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Server, Socket } from 'node:net';
import { expect, test } from 'vitest';
import { compileFixture } from '../fixtures/world.ts';

async function sender(kind: string): Promise<ChildProcess> {
  const program = await compileFixture('channel-sender');
  return spawn(program, [kind], {
    env: {},
    stdio: ['ignore', 'ignore', 'inherit', 'ignore', 'ignore', 'ignore', 'ipc'],
  });
}

test('a socket arrives as a handle on which a stream works both ways', async () => {
  const child = await sender('stream');
  const [message, handle] = await once(child, 'message');
  expect(message).toEqual({ for: 'stream' });
  const socket = new Socket({ handle, readable: true, writable: true } as never);
  socket.write('there and back');
  const [bytes] = await once(socket, 'data');
  expect(String(bytes)).toBe('there and back');
  expect(await once(child, 'exit')).toEqual([0, null]);
  socket.destroy();
});

test('a listening socket arrives as a server that accepts connections', async () => {
  const child = await sender('server');
  const [message, server] = (await once(child, 'message')) as [object, Server];
  expect(message).toEqual({ for: 'server' });
  const { port } = server.address() as { port: number };
  const client = connect(port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  accepted.end('served');
  const [bytes] = await once(client, 'data');
  expect(String(bytes)).toBe('served');
  server.close();
});

test('more handles than may be in flight at once all arrive', async () => {
  const child = await sender('many');
  let arrived = 0;
  child.on('message', (_message, handle) => {
    arrived++;
    (handle as unknown as { close(): void }).close();
    if (arrived === 3000) child.disconnect();
  });
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(arrived).toBe(3000);
});
